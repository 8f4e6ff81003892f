"""What there is once, and is changed, not made: the system's settings and the mail server.

A file owns the fields that it says, and needs no ``adopt`` for them: every installation has them, as they were at first
or as somebody has left them. A field belongs to one file at most. One that is no longer described stays as it is, and
is nobody's again: there is no telling what it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from control.apply.changes import HIDDEN, Action, Change, Difference
from control.apply.sections import MARK, Given, default
from control.mail import server
from control.records import Setting
from control.store.interface import Transaction
from control.verbs import system
from control.verbs.fields import Fields, Invalid
from settings.yaml_lines import Place

SECTION = "settings"
"""Of the file."""
OWNERS = "declared_settings"
"""The setting that holds which file says what: name and field to the file's mark."""


@dataclass(frozen=True, slots=True)
class Single:
    """One entry of the section."""

    fields: type[Fields]
    current: Callable[[Transaction], Given]
    change: Callable[[Transaction, Given], object]
    """Raises Invalid."""
    secrets: frozenset[str] = frozenset()


SETTINGS: Mapping[str, Single] = {
    "system": Single(system.SystemFields, lambda tx: system.read(tx).model_dump(), system.change),
    "mail": Single(
        server.MailServerFields,
        lambda tx: server.fields_of(server.stored(tx)),
        server.change,
        frozenset({"password"}),
    ),
}
"""Name in the file to what it is about."""

Owners = dict[str, dict[str, str]]
Telling = Callable[[Place], AbstractContextManager[None]]
"""Turns what is refused into faults of that place."""


def settle(tx: Transaction, said: Mapping[str, Mapping[str, Any]], mark: str, telling: Telling) -> list[Change]:
    """Makes them what is said, and lets go of what this file said before."""
    owners, changes = _owners(tx), list[Change]()
    for name in SETTINGS:
        with telling((SECTION, name)):
            change = _settled(tx, name, dict(said.get(name, {})), mark, owners.setdefault(name, {}))
            changes += [change] if change.matters else []
    _keep(tx, owners)
    return changes


def exported(tx: Transaction, everything: bool) -> Iterator[tuple[str, Given]]:
    """The fields that differ from those of a new installation, or those that files own. Secrets are among them."""
    owners = _owners(tx)
    for name, single in SETTINGS.items():
        owned = {field for field, mark in owners.get(name, {}).items() if mark.startswith(MARK)}
        now = single.current(tx)
        yield (
            name,
            {
                field: value
                for field, value in now.items()
                if field in owned or (everything and value != default(single.fields, field))
            },
        )


def rename(tx: Transaction, former: str, mark: str) -> int:
    """How many fields were said by the one mark, and are by the other now."""
    owners = _owners(tx)
    count = sum(owner == former for fields in owners.values() for owner in fields.values())
    if count:
        _keep(
            tx,
            {
                name: {field: mark if owner == former else owner for field, owner in fields.items()}
                for name, fields in owners.items()
            },
        )
    return count


def _settled(tx: Transaction, name: str, given: Given, mark: str, owners: dict[str, str]) -> Change:
    """Raises Invalid."""
    foreign = {field: owners[field] for field in given if owners.get(field, mark) != mark}
    if foreign:
        raise Invalid({field: [f"is said by {owner!r} already; change it there"] for field, owner in foreign.items()})
    single = SETTINGS[name]
    before = single.current(tx)
    if given:
        single.change(tx, given)
    after = single.current(tx)
    gone = sorted(field for field, owner in owners.items() if owner == mark and field not in given)
    for field in gone:
        del owners[field]
    owners |= dict.fromkeys(given, mark)
    differences = tuple(
        _difference(field, before[field], after[field], field in single.secrets)
        for field in after
        if before[field] != after[field]
    )
    notes = tuple(f"{SECTION} {name}: {field} is no longer described, and stays as it is" for field in gone)
    return Change(Action.CHANGED, SECTION, name, differences, notes=notes)


def _difference(field: str, before: Any, after: Any, secret: bool) -> Difference:
    if secret:
        before, after = (HIDDEN if value else None for value in (before, after))
    return Difference(field, before, after)


def _owners(tx: Transaction) -> Owners:
    kept = tx.find(Setting, pk=OWNERS)
    return {} if kept is None else {name: dict(fields) for name, fields in kept.value.items()}


def _keep(tx: Transaction, owners: Owners) -> None:
    value = {name: fields for name, fields in owners.items() if fields}
    kept = tx.find(Setting, pk=OWNERS)
    if kept is not None:
        tx.update(Setting(OWNERS, value))
    elif value:
        tx.insert(Setting(OWNERS, value))
