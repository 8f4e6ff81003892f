"""The real store and the real password pool without an event loop: what they return is already there when awaited.

`run` drives coroutines that use them; `open_store` makes a fresh store in a folder.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from control.bootstrap import FirstStart, bootstrap
from control.passwords.hashing import Candidate, Cost, Passwords, Verified, Wanted
from control.store.interface import SYSTEM, Actor, Transaction
from control.store.sql import SqlStore
from tests.fakes import FakeClock, counted_random, run

__all__ = ["CHEAP", "SECRET_KEY", "ImmediatePasswords", "ImmediateStore", "open_store", "run"]

T = TypeVar("T")

SECRET_KEY = "test key 0123456789 abcdefghijklmnop"
FORGET_LAST_REVISION = (
    "delete from change_log where revision = (select number from head)",
    "delete from revision where number = (select number from head)",
    "update head set number = number - 1",
    "update head set chain = (select chain from revision where revision.number = head.number)",
)
"""As when a standby that has not heard of it takes the database's place."""
FILE = "outpost.db"
CHEAP = Cost(memory_kib=64, passes=1)
"""Argon2id that takes microseconds, for tests that are not about its strength."""


class _Done(Awaitable[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, None, T]:
        yield from ()
        return self._work()


class ImmediateStore:
    """`control.store.interface.Store` over a `SqlStore`, run in the calling thread."""

    def __init__(self, sql: SqlStore) -> None:
        self.sql = sql
        self.followers: list[Callable[[int], None]] = []

    def read(self, verb: Callable[[Transaction], T]) -> Awaitable[T]:
        return _Done(lambda: self.sql.read_now(verb))

    def write(self, verb: Callable[[Transaction], T], actor: Actor = SYSTEM) -> Awaitable[T]:
        return _Done(lambda: self._write(verb, actor))

    def _write(self, verb: Callable[[Transaction], T], actor: Actor) -> T:
        before = self.sql.read_now(lambda tx: tx.revision().number)
        result = self.sql.write_now(verb, actor)
        after = self.sql.read_now(lambda tx: tx.revision().number)
        if after != before:
            for follower in self.followers:
                follower(after)
        return result

    def follow(self, changed: Callable[[int], None]) -> None:
        self.followers.append(changed)

    def close(self) -> None:
        self.sql.close()


class ImmediatePasswords(Passwords):
    """Cheap hashes, made in the calling thread."""

    def __init__(self) -> None:
        super().__init__(workers=1, cost=CHEAP)

    async def hash(self, password: str, owner: str = "") -> str:
        return self.hash_now(password)

    async def measure(self, password: str, wanted: Wanted, owner: str = "") -> Candidate:
        return self.measure_now(password, wanted)

    async def verify(self, stored: str | None, password: str, owner: str = "") -> Verified:
        return self.verify_now(stored, password)


def open_bootstrapped(folder: Path, clock: FakeClock, asked: FirstStart) -> tuple[SqlStore, str]:
    """A store after its first start, and the code of the initial setup; the same one each time. Close it afterwards."""
    database, code = _bootstrapped(clock.now(), asked)
    (folder / FILE).write_bytes(database)
    return open_store(folder, clock), code


@cache
def _bootstrapped(now: float, asked: FirstStart) -> tuple[bytes, str]:
    """The database, and the code. Made once: many tests begin with it, and making one takes a quarter of a second."""
    with TemporaryDirectory() as folder:
        store = open_store(Path(folder), FakeClock(now))
        try:
            code = store.write_now(lambda tx: bootstrap(tx, asked, None, {}, counted_random("first start")))
        finally:
            store.close()
        return (Path(folder) / FILE).read_bytes(), code or ""


def open_store(folder: Path, now: Callable[[], float] | None = None) -> SqlStore:
    """Close it afterwards."""
    url = f"sqlite:///{folder / FILE}"
    return SqlStore(url, (SECRET_KEY,)) if now is None else SqlStore(url, (SECRET_KEY,), now=now)
