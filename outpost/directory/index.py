"""Equality and presence over users and groups, as persistent maps: one change costs a few small copies.

The index is over records, not entries, so that all LDAP providers share it. A *term* is an attribute's key and one
normalised value. Candidates found here are a superset; the filter is always evaluated on the entry itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from immutables import Map

from outpost.directory.attributes import custom_attributes
from outpost.directory.snapshot import Snapshot, Touched
from protocols.ldap.matching import CASE_IGNORE, UUID
from protocols.ldap.schema import KNOWN
from protocols.link.messages import GroupRecord, UserRecord

ORDINAL = "ordinal number"
"""No attribute: the stored number from which each provider makes its own uidNumber and gidNumber (D22)."""

KeyT = TypeVar("KeyT", int, str)
Term = tuple[str, Any]
NOBODY: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Index(Generic[KeyT]):
    """Terms to the pks of records that have them. A lone pk stands for itself, which halves the memory."""

    equality: Map[str, Map[Any, KeyT | Map[KeyT, None]]] = field(default_factory=Map)
    presence: Map[str, Map[KeyT, None]] = field(default_factory=Map)

    def equal(self, key: str, value: Any) -> Collection[KeyT]:
        values = self.equality.get(key)
        found = None if values is None else values.get(value)
        if found is None:
            return NOBODY
        return found if isinstance(found, Map) else (found,)

    def present(self, key: str) -> Collection[KeyT]:
        return self.presence.get(key, NOBODY)

    def updated(self, differences: Iterable[tuple[KeyT, frozenset[Term], frozenset[Term]]]) -> Index[KeyT]:
        """The index after each record's terms changed from the first set to the second."""
        equality = {key: values.mutate() for key, values in self.equality.items()}
        presence = {key: pks.mutate() for key, pks in self.presence.items()}
        for pk, old, new in differences:
            for key, value in old - new:
                values = equality[key]
                _take(values, value, pk)
            for key, value in new - old:
                if key not in equality:
                    equality[key], presence[key] = Map().mutate(), Map().mutate()
                _add(equality[key], value, pk)
            had, has = {key for key, _ in old}, {key for key, _ in new}
            for key in had - has:
                del presence[key][pk]
            for key in has - had:
                presence[key][pk] = None
        return Index(
            Map({key: values.finish() for key, values in equality.items() if len(values)}),
            Map({key: pks.finish() for key, pks in presence.items() if len(pks)}),
        )


def _add(values: Any, value: Any, pk: Any) -> None:
    there = values.get(value)
    if there is None:
        values[value] = pk
    elif isinstance(there, Map):
        values[value] = there.set(pk, None)
    else:
        values[value] = Map({there: None, pk: None})


def _take(values: Any, value: Any, pk: Any) -> None:
    there = values[value]
    if not isinstance(there, Map):
        del values[value]
        return
    rest = there.delete(pk)
    values[value] = next(iter(rest)) if len(rest) == 1 else rest


# --- terms ---------------------------------------------------------------------------------------------------------


def user_terms(user: UserRecord | None) -> frozenset[Term]:
    if user is None:
        return NOBODY
    terms = _custom_terms(user)
    terms.add(("uid", CASE_IGNORE.normalise(user.username)))
    terms.add(("entryuuid", UUID.normalise(user.uuid)))
    terms.add((ORDINAL, user.ordinal))
    if user.name:
        terms.add(("name", CASE_IGNORE.normalise(user.name)))
    if user.email:
        terms.add(("mail", CASE_IGNORE.normalise(user.email)))
    return frozenset(terms)


def group_terms(group: GroupRecord | None) -> frozenset[Term]:
    if group is None:
        return NOBODY
    terms = _custom_terms(group)
    terms.add(("cn", CASE_IGNORE.normalise(group.name)))
    terms.add(("entryuuid", UUID.normalise(group.pk)))
    terms.add((ORDINAL, group.ordinal))
    return frozenset(terms)


def _custom_terms(record: UserRecord | GroupRecord) -> set[Term]:
    terms: set[Term] = set()
    for key, (_, values) in custom_attributes(record).items():
        rule = KNOWN[key].rule if key in KNOWN else CASE_IGNORE
        for value in values:
            normal = rule.normalise(value)
            terms.add((key, normal))  # a value that fits no syntax (None) still counts as present
    return terms


# --- both indices, kept up to date ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Indices:
    users: Index[int] = field(default_factory=Index)
    groups: Index[str] = field(default_factory=Index)

    def recognises(self, key: str) -> bool:
        """Does any user or group have this custom attribute?"""
        return key in self.users.presence or key in self.groups.presence


def indices(snapshot: Snapshot) -> Indices:
    """Built from nothing."""
    no_users: Index[int] = Index()
    no_groups: Index[str] = Index()
    return Indices(
        no_users.updated((pk, NOBODY, user_terms(user)) for pk, user in snapshot.users.items()),
        no_groups.updated((pk, NOBODY, group_terms(group)) for pk, group in snapshot.groups.items()),
    )


def updated(before: Indices, old: Snapshot, new: Snapshot, touched: Touched) -> Indices:
    """The indices of ``new``, from those of ``old`` and what differs."""
    if touched.everything:
        return indices(new)
    users = [
        (pk, user_terms(old.users.get(pk)), user_terms(new.users.get(pk)))
        for pk in touched.users
        if old.users.get(pk) is not new.users.get(pk)
    ]
    groups = [
        (group, group_terms(old.groups.get(group)), group_terms(new.groups.get(group)))
        for group in touched.groups
        if old.groups.get(group) is not new.groups.get(group)
    ]
    return Indices(
        before.users.updated(users) if users else before.users,
        before.groups.updated(groups) if groups else before.groups,
    )
