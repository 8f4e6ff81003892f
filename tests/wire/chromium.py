"""Chromium, as the tests drive it: nothing leaves this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW_MILLISECONDS = 20_000
"""For what a page shows by itself."""


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    expect.set_options(timeout=SLOW_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *arguments])
        yield browser
        browser.close()
