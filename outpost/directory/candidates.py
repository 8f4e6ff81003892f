"""A filter to the entries that could match it: index look-ups where there is one, everything where there is none.

Candidates are a superset; the filter itself decides later, entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from outpost.directory.entries import (
    GROUP_ATTRIBUTES,
    GROUP_CLASS_NAMES,
    USER_ATTRIBUTES,
    USER_CLASS_NAMES,
    VIRTUAL_GROUP_ATTRIBUTES,
    VIRTUAL_GROUP_CLASS_NAMES,
)
from outpost.directory.index import ORDINAL
from outpost.directory.tree import CONTAINER_KEYS, Tree
from protocols.ldap.filter import And, Approx, Equality, Filter, Or, Present

Users = Collection[int] | None
"""pks; None is: every one of them."""
Groups = Collection[str] | None


@dataclass(frozen=True, slots=True)
class Candidates:
    users: Users
    groups: Groups
    virtual_groups: Users
    containers: Collection[str] | None
    """Not looked up one by one: all or none of them."""


EVERYTHING = Candidates(None, None, None, None)
NOTHING = Candidates((), (), (), ())


def candidates(filter: Filter, tree: Tree) -> Candidates:
    match filter:
        case Equality(attribute, value) | Approx(attribute, value):
            return _equal(attribute, value, tree)
        case Present(attribute):
            return _present(attribute, tree)
        case And(parts):
            return _smallest([candidates(part, tree) for part in parts])
        case Or(parts):
            return _union([candidates(part, tree) for part in parts])
    return EVERYTHING


def _smallest(parts: list[Candidates]) -> Candidates:
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        _fewest([part.users for part in parts]),
        _fewest([part.groups for part in parts]),
        _fewest([part.virtual_groups for part in parts]),
        _fewest([part.containers for part in parts]),
    )


def _fewest(sets: list[Any]) -> Any:
    return min((pks for pks in sets if pks is not None), key=len, default=None)


def _union(parts: list[Candidates]) -> Candidates:
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        _joined([part.users for part in parts]),
        _joined([part.groups for part in parts]),
        _joined([part.virtual_groups for part in parts]),
        _joined([part.containers for part in parts]),
    )


def _joined(sets: list[Any]) -> Any:
    return None if None in sets else set().union(*sets)


# --- one assertion -------------------------------------------------------------------------------------------------


def _equal(attribute: str, value: bytes, tree: Tree) -> Candidates:
    known = tree.recognise(attribute.lower())
    if known is None:
        return NOTHING
    key = known.key
    normal = known.rule.normalise(value)
    if normal is None:
        return NOTHING
    users, groups, virtual_groups = USER_LOOKUPS.get(key), GROUP_LOOKUPS.get(key), VIRTUAL_GROUP_LOOKUPS.get(key)
    return Candidates(
        users(tree, normal) if users else _user_terms(key, tree, normal),
        groups(tree, normal) if groups else _group_terms(key, tree, normal),
        virtual_groups(tree, normal) if virtual_groups else (None if key in VIRTUAL_GROUP_ATTRIBUTES else ()),
        None if key in CONTAINER_KEYS else (),
    )


def _user_terms(key: str, tree: Tree, normal: Any) -> Users:
    return None if key in USER_ATTRIBUTES else tree.indices.users.equal(key, normal)


def _group_terms(key: str, tree: Tree, normal: Any) -> Groups:
    return None if key in GROUP_ATTRIBUTES else tree.indices.groups.equal(key, normal)


def _present(attribute: str, tree: Tree) -> Candidates:
    known = tree.recognise(attribute.lower())
    if known is None:
        return NOTHING
    key = known.key
    users, groups = tree.indices.users, tree.indices.groups
    return Candidates(
        None if key in USER_ATTRIBUTES and key != "mail" else users.present(key),
        None if key in GROUP_ATTRIBUTES else groups.present(key),
        None if key in VIRTUAL_GROUP_ATTRIBUTES else (),
        None if key in CONTAINER_KEYS else (),
    )


def _of_class(names: frozenset[str]) -> Callable[[Tree, Any], Any]:
    return lambda tree, normal: None if normal in names else ()


def _users_by(*keys: str) -> Callable[[Tree, Any], Users]:
    """Users with the value under any of these keys of the index."""
    return lambda tree, normal: _merged([tree.indices.users.equal(key, normal) for key in keys])


def _groups_by(key: str) -> Callable[[Tree, Any], Groups]:
    return lambda tree, normal: tree.indices.groups.equal(key, normal)


def _merged(found: list[Collection[int]]) -> Collection[int]:
    found = [pks for pks in found if pks]
    return found[0] if len(found) == 1 else set().union(*found)


def _users_by_number(*keys: str) -> Callable[[Tree, Any], Users]:
    def look_up(tree: Tree, number: int) -> Users:
        users = tree.indices.users
        ordinal = number - tree.settings.uid_start_number
        return _merged([users.equal(ORDINAL, ordinal), *(users.equal(key, number) for key in keys)])

    return look_up


def _groups_by_number(tree: Tree, number: int) -> Groups:
    groups = tree.indices.groups
    ordinal = number - tree.settings.gid_start_number
    return {*groups.equal(ORDINAL, ordinal), *groups.equal("gidnumber", number)}


def _users_within(tree: Tree, dn: Any) -> Users:
    group = tree.group_at(dn)
    return () if group is None else tree.users_within(group)


def _groups_within(tree: Tree, dn: Any) -> Groups:
    group = tree.group_at(dn)
    return () if group is None else tree.groups_within(group) - {group}


def _groups_with_member(tree: Tree, dn: Any) -> Groups:
    user, group = tree.user_at(dn), tree.group_at(dn)
    if user is not None:
        return tree.snapshot.memberships.get(user, ())
    return () if group is None else tree.snapshot.groups[group].parents


def _groups_with_name(tree: Tree, name: Any) -> Groups:
    return {group for user in tree.users_named(name) for group in tree.snapshot.memberships.get(user, ())}


def _virtual_group_of(tree: Tree, dn: Any) -> Users:
    user = tree.user_at(dn)
    return () if user is None else (user,)


def _users_named(tree: Tree, name: Any) -> Users:
    return tree.users_named(name)


def _nobody(tree: Tree, normal: Any) -> Collection[Any]:
    return ()


USER_LOOKUPS: dict[str, Callable[[Tree, Any], Users]] = {
    "objectclass": _of_class(USER_CLASS_NAMES),
    "cn": _users_by("uid"),
    "uid": _users_by("uid"),
    "samaccountname": _users_by("uid"),
    "mail": _users_by("mail"),
    "entryuuid": _users_by("entryuuid"),
    "uidnumber": _users_by_number("uidnumber"),
    "gidnumber": _users_by_number("uidnumber", "gidnumber"),
    "memberof": _users_within,
    "member": _nobody,
    "uniquemember": _nobody,
    "memberuid": _nobody,
}
GROUP_LOOKUPS: dict[str, Callable[[Tree, Any], Groups]] = {
    "objectclass": _of_class(GROUP_CLASS_NAMES),
    "cn": _groups_by("cn"),
    "samaccountname": _groups_by("cn"),
    "entryuuid": _groups_by("entryuuid"),
    "gidnumber": _groups_by_number,
    "member": _groups_with_member,
    "uniquemember": _groups_with_member,
    "memberuid": _groups_with_name,
    "memberof": _groups_within,
}
VIRTUAL_GROUP_LOOKUPS: dict[str, Callable[[Tree, Any], Users]] = {
    "objectclass": _of_class(VIRTUAL_GROUP_CLASS_NAMES),
    "cn": _users_by("uid"),
    "samaccountname": _users_by("uid"),
    "gidnumber": _users_by_number("uidnumber", "gidnumber"),
    "member": _virtual_group_of,
    "uniquemember": _virtual_group_of,
    "memberuid": _users_named,
}
"""Key to the pks that may have the value. A key of an entry's own table without a row here is scanned for; any other
is a custom attribute, all of which are indexed."""
