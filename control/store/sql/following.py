"""Tells followers of new revisions: of our own commits at once, of other processes' by looking every 200 ms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from control.store.sql.engines import Dialect
from control.store.sql.schema import head

LOOK_EVERY = 0.2
"""Seconds. An administrative command beside a running program is in force within 300 ms."""

log = logging.getLogger(__name__)


class Announcements:
    """The thread that looks starts with the first follower."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._followers: list[tuple[asyncio.AbstractEventLoop, Callable[[int], None]]] = []
        self._lock = Lock()
        self._announced = 0
        self._closing = Event()
        self._thread: Thread | None = None

    def follow(self, loop: asyncio.AbstractEventLoop, changed: Callable[[int], None]) -> None:
        with self._lock:
            if self._thread is None:
                with self._dialect.reading.connect() as connection:
                    self._announced = max(self._announced, _newest(connection))
                self._thread = Thread(target=self._look, name="store-follower", daemon=True)
                self._thread.start()
            self._followers.append((loop, changed))

    def announce(self, number: int) -> None:
        """Called from any thread; tells each revision once, and never an older one after a newer."""
        with self._lock:
            if number <= self._announced:
                return
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
        """A database that is away for a moment is looked at again; the next look catches up."""
        while not self._closing.is_set():
            try:
                self._look_until_broken()
            except SQLAlchemyError:
                log.warning("cannot see whether the store changed; trying again", exc_info=True)
                self._closing.wait(LOOK_EVERY)

    def _look_until_broken(self) -> None:
        seen: object = None
        with self._dialect.reading.connect() as connection:
            while not self._closing.wait(LOOK_EVERY):
                with connection.begin():
                    now = self._dialect.changes_seen(connection)
                    newest = _newest(connection) if now != seen else None
                seen = now
                if newest is not None:
                    self.announce(newest)


def _newest(connection: Connection) -> int:
    return int(connection.execute(select(head.c.number)).scalar_one())
