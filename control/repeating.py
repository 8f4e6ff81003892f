"""Work that a control process does again and again, beside answering: what goes wrong is told, and tried again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from control.store.interface import Overloaded, Unavailable

log = logging.getLogger(__name__)


class Repeating:
    """``look`` after ``look``, with a ``pause`` after each. ``what``: for the log. ``now``: seconds since the epoch.
    ``stopped``: ends what a look has begun."""

    def __init__(
        self,
        what: str,
        look: Callable[[], Awaitable[None]],
        pause: Callable[[], Awaitable[None]],
        now: Callable[[], float] = time.time,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.what = what
        self.failures = 0
        """How often it went wrong otherwise than for want of the store."""
        self.succeeded: float | None = None
        """When it went well last."""
        self._now = now
        self._stopped = stopped
        self._look = look
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._go())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._stopped()

    async def _go(self) -> None:
        while True:
            try:
                await self._look()
                self.succeeded = self._now()
            except (Unavailable, Overloaded):
                pass  # the store has said so, and there is nothing to look at until it can
            except Exception:
                self.failures += 1
                log.exception("%s failed", self.what, extra={"fields": {"event": "fault"}})
            await self._pause()
