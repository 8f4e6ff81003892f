"""People and groups of a directory become people and groups here, one transaction for each part of them.

Nothing here gives rights: an account that has them is never taken for somebody of the directory by its name or
address, and groups that stand here by themselves stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from control.records import Group, Source, SourceConnection, User
from control.sources.ldap import mapped
from control.sources.ldap.found import FoundGroup, Person
from control.sources.matching import PROGRAMS, alike
from control.store.interface import NotFound, Query, Transaction
from control.verbs import groups, users
from control.verbs.fields import Invalid
from control.verbs.rights import closure

MANAGED = "goauthentik.io/sources/ldap/{}/"
"""``managed`` of groups from a source begins with this; what follows is the group's identifier."""
DN = "distinguishedName"
"""In people's attributes, as authentik has it."""


# --- people --------------------------------------------------------------------------------------------------------


def take_people(tx: Transaction, source: Source, found: Sequence[Person]) -> list[str]:
    """What could not be taken over, in sentences."""
    lines = Query(equal={"source": source.pk}, within={"identifier": [one.identifier for one in found]})
    known = {one.identifier: one.user for one in tx.select(SourceConnection, lines)}
    troubles = (_take_person(tx, source, person, known.get(person.identifier)) for person in found)
    return [trouble for trouble in troubles if trouble is not None]


def _take_person(tx: Transaction, source: Source, person: Person, pk: int | None) -> str | None:
    user = tx.get(User, pk) if pk is not None else _matched(tx, source, person)
    if isinstance(user, str):
        return user
    if (user is None or user.username != person.username) and users.is_taken(
        tx, person.username, user.pk if user is not None else None
    ):
        return f"{person.dn} is called {person.username} there, as somebody else here."
    told: dict[str, Any] = {"username": person.username, "name": person.name, "email": person.email}
    try:
        if user is None:
            attributes = _laid_over({}, {**person.attributes, DN: person.dn})
            where = person.path or mapped.path(source)
            user = users.create(tx, {**told, "is_active": person.is_active, "path": where, "attributes": attributes})
        else:
            told["attributes"] = _laid_over(user.attributes, {**person.attributes, DN: person.dn})
            if person.path:
                told["path"] = person.path
            if not person.is_active:
                told["is_active"] = False
            changed = {name: said for name, said in told.items() if getattr(user, name) != said}
            user = users.update(tx, user.pk, changed) if changed else user
            if person.email and not user.email_verified:
                user = tx.update(replace(user, email_verified=True))  # what they said of themselves, it says as well
    except Invalid as refusal:
        return f"{person.dn} cannot be taken over: {refusal}"
    if pk is None:
        connection = SourceConnection(source.pk, user.pk, person.identifier, created=tx.now, last_updated=tx.now)
        tx.insert(connection)
    return None


def _laid_over(have: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said to be None is there no more."""
    return {name: value for name, value in {**have, **said}.items() if value is not None or name not in said}


def _matched(tx: Transaction, source: Source, person: Person) -> User | str | None:
    """Who they are, of those who are here already; None: somebody new; a sentence: they stay outside."""
    field, _, answer = source.user_matching_mode.partition("_")
    same = alike(tx, field, getattr(person, field)) if answer else []
    if not same:
        return None
    if answer == "deny" or (field == "username" and len(same) > 1):
        return f"{person.dn} has the {field} of somebody here, and stays outside."
    user = same[0] if field == "username" else users.holder(tx, person.email)
    if user is None:
        return f"{person.dn} has the address of several here, or of one who has not confirmed it: connect them by hand."
    if user.type in PROGRAMS or any(group.is_superuser or group.roles for group in closure(tx, user.pk)):
        return f"{person.dn} has the {field} of {user.username}, who holds rights here: connect them by hand."
    if tx.count(SourceConnection, Query(equal={"source": source.pk, "user": user.pk})):
        return f"{person.dn} has the {field} of {user.username}, who is somebody else there."
    return user


def gone(tx: Transaction, source: Source, found: frozenset[str]) -> tuple[list[int], int]:
    """Who has been somebody there and is no more, and of how many."""
    lines = tx.select(SourceConnection, Query(equal={"source": source.pk}))
    return sorted({one.user for one in lines if one.identifier not in found}), len(lines)


def let_go(tx: Transaction, source: Source, pks: Sequence[int]) -> list[str]:
    """They are deactivated, or deleted where the source says so. What could not be done, in sentences."""
    troubles = []
    for pk in pks:
        try:
            if source.settings["delete_not_found_objects"]:
                users.delete(tx, pk)
            elif tx.get(User, pk).is_active:
                users.update(tx, pk, {"is_active": False})
        except (Invalid, NotFound) as refusal:
            troubles.append(f"User {pk}, who is gone there, stays here: {refusal}")
    return troubles


# --- groups --------------------------------------------------------------------------------------------------------


def by_key(tx: Transaction, source: Source, found: Sequence[Person]) -> Mapping[str, int]:
    """People's pks, by what groups call them."""
    lines = {one.identifier: one.user for one in tx.select(SourceConnection, Query(equal={"source": source.pk}))}
    return {one.key: lines[one.identifier] for one in found if one.identifier in lines and one.key}


def take_groups(
    tx: Transaction,
    source: Source,
    found: Sequence[FoundGroup],
    members: Mapping[str, frozenset[int]],
    kept: frozenset[str] = frozenset(),
) -> list[str]:
    """``members``: whom each group has, by its identifier; a group that is not there keeps whom it has. ``kept``: those
    that stay as they are. What could not be taken over, in sentences."""
    prefix = MANAGED.format(source.pk)
    every = tx.select(Group)
    managed = ((group.managed or "", group) for group in every)
    ours = {known.removeprefix(prefix): group for known, group in managed if known.startswith(prefix)}
    names = {group.name.casefold(): group.pk for group in every}
    troubles = []
    for one in found:
        group = ours.pop(one.identifier, None)
        taken = names.get(one.name.casefold())
        if taken is not None and (group is None or taken != group.pk):
            troubles.append(f"The group {one.name} is here already, and is not the directory's.")
        elif group is None:
            made = Group(one.name, managed=prefix + one.identifier, attributes=_laid_over({}, one.attributes))
            group = tx.insert(made)
        else:
            told = {"name": one.name, "attributes": _laid_over(group.attributes, one.attributes)}
            changed = {name: value for name, value in told.items() if getattr(group, name) != value}
            group = groups.update(tx, group.pk, changed) if changed else group
        if group is not None:
            names[one.name.casefold()] = group.pk
            if one.identifier in members:
                groups.hold_exactly(tx, group.pk, sorted(members[one.identifier]))
    for group in (group for known, group in ours.items() if known not in kept):
        groups.hold_exactly(tx, group.pk, [])
        if source.settings["delete_not_found_objects"]:
            try:
                groups.delete(tx, group.pk)
            except Invalid as refusal:
                troubles.append(f"The group {group.name}, which is gone there, stays here, empty: {refusal}")
    return troubles
