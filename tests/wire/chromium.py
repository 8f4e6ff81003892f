"""Chromium, as the tests drive it: nothing leaves this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright, expect, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW_MILLISECONDS = 60_000
"""For what a page shows by itself, and for a browser to start, on a machine that others use, too."""


_RUNNING: list[Playwright] = []
"""One a thread is all that it allows; any number of browsers may be started by it."""


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Within another one's time, too; this one ends first then."""
    expect.set_options(timeout=SLOW_MILLISECONDS)
    with _playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, *arguments], timeout=SLOW_MILLISECONDS
        )
        yield browser
        browser.close()


@contextmanager
def _playwright() -> Iterator[Playwright]:
    if _RUNNING:
        yield _RUNNING[0]
        return
    with sync_playwright() as started:
        _RUNNING.append(started)
        try:
            yield started
        finally:
            _RUNNING.clear()
