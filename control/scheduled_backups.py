"""Backups into a folder, again and again: whenever the newest there is old enough.

What is due stands in the folder alone. Processes that share it take turns, and find that it is done; those that do not
make one each.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control import audit
from control.repeating import Repeating
from control.store.interface import Actor, Store

PAUSE = 60.0
"""Seconds between looks."""
AGAIN = 3600.0
"""Seconds after one that failed."""
NAMED = "outpost-*.backup"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    folder: Path
    every: float
    """Seconds."""
    back_up: Callable[[], str]
    """Makes one in the folder, in a thread of its own; why it could not, or nothing."""


class ScheduledBackups:
    def __init__(self, store: Store, schedule: Schedule, now: Callable[[], float] = time.time) -> None:
        self.failed = 0.0
        """When the last one failed, seconds since the epoch."""
        self._store = store
        self._schedule = schedule
        self._now = now
        self.work = Repeating("backing up", self.look, lambda: asyncio.sleep(PAUSE))

    def overdue(self) -> float:
        """Seconds since there should have been one; 0: there is."""
        return max(0.0, self._now() - self._newest() - self._schedule.every)

    async def look(self) -> None:
        if self.overdue() == 0.0 or self._now() - self.failed < AGAIN:
            return
        try:
            self._schedule.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone_in(self._schedule.folder) as alone:
                if not alone or self.overdue() == 0.0:
                    return
                fault = await asyncio.to_thread(self._schedule.back_up)
        except OSError as error:
            fault = f"{error.filename or self._schedule.folder} cannot be used: {error.strerror}."
        if not fault:
            log.info("A backup was made in %s.", self._schedule.folder)
            return
        self.failed = self._now()
        message = f"The scheduled backup has failed: {fault}"
        log.error(message, extra={"fields": {"event": "backup_failed"}})
        actor = Actor({"username": "outpost backup"})
        await self._store.write(
            lambda tx: audit.leave(tx, "configuration_error", "outpost_backup", {"message": message}, actor)
        )

    def _newest(self) -> float:
        """0.0: there is none, or nobody can look."""
        try:
            return max((path.stat().st_mtime for path in self._schedule.folder.glob(NAMED)), default=0.0)
        except OSError:
            return 0.0


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """False: another process is at it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
