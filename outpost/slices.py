"""Long work on the reactor, cut so that no packet waits for more than one slice (DESIGN section 6)."""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")

NEVER = 1_000_000_000
"""Collections of one generation before one of the next."""
UNSETTLED = 2000
"""Records that may change before they are settled: to look through so many takes a full collection about 20 ms."""


async def in_turns(work: Generator[None, None, T], clock: IReactorTime) -> T:
    """What ``work`` returns; after every slice the reactor has a turn. Cancelled, it does no more of it."""
    try:
        while True:
            try:
                next(work)
            except StopIteration as done:
                result: T = done.value
                return result
            await _turn(clock)
    finally:
        work.close()


def _turn(clock: IReactorTime) -> Deferred[None]:
    turn: Deferred[None] = Deferred(lambda _: due.cancel())
    due = clock.callLater(0, turn.callback, None)
    return turn


class GarbageCollector:
    """Keeps the search for cyclic garbage away from the directory, which has no cycles and is large.

    A full collection looks at every object that is not settled: 1.2 s for 100,000 users. ``collector`` is Python's
    module `gc`.
    """

    def __init__(self, collector: Any = gc) -> None:
        self._gc = collector
        self._usual: tuple[int, int, int] | None = None
        self._unsettled = 0

    def postpone(self) -> None:
        """Until `resume` or `settle`, only the youngest objects are looked at.

        What a load makes stays; to look at it a second time takes 20 ms now and then, and a third time seconds.
        """
        if self._usual is None:
            self._usual = self._gc.get_threshold()
            self._gc.set_threshold(self._usual[0], NEVER, NEVER)

    def resume(self) -> None:
        if self._usual is not None:
            self._gc.set_threshold(*self._usual)
            self._usual = None

    def grown(self, records: int) -> None:
        """So many records were put into the directory, or replaced, or encoded entries kept."""
        self._unsettled += records
        if self._unsettled >= UNSETTLED and self._usual is None:
            self.settle()

    def settle(self) -> None:
        """What is there now is looked at no more. It is freed all the same when nothing refers to it."""
        self._unsettled = 0
        if self._usual is None:
            self._gc.collect(1)
        self._gc.freeze()
        self.resume()
