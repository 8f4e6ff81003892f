"""A store that files are applied to, in plain words."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from control.apply import ApplyError, Change, apply_description, plan_description, read_description
from control.apply.changes import told
from control.apply.export import export, state
from control.apply.text import as_text
from control.bootstrap import FirstStart, bootstrap
from control.certificates import generated
from control.certificates.making import KeyPair
from control.passwords.hashing import Passwords
from control.records import Group, Outpost, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.verbs import applications, outposts, users
from tests.control.stores import a_store, cheap_passwords, drive
from tests.fakes import FakeClock

NOTHING = ["nothing to change"]


def a_place(folder: Path) -> Place:
    """As the first start leaves it. Close it."""
    store, passwords = a_store(folder), cheap_passwords()
    store.write_now(lambda tx: bootstrap(tx, FirstStart(), None, pairs(), os.urandom))
    return Place(store, passwords)


@cache
def pairs() -> dict[str, KeyPair]:
    """The same for all: an RSA key takes as long as everything else together."""
    return generated.make(generated.NAMES, FakeClock()(), os.urandom)


@dataclass
class Place:
    store: SqlStore
    passwords: Passwords
    environ: dict[str, str] = field(default_factory=dict)

    def apply(self, text: str, name: str = "ours.yml") -> list[str]:
        description = read_description(text, Path(name), self.environ)
        return told(drive(apply_description(self.store, self.passwords, os.urandom, description)))

    def plan(self, text: str, name: str = "ours.yml") -> list[Change]:
        description = read_description(text, Path(name), self.environ)
        return drive(plan_description(self.store, self.passwords, os.urandom, description))

    def export(self, fresh: Place, everything: bool = True) -> str:
        """What differs from ``fresh``, or what files own."""
        exported = self.read(lambda tx: export(tx, fresh.read(state), everything))
        return as_text(exported, "outpost export")

    def refused(self, text: str, name: str = "ours.yml") -> list[str]:
        """The complaints about it; nothing may have changed."""
        before = self.revision
        with pytest.raises(ApplyError) as caught:
            self.apply(text, name)
        assert self.revision == before
        return caught.value.lines

    def read(self, verb: Callable[[Transaction], Any]) -> Any:
        async def ask() -> Any:
            return await self.store.read(verb)

        return drive(ask())

    def write(self, verb: Callable[[Transaction], Any]) -> Any:
        async def ask() -> Any:
            return await self.store.write(verb)

        return drive(ask())

    def find(self, kind: Any, **equal: Any) -> Any:
        found = self.read(lambda tx: tx.find(kind, **equal))
        assert found is not None, equal
        return found

    @property
    def revision(self) -> int:
        number: int = self.read(lambda tx: tx.revision().number)
        return number

    def embedded(self) -> Outpost:
        outpost: Outpost = self.find(Outpost, managed=outposts.EMBEDDED)
        return outpost

    def launcher(self, username: str) -> list[str]:
        pk = self.find(User, username=username).pk
        found: list[str] = self.read(lambda tx: applications.visible_to(tx, pk))
        return found

    def set_password(self, username: str, password: str) -> None:
        pk, hashed = self.find(User, username=username).pk, self.passwords.hash_now(password)
        self.write(lambda tx: users.set_password(tx, pk, hashed))

    def members(self, group: str) -> set[str]:
        def verb(tx: Transaction) -> set[str]:
            found = tx.find(Group, name=group)
            assert found is not None
            return {tx.get(User, pk).username for pk in tx.members_of([found.pk]).get(found.pk, [])}

        names: set[str] = self.read(verb)
        return names

    def close(self) -> None:
        self.passwords.close()
        self.store.close()
