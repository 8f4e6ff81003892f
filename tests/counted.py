"""What is done to answer somebody, counted: hashes that are computed, and what is asked of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from control.passwords.hashing import Verified
from control.store.interface import SYSTEM, Actor, Transaction
from tests.stores import ImmediatePasswords

ASKED = frozenset({"find", "get", "select", "count", "insert", "update", "delete"})


@dataclass
class Work:
    """``done``: how often each thing was done, by its name and the kind of record."""

    done: Counter[str] = field(default_factory=Counter)


class CountedTransaction:
    def __init__(self, tx: Transaction, work: Work) -> None:
        self._tx, self._work = tx, work

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tx, name)
        if name not in ASKED:
            return found

        def counted(*given: Any, **named: Any) -> Any:
            kind = given[0] if isinstance(given[0], type) else type(given[0])
            self._work.done[f"{name} {kind.__name__}"] += 1
            return found(*given, **named)

        return counted


class CountedStore:
    def __init__(self, store: Any, work: Work) -> None:
        self._store, self._work = store, work

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, verb: Callable[[Any], Any]) -> Any:
        return await self._store.read(lambda tx: verb(CountedTransaction(tx, self._work)))

    async def write(self, verb: Callable[[Any], Any], actor: Actor = SYSTEM) -> Any:
        return await self._store.write(lambda tx: verb(CountedTransaction(tx, self._work)), actor)


class CountedPasswords(ImmediatePasswords):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    async def verify(self, stored: str | None, password: str, owner: str = "") -> Verified:
        self._work.done["hash"] += 1
        return await super().verify(stored, password)
