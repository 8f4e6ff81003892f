"""The same question, asked again while its answer is still on the way, waits for that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Once:
    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Deferred[Any]]] = {}

    async def __call__(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` gives, for everybody who asks meanwhile; or what it raises."""
        if question in self._waiting:
            waiting: Deferred[T] = Deferred()
            self._waiting[question].append(waiting)
            return await waiting
        others = self._waiting[question] = []
        try:
            answer = await ask()
        except BaseException as error:
            del self._waiting[question]
            for one in others:
                one.errback(error if isinstance(error, Exception) else RuntimeError("the question was given up"))
            raise
        del self._waiting[question]
        for one in others:
            one.callback(answer)
        return answer
