"""``outpost import``: users, groups and what else another program kept become records here.

A reader of `READERS` finds them in the program's file and tells what it did not understand; `control.apply.reconcile`
makes them, as if a file described them. An import adds and changes, and takes nothing away: members, attributes and
accounts that are here already stay. What belongs to somebody else stays as it is.

It goes in transactions of `SLICE` records, so that nobody waits long; one that was interrupted is run again.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

from control.apply.changes import Change
from control.apply.description import ApplyError, Description, Source
from control.apply.reconcile import reconcile
from control.apply.sections import Given
from control.apply.table import SECTIONS
from control.moving_in import authelia, authentik, freeradius, ldap, ldif, lldap, oauth2_proxy
from control.moving_in.access import Access, at_terminal
from control.moving_in.found import FOLDED, CannotRead, Found
from control.moving_in.present import Sections, here, settled
from control.passwords.hashing import Passwords, hashable
from control.records import User
from control.store.interface import Actor, Store, Transaction
from rules.names import folded
from settings.yaml_lines import Lines

__all__ = [
    "ASKED",
    "READERS",
    "Access",
    "CannotRead",
    "Coming",
    "Found",
    "Import",
    "ask_foreign",
    "at_terminal",
    "read_foreign",
]

READERS: Mapping[str, Callable[[bytes], Found]] = {
    "ldif": ldif.read,
    "authelia": authelia.read,
    "freeradius": freeradius.read,
    "lldap": lldap.read,
    "oauth2-proxy": oauth2_proxy.read,
}
"""Kind to what reads its file."""
ASKED: Mapping[str, Callable[[str, Access], Coroutine[Any, Any, Found]]] = {
    "authentik": authentik.fetch,
    "ldap": ldap.fetch,
}
"""Kind to what asks the program itself, at an address."""
LARGEST_FILE = 256 * 1024 * 1024
"""Octets: a hundred thousand people, a tenth of them with a photo."""
SLICE = 100
"""Records of one transaction: about a second of one core, measured at 10 ms a new user."""

T = TypeVar("T")
Random = Callable[[int], bytes]
Prepare = Callable[[Transaction], object]
Hash = Callable[[str], Coroutine[Any, Any, str]]
"""Raises ValueError for what is no password."""


class _Tried(Exception):
    """Ends the transaction, so that nothing of it stays."""

    def __init__(self, changes: list[Change]) -> None:
        super().__init__()
        self.changes = changes


@dataclass(frozen=True, slots=True)
class Coming:
    """One file, read."""

    kind: str
    path: Path
    found: Found = field(repr=False)
    adopts: bool = False
    """What is here already and belongs to nobody is taken over."""


async def ask_foreign(kind: str, address: str, access: Access, adopts: bool = False) -> Coming:
    """Raises CannotRead."""
    if "@" in re.split("[/?#]", address.partition("//")[2])[0]:
        raise CannotRead("an address has no name and no password in it: leave out what stands before the @")
    try:
        return Coming(kind, Path(address), await ASKED[kind](address, access), adopts)
    except CannotRead as error:
        raise CannotRead(f"{address}: {error}") from None


def read_foreign(kind: str, path: Path, adopts: bool = False) -> Coming:
    """Raises CannotRead."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise CannotRead(f"{path}: cannot be read: {error.strerror}") from None
    if len(octets) > LARGEST_FILE:
        raise CannotRead(f"{path}: is larger than {LARGEST_FILE // 1024 // 1024} MiB; split it")
    try:
        return Coming(kind, path, READERS[kind](octets.removeprefix(BOM_UTF8)), adopts)
    except CannotRead as error:
        raise CannotRead(f"{path}: {error}") from None


@dataclass(slots=True)
class Import:
    """It, on its way into a store."""

    store: Store
    passwords: Passwords
    random: Random
    coming: Coming

    async def try_out(self, prepare: Prepare) -> list[Change]:
        """What would be changed. ``prepare`` comes before, and is taken back, too. Raises ApplyError."""

        part = {section: dict(entries) for section, entries in self.coming.found.sections.items()}
        hashes = await self._hashes(part["users"], _in_place_of_a_hash)

        def verb(tx: Transaction) -> None:
            prepare(tx)
            raise _Tried(self._make(tx, part, hashes))

        try:
            await self._written(verb, part)
        except _Tried as tried:
            return tried.changes
        raise AssertionError("a trial ends by taking everything back")

    async def run(self, progress: Callable[[str], None]) -> list[Change]:
        """What was changed. Raises ApplyError, and then the slices before stay: run it again."""
        changes: list[Change] = []
        total, done = sum(map(len, self.coming.found.sections.values())), 0
        for part in _slices(self.coming.found.sections):
            size = sum(map(len, part.values()))
            hashes = await self._hashes(part["users"], self.passwords.hash)
            changes += await self._written(partial(self._make, part=part, hashed=hashes), part)
            done += size
            if total > SLICE:
                progress(f"{done:,} of {total:,} records")
        return changes

    async def _written(self, verb: Callable[[Transaction], T], part: Sections) -> T:
        """What the store does not take is taken out of ``part``, and told; whatever leans on it goes the same way.
        Raises ApplyError."""
        while True:
            try:
                return await self.store.write(verb, self._actor)
            except ApplyError as error:
                if sum(self._left_out(part, *place, why) for place, why in error.refused.items()) == 0:
                    raise

    def _left_out(self, part: Sections, section: str, called: str, why: list[str]) -> bool:
        """``called``: its name as the store has it."""
        for name in list(part[section]):
            if name == called or (section in FOLDED and folded(name) == folded(called)):
                del part[section][name]
                line = self.coming.found.lines[section, name]
                self.coming.found.leave(line, f"{SECTIONS[section].one} {name} is left out: {' '.join(why)}")
                return True
        return False

    @property
    def _actor(self) -> Actor:
        return Actor({"username": f"outpost import {self.coming.kind}"})

    def _make(self, tx: Transaction, part: Sections, hashed: Mapping[str, str]) -> list[Change]:
        allowed = settled(tx, self.coming.found, part, self.coming.kind, self.coming.adopts)
        source = Source(self.coming.path, Lines(None, self.coming.found.lines))
        every = frozenset((section, name) for section, entries in allowed.items() for name in entries)
        description = Description(
            self.coming.path,
            {name: {key: _plain(entry) for key, entry in entries.items()} for name, entries in allowed.items()},
            dict.fromkeys(every, source),
            every if self.coming.adopts else frozenset(),
            self.coming.kind,
        )
        hashes = {name: entry["password_hash"] for name, entry in allowed["users"].items() if "password_hash" in entry}
        new = {name: one for name, one in {**hashes, **hashed}.items() if tx.find(User, username=name) is None}
        return reconcile(tx, description, new, self.random)

    async def _hashes(self, users: Mapping[str, Given], hash: Hash) -> dict[str, str]:
        """Of passwords that stood there in the clear, for who is new; before the transaction, as it takes long."""
        hashes: dict[str, str] = {}
        for name in (name for name in users if name in self.coming.found.clear):
            known = await self.store.read(partial(here, section="users", name=name))
            if known is None:
                try:
                    hashes[name] = await hash(self.coming.found.clear[name])
                except ValueError as error:
                    self.coming.found.leave(
                        self.coming.found.lines["users", name], f"user {name}: {error}; it gets none"
                    )
        return hashes


async def _in_place_of_a_hash(password: str) -> str:
    """Of a trial, which is not to take as long as the hashing of them all. Raises ValueError."""
    hashable(password)
    return ""


def _plain(entry: Given) -> Given:
    """A hash counts for who is new."""
    return {name: value for name, value in entry.items() if name != "password_hash"}


def _slices(sections: Mapping[str, Mapping[str, Given]]) -> Iterator[Sections]:
    """In the order in which records are made: what names another one comes with it, or after it."""
    rows = [
        (section, name)
        for section, entries in sections.items()
        for name in (_above_first(entries) if section == "groups" else entries)
    ]
    for start in range(0, len(rows), SLICE):
        part: Sections = {name: {} for name in sections}
        for section, name in rows[start : start + SLICE]:
            part[section][name] = sections[section][name]
        yield part


def _above_first(groups: Mapping[str, Given]) -> list[str]:
    """Each behind those that it is in, except in a circle, which is refused when it is made."""
    above = {name: [one for one in entry.get("parents", []) if one in groups] for name, entry in groups.items()}
    try:
        return list(TopologicalSorter(above).static_order())
    except CycleError:
        return list(groups)
