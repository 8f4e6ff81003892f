"""Work that goes on by itself: what goes wrong is told, and does not end it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from control.repeating import Repeating


def test_a_failure_is_told_and_the_next_look_comes(caplog: pytest.LogCaptureFixture) -> None:
    looks = 0

    async def run() -> None:
        done = asyncio.Event()

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise RuntimeError("injected")
            done.set()

        work = Repeating("looking", look, lambda: asyncio.sleep(0))
        work.start()
        await done.wait()
        work.stop()
        seen = looks
        for _ in range(5):
            await asyncio.sleep(0)
        assert looks == seen

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == ["looking failed"]


def test_what_never_began_can_be_stopped() -> None:
    async def nothing() -> None: ...

    Repeating("nothing", nothing, nothing).stop()
