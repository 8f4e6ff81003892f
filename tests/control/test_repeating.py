"""Work that goes on by itself: what goes wrong does not end it, and is told unless the store has said so already."""

from __future__ import annotations

import asyncio
import logging

import pytest

from control.repeating import Repeating
from control.store.interface import Overloaded, Unavailable


@pytest.mark.parametrize(
    ("failure", "told"),
    [(RuntimeError("injected"), ["looking failed"]), (Unavailable("away"), []), (Overloaded("busy"), [])],
)
def test_the_next_look_comes_and_only_faults_are_told(
    caplog: pytest.LogCaptureFixture, failure: Exception, told: list[str]
) -> None:
    looks = 0

    async def run() -> None:
        done = asyncio.Event()

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise failure
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
    assert [record.getMessage() for record in caplog.records] == told


def test_what_never_began_can_be_stopped() -> None:
    async def nothing() -> None: ...

    Repeating("nothing", nothing, nothing).stop()


def test_what_comes_of_it_can_be_seen() -> None:
    outcomes = [None, RuntimeError("injected"), Unavailable("away"), None]
    now = 100.0

    async def run() -> Repeating:
        done = asyncio.Event()

        async def look() -> None:
            nonlocal now
            now += 1.0
            if not outcomes:
                done.set()
                raise Overloaded("busy")
            if (outcome := outcomes.pop(0)) is not None:
                raise outcome

        work = Repeating("looking", look, lambda: asyncio.sleep(0), now=lambda: now)
        assert (work.failures, work.succeeded) == (0, None)
        work.start()
        await done.wait()
        work.stop()
        return work

    work = asyncio.run(run())
    assert (work.failures, work.succeeded) == (1, 104.0)
