"""Work off the reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

T = TypeVar("T")


class Threads:
    """The reactor's own, and one for work that needs much memory for a moment, one piece after another: what a thread
    has had from malloc stays with it, and a password's hash takes 19 MiB."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._one: ThreadPool | None = None

    def any(self, work: Callable[[], T]) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)

    def one(self, work: Callable[[], T]) -> Deferred[T]:
        if self._one is None:
            self._one = ThreadPool(0, 1, "outpost-hashing")
            self._one.start()
            self._reactor.addSystemEventTrigger("after", "shutdown", self._one.stop)
        return deferToThreadPool(self._reactor, self._one, work)
