"""`SqlStore`: readers in a bounded pool of threads, one writer, followers (DESIGN D4, D5)."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from control.store.interface import SYSTEM, Actor, Transaction
from control.store.secrets import Again, KeyRing
from control.store.sql.creation import prepare
from control.store.sql.databases import open_dialect
from control.store.sql.following import Announcements
from control.store.sql.outage import Outage, translated
from control.store.sql.reading import Given
from control.store.sql.rows import Rows
from control.store.sql.transaction import SqlTransaction
from control.store.sql.writer import Writer
from rules.durations import Durations

T = TypeVar("T")

READERS = 4
"""Threads that read at the same time. A read holds the interpreter for most of its time: more would not be faster."""


class SqlStore:
    """Implements `control.store.interface.Store`."""

    def __init__(
        self,
        url: str,
        secret_keys: Sequence[str],
        *,
        now: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        readers: int = READERS,
        keys_again: Again = lambda: None,
    ) -> None:
        """Opens the store at a ``sqlite:///`` or ``postgresql://`` address; a new one is made.

        The first of ``secret_keys`` seals, any of them opens; ``keys_again`` is that of `KeyRing`. Raises ValueError
        for a key or an address that cannot
        be used, WrongSecretKey, NewerStore; Unavailable, AccessDenied.
        """
        keys = KeyRing(secret_keys, random, keys_again)

        def new_uuid() -> str:
            return str(uuid.UUID(bytes=random(16), version=4))

        self._dialect = open_dialect(url, readers)
        self._outage = Outage(self._dialect)
        try:
            with translated(self._dialect):
                identity = prepare(self._dialect, keys, new_uuid, now())
        except BaseException:
            self._dialect.dispose()
            raise
        self._given = Given(self._dialect, Rows(keys), identity.incarnation, identity.install_id, now, new_uuid)
        self._announcements = Announcements(self._dialect, self._outage)
        self._writer = Writer(self._given, self._outage, self._announcements.announce)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")

    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, verb)

    def write(self, verb: Callable[[Transaction], T], actor: Actor = SYSTEM) -> Awaitable[T]:
        return asyncio.wrap_future(self._writer.submit(verb, actor))

    def read_now(self, verb: Callable[[Transaction], T]) -> T:
        """As `read`, in the calling thread: for commands without an event loop."""
        with self._outage.noticed(), self._dialect.reading.begin() as connection:
            return verb(SqlTransaction(connection, self._given, None))

    def write_now(self, verb: Callable[[Transaction], T], actor: Actor = SYSTEM) -> T:
        """As `write`, waiting for the commit: for commands without an event loop."""
        return self._writer.submit(verb, actor).result()

    def follow(self, changed: Callable[[int], None]) -> None:
        self._announcements.follow(asyncio.get_running_loop(), changed)

    @property
    def writes_waiting(self) -> int:
        return self._writer.waiting

    @property
    def commits(self) -> Durations:
        """How long they took, with waiting for other processes that write."""
        return self._writer.commits

    @property
    def is_away(self) -> bool:
        """The database could not be used when it was tried last."""
        return self._outage.lasts

    def close(self) -> None:
        """Waits for what was submitted, then gives everything back."""
        self._writer.close()
        self._announcements.close()
        self._readers.shutdown()
        self._dialect.dispose()
