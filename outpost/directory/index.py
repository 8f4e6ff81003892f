"""Equality and presence over users and groups, as persistent maps: one change costs a few small copies.

The index is over records, not entries, so that all LDAP providers share it. A *term* is an attribute's key and one
normalised value. Candidates found here are a superset; the filter is always evaluated on the entry itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from immutables import Map

from outpost.directory.attributes import NO_MAPPED, custom_attributes
from outpost.directory.texts import MOST_LOOKED_AT, grown, holding
from protocols.ldap.matching import CASE_IGNORE, UUID
from protocols.ldap.schema import KNOWN
from protocols.ldap.substrings import Pieces, holds_pieces
from protocols.link.messages import GroupRecord, UserRecord

ORDINAL = "ordinal number"
"""No attribute: the stored number from which each provider makes its own uidNumber and gidNumber (D22)."""

JOINED = frozenset({"uid", "cn", "name", "mail"})
"""Attributes that people look for by a part of their values."""

KeyT = TypeVar("KeyT", int, str)
Term = tuple[str, Any]
NOBODY: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Index(Generic[KeyT]):
    """Terms to the pks of records that have them. A lone pk stands for itself, which halves the memory."""

    equality: Map[str, Map[Any, KeyT | Map[KeyT, None]]] = field(default_factory=Map)
    presence: Map[str, Map[KeyT, None]] = field(default_factory=Map)
    texts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Of `JOINED` attributes, in which parts of values are found (`outpost.directory.texts`)."""

    def equal(self, key: str, value: Any) -> Collection[KeyT]:
        values = self.equality.get(key)
        found = None if values is None else values.get(value)
        if found is None:
            return NOBODY
        return found if isinstance(found, Map) else (found,)

    def holding(self, key: str, pieces: Pieces) -> Collection[KeyT] | None:
        """Who has a value that holds the pieces; None: there are too many to look at."""
        found = holding(self.texts.get(key, ""), pieces) if key in JOINED else self._looked_through(key, pieces)
        return None if found is None else {pk for value in found for pk in self.equal(key, value)}

    def _looked_through(self, key: str, pieces: Pieces) -> list[str] | None:
        values: Collection[Any] = self.equality.get(key, _EMPTY)
        if len(values) > MOST_LOOKED_AT:
            return None
        return [value for value in values if isinstance(value, str) and holds_pieces(value, pieces)]

    def present(self, key: str) -> Collection[KeyT]:
        return self.presence.get(key, NOBODY)

    def updated(self, differences: Iterable[tuple[KeyT, frozenset[Term], frozenset[Term]]]) -> Index[KeyT]:
        """The index after each record's terms changed from the first set to the second."""
        draft = IndexDraft(self)
        for pk, old, new in differences:
            draft.change(pk, old, new)
        return draft.finish()


class IndexDraft(Generic[KeyT]):
    """The next index while it is made. Only the attributes that a change names are opened for writing."""

    def __init__(self, before: Index[KeyT]) -> None:
        self._before: Index[KeyT] = before
        self._equality: dict[str, Any] = {}
        self._added: dict[str, list[str]] = {}
        """New values of `JOINED` attributes."""
        self._presence: dict[str, Any] = {}

    def change(self, pk: KeyT, old: frozenset[Term], new: frozenset[Term]) -> None:
        """The record's terms changed from ``old`` to ``new``."""
        for key, value in old - new:
            _take(self._opened(key), value, pk)
        for key, value in new - old:
            _add(self._opened(key), value, pk)
            if key in JOINED and type(value) is str:
                self._added.setdefault(key, []).append(value)
        had, has = {key for key, _ in old}, {key for key, _ in new}
        for key in had - has:
            del self._presence[key][pk]
        for key in has - had:
            self._presence[key][pk] = None

    def finish(self) -> Index[KeyT]:
        if not self._equality:
            return self._before
        equality, texts = _replaced(self._before.equality, self._equality), dict(self._before.texts)
        for key, added in self._added.items():
            texts[key] = grown(texts.get(key, ""), added, equality.get(key, _EMPTY))
        return Index(equality, _replaced(self._before.presence, self._presence), texts)

    def _opened(self, key: str) -> Any:
        values = self._equality.get(key)
        if values is None:
            values = self._equality[key] = self._before.equality.get(key, _EMPTY).mutate()
            self._presence[key] = self._before.presence.get(key, _EMPTY).mutate()
        return values


_EMPTY: Map[Any, Any] = Map()


def _replaced(before: Map[str, Map[Any, Any]], opened: dict[str, Any]) -> Map[str, Map[Any, Any]]:
    """An attribute that nobody has any more is left out."""
    after = before.mutate()
    for key, draft in opened.items():
        values = draft.finish()
        if values:
            after[key] = values
        else:
            after.pop(key, None)
    return after.finish()


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
    for provider, mapped in user.mapped.items():
        ours = _custom_terms(replace(user, attributes={}), mapped)
        terms |= {(mapped_key(provider, key), normal) for key, normal in ours}
    terms.add(("uid", CASE_IGNORE.normalise(user.username)))
    terms.add(("entryuuid", UUID.normalise(user.uuid)))
    terms.add((ORDINAL, user.ordinal))
    if user.name:
        terms.add(("name", CASE_IGNORE.normalise(user.name)))
    if user.email and all(key != "mail" for key, _ in terms):  # a custom one stands in its place
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


def mapped_key(provider: int | str, key: str) -> str:
    """Under which values are found that a provider's mappings give: no attribute's name holds a slash."""
    return f"{provider}/{key}"


def _custom_terms(record: UserRecord | GroupRecord, mapped: Mapping[str, Any] = NO_MAPPED) -> set[Term]:
    terms: set[Term] = set()
    for key, (_, values) in custom_attributes(record, mapped).items():
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

    def recognises(self, key: str, provider: int) -> bool:
        """Does any user or group have this custom attribute, as this provider shows them?"""
        users, groups = self.users.presence, self.groups.presence
        return key in users or key in groups or mapped_key(provider, key) in users


class IndicesDraft:
    """Both indices while the next snapshot is made."""

    def __init__(self, before: Indices) -> None:
        self._before = before
        self._users = IndexDraft(before.users)
        self._groups = IndexDraft(before.groups)

    def user(self, pk: int, old: UserRecord | None, new: UserRecord | None) -> None:
        """None: there was, or is, no such user."""
        self._users.change(pk, user_terms(old), user_terms(new))

    def group(self, pk: str, old: GroupRecord | None, new: GroupRecord | None) -> None:
        self._groups.change(pk, group_terms(old), group_terms(new))

    def finish(self) -> Indices:
        users, groups = self._users.finish(), self._groups.finish()
        if users is self._before.users and groups is self._before.groups:
            return self._before
        return Indices(users, groups)
