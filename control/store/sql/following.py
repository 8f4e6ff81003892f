"""Tells followers of new revisions: of our own commits at once, of other processes' as the database shows them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from control.store.interface import Unavailable
from control.store.sql.dialect import Dialect, newest_revision
from control.store.sql.outage import Outage

RETRY_SECONDS = 0.5
"""Until a database that was away is looked at again."""

log = logging.getLogger(__name__)


class Announcements:
    """The thread that looks starts with the first follower."""

    def __init__(self, dialect: Dialect, outage: Outage) -> None:
        self._dialect = dialect
        self._outage = outage
        self._followers: list[tuple[asyncio.AbstractEventLoop, Callable[[int], None]]] = []
        self._lock = Lock()
        self._announced = 0
        self._was_away = False
        self._closing = Event()
        self._thread: Thread | None = None

    def follow(self, loop: asyncio.AbstractEventLoop, changed: Callable[[int], None]) -> None:
        """Raises Unavailable."""
        with self._lock:
            if self._thread is None:
                with self._outage.noticed(), self._dialect.reading.connect() as connection:
                    self._announced = max(self._announced, newest_revision(connection))
                self._thread = Thread(target=self._look, name="store-follower", daemon=True)
                self._thread.start()
            self._followers.append((loop, changed))

    def announce(self, number: int) -> None:
        """Called from any thread; tells each revision of one history once, and never an older one after a newer."""
        with self._lock:
            if number > self._announced:
                self._tell(number)

    def _begin_anew(self, number: int) -> None:
        """What has been told may not be in the store any more: a standby has taken its place, or a backup."""
        with self._lock:
            self._tell(number)

    def _tell(self, number: int) -> None:
        self._announced = number
        for follower in list(self._followers):
            loop, changed = follower
            try:
                loop.call_soon_threadsafe(changed, number)
            except RuntimeError:  # its event loop is closed
                self._followers.remove(follower)

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        """A database that is away is looked at again; the first look catches up."""
        while not self._closing.is_set():
            try:
                self._look_until_broken()
            except Unavailable:  # told already
                self._was_away = True
            except Exception:
                log.exception("cannot see whether the store changed; trying again")
            self._closing.wait(RETRY_SECONDS)

    def _look_until_broken(self) -> None:
        with self._outage.noticed():
            for look in self._dialect.news(self._closing):
                before = self._announced
                newest = look()
                self._outage.over()
                if self._was_away or newest < before:
                    self._begin_anew(newest)
                else:
                    self.announce(newest)
                self._was_away = False
