"""Work off the reactor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from twisted.python.threadpool import ThreadPool

from outpost.threads import Threads

PATIENCE = 60.0


class Reactor:
    """As much of one as threads need: what they say is done when the test takes it."""

    def __init__(self) -> None:
        self.pool = ThreadPool(0, 5)
        self.pool.start()
        self.at_the_end: list[Callable[[], object]] = [self.pool.stop]
        self._said: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def getThreadPool(self) -> ThreadPool:
        return self.pool

    def callFromThread(self, said: Callable[..., object], *arguments: Any) -> None:
        self._said.put(lambda: said(*arguments))

    def addSystemEventTrigger(self, phase: str, event: str, work: Callable[[], object]) -> None:
        assert (phase, event) == ("after", "shutdown")
        self.at_the_end.append(work)

    def take(self) -> None:
        self._said.get(timeout=PATIENCE)()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    one = Reactor()
    yield one
    for work in one.at_the_end:
        work()


def test_hashes_are_made_in_one_thread_one_after_another(reactor: Reactor) -> None:
    threads = Threads(reactor)
    results: list[int] = []
    under_way: list[int] = []

    def work() -> int:
        under_way.append(1)
        assert len(under_way) == 1
        under_way.pop()
        return threading.get_ident()

    for _ in range(20):
        threads.one(work).addCallback(results.append)
    for _ in range(20):
        reactor.take()
    assert len(set(results)) == 1
    assert results[0] != threading.get_ident()


def test_what_waits_for_a_hash_holds_up_nothing_else(reactor: Reactor) -> None:
    threads = Threads(reactor)
    results: list[object] = []
    go_on = threading.Event()
    threads.one(lambda: go_on.wait(PATIENCE)).addCallback(results.append)
    threads.any(lambda: "written").addCallback(results.append)
    reactor.take()
    assert results == ["written"]
    go_on.set()
    reactor.take()
    assert results == ["written", True]


def test_it_ends_with_the_reactor(reactor: Reactor) -> None:
    threads = Threads(reactor)
    threads.one(lambda: None)
    threads.one(lambda: None)
    assert len(reactor.at_the_end) == 2
