"""Work that a control process does again and again, beside answering: what goes wrong is told, and tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from control.store.interface import Overloaded, Unavailable

log = logging.getLogger(__name__)


class Repeating:
    """``look`` after ``look``, with a ``pause`` after each. ``what``: for the log."""

    def __init__(self, what: str, look: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> None:
        self._what = what
        self._look = look
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._go())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _go(self) -> None:
        while True:
            try:
                await self._look()
            except (Unavailable, Overloaded):
                pass  # the store has said so, and there is nothing to look at until it can
            except Exception:
                log.exception("%s failed", self._what, extra={"fields": {"event": "fault"}})
            await self._pause()
