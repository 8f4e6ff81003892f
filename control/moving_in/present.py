"""What is here already, and what an import may do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from control.apply.declared import exchanged
from control.apply.sections import IMPORTED, Given, is_ownerless, owner_of
from control.apply.table import SECTIONS
from control.moving_in.found import FOLDED, Found
from control.records import Group, User
from control.store.interface import Query, Transaction
from control.verbs import users
from rules.groups import ancestors

Sections = dict[str, dict[str, Given]]


def settled(tx: Transaction, found: Found, part: Sections, kind: str, adopts: bool) -> Sections:
    """The records of ``part`` that may be made or changed, joined with what is here. Others are told to ``found``."""
    allowed: Sections = {section: {} for section in part}
    mighty = _mighty(tx)
    people = frozenset(pk for pks in tx.members_of(sorted(mighty)).values() for pk in pks)

    def refused(record: Any) -> str | None:
        return _refused(record, mighty, people, f"{IMPORTED}{kind}", adopts)

    for section, entries in part.items():
        for name, entry in entries.items():
            record = here(tx, section, name)
            key = name if record is None else SECTIONS[section].name_of(record)
            found.lines[section, key] = found.lines[section, name]
            why = None if record is None else refused(record)
            if why is not None:
                found.leave(found.lines[section, name], f"{SECTIONS[section].one} {name} is there already, {why}")
            else:
                allowed[section][key] = _joined(tx, section, record, entry)
    for name, entry in allowed["groups"].items():
        _resolve(tx, found, allowed, name, entry, refused)
    for section in allowed.keys() - FOLDED:
        allowed[section] = {name: _spelled(tx, section, entry) for name, entry in allowed[section].items()}
    return allowed


def here(tx: Transaction, section: str, name: str) -> Any:
    """The record of this name, however it is spelled where names ignore case; None: there is none."""
    table = SECTIONS[section]
    record = table.find(tx, name)
    if record is not None or section not in FOLDED:
        return record
    found = tx.select(table.record, Query(alike={table.key: name}, limit=1))
    return found[0] if found else None


def _refused(record: Any, mighty: frozenset[str], people: frozenset[int], mark: str, adopts: bool) -> str | None:
    """Why it stays as it is. ``people``: who holds rights here, whoever made their account."""
    if isinstance(record, User) and record.type == users.INTERNAL_SERVICE_ACCOUNT:
        return "and is the account of an outpost; it stays as it is"
    if isinstance(record, User) and record.pk in people:
        return "and holds rights here: a file could hand the account to somebody. Change it by hand"
    if isinstance(record, Group) and record.pk in mighty:
        return "and gives rights here; it stays as it is. Add its members by hand"
    if owner_of(record) == mark or (adopts and is_ownerless(record)):
        return None
    if record.managed is not None and not is_ownerless(record):
        return f"and belongs to {record.managed!r}; it stays as it is"
    return "and stays as it is; with --adopt it is taken over"


def _mighty(tx: Transaction) -> frozenset[str]:
    """Groups whose members have rights here: then no file from elsewhere says who is in it."""
    every = {one.pk: one for one in tx.select(Group)}
    giving = {one.pk for one in every.values() if one.is_superuser or one.roles}
    return (
        frozenset(pk for pk in every if giving & ancestors([pk], lambda at: every[at].parents))
        if giving
        else frozenset()
    )


def _joined(tx: Transaction, section: str, record: Any, entry: Given) -> Given:
    """The entry with what the record has already, where an import only adds."""
    if record is None or section not in ("users", "groups"):
        return dict(entry)
    joined = {**entry, "attributes": {**record.attributes, **entry.get("attributes", {})}}
    if joined.get("is_active"):
        del joined["is_active"]  # whoever was deactivated here stays so
    if isinstance(record, Group):
        members = tx.members_of([record.pk]).get(record.pk, [])
        here = [user.username for user in tx.select(User, Query(within={"pk": members}))]
        above = [one.name for one in tx.select(Group, Query(within={"pk": list(record.parents)}))]
        joined["users"] = [*here, *entry.get("users", [])]
        joined["parents"] = [*above, *entry.get("parents", [])]
    return joined


def _spelled(tx: Transaction, section: str, entry: Given) -> Given:
    """The users and groups that it names are called as they are here."""

    def spell(named: str, name: Any) -> Any:
        record = here(tx, named, name) if named in FOLDED and isinstance(name, str) else None
        return name if record is None else SECTIONS[named].name_of(record)

    table = SECTIONS[section]
    result = exchanged(entry, table.references, spell)
    for part in table.parts:
        if part.name in result:
            result[part.name] = [exchanged(item, part.references, spell) for item in result[part.name]]
    return result


def _resolve(
    tx: Transaction,
    found: Found,
    allowed: Mapping[str, Mapping[str, Given]],
    name: str,
    entry: Given,
    refused: Callable[[Any], str | None],
) -> None:
    """Leaves out members who are nobody's, and groups above it that are not taken over, now or before: those could give
    rights."""
    line = found.lines["groups", name]
    spelled = {one.lower(): one for one in allowed["users"]}
    exact = {user.username: user for user in tx.select(User, Query(within={"username": entry.get("users", [])}))}
    members: dict[str, None] = {}
    for username in entry.get("users", []):
        user = exact.get(username) or here(tx, "users", username)
        known = spelled.get(username.lower()) if user is None else user.username
        if known is None:
            found.leave(line, f"group {name}: nobody is called {username[:200]!r}")
        else:
            members[known] = None
    record = here(tx, "groups", name)
    above = set() if record is None else {tx.get(Group, pk).name for pk in record.parents}
    parents: dict[str, None] = {}
    for one in entry.get("parents", []):
        parent = here(tx, "groups", one)
        known = one if parent is None else parent.name
        if known in allowed["groups"] or known in above or (parent is not None and refused(parent) is None):
            parents[known] = None
        else:
            found.leave(line, f"group {name}: is not put below {one}, which stays as it is")
    entry |= {"users": list(members), "parents": list(parents)}
