"""A filter to the entries that could match it: index look-ups where there is one, everything where there is none.

Candidates are a superset, and say of which kinds of entries: the filter itself decides those later, entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from outpost.directory.entries import (
    GROUP_ATTRIBUTES,
    USER_ATTRIBUTES,
    VIRTUAL_GROUP_ATTRIBUTES,
    Profile,
)
from outpost.directory.index import ORDINAL, Index, mapped_key
from outpost.directory.object_classes import VIRTUAL_GROUP_CLASS_NAMES
from outpost.directory.tree import CONTAINER_KEYS, Tree
from outpost.directory.virtual import of_group
from protocols.ldap.extensible import IN_CHAIN, NAMED
from protocols.ldap.filter import MAX_PARTS, And, Approx, Equality, Extensible, Filter, Or, Present, Substrings
from protocols.ldap.substrings import Pieces, pieces_of

Users = Collection[int] | None
"""pks; None is: every one of them."""
Groups = Collection[str] | None

USERS, GROUPS, VIRTUAL_GROUPS, CONTAINERS = KINDS = ("users", "groups", "virtual_groups", "containers")
"""Fields of `Candidates`."""


class Candidates(NamedTuple):
    users: Users
    groups: Groups
    virtual_groups: Users
    containers: Collection[str] | None
    """Not looked up one by one: all or none of them."""
    doubtful: frozenset[str]
    """Kinds among whose candidates some may not match."""

    @property
    def decided(self) -> bool:
        """Every candidate matches, and nothing else does."""
        return not self.doubtful or all(
            getattr(self, kind) is not None and not getattr(self, kind) for kind in self.doubtful
        )


_CHAIN = NAMED[IN_CHAIN.oid]
MAX_COMPARED = 2000
"""pks of a part of an AND that are looked for in its other parts, in one go; beyond that the filter takes turns."""
MOST_LOOK_UPS = MAX_PARTS
"""Of one filter, before anybody else has a turn; one of a value counts 1. What is beyond is scanned for, in turns."""
LONG_LOOK_UP, LOOKED_THROUGH = 8, 800
"""What one for a part of texts, or for members of groups, counts, and for how many users it counts one more."""
CERTAIN: frozenset[str] = frozenset()
EVERYTHING = Candidates(None, None, None, None, frozenset(KINDS))
NOTHING = Candidates((), (), (), (), CERTAIN)


def candidates(filter: Filter, tree: Tree, left: list[int] | None = None) -> Candidates:
    """``left``: what the parts before this one have left of `MOST_LOOK_UPS`; none if it is no part."""
    left = [MOST_LOOK_UPS] if left is None else left
    match filter:
        case Equality(attribute, value) | Approx(attribute, value):
            return _equal(attribute, value, tree, left)
        case Present(attribute):
            return _present(attribute, tree)
        case Extensible(rule, str(attribute), value, False) if rule is not None and NAMED.get(rule.lower()) is _CHAIN:
            return _in_chain(attribute, value, tree) if _affords(left, tree) else EVERYTHING
        case Substrings():
            return _in_part(filter, tree) if _affords(left, tree) else EVERYTHING
        case And(parts) if parts:
            return _every([candidates(part, tree, left) for part in parts])
        case Or(parts):
            return _any([candidates(part, tree, left) for part in parts])
    return EVERYTHING


def _affords(left: list[int], through: Tree | None = None) -> bool:
    left[0] -= 1 if through is None else LONG_LOOK_UP + len(through.snapshot.users) // LOOKED_THROUGH
    return left[0] >= 0


def _every(parts: list[Candidates]) -> Candidates:
    """What matches every part for certain is certain."""
    if len(parts) == 1:
        return parts[0]
    *kinds, doubtful = zip(*parts, strict=True)
    shared = [common(sets) for sets in kinds]
    too_large = [kind for kind, (_, whole) in zip(KINDS, shared, strict=True) if not whole]
    users, groups, virtual_groups, containers = (pks for pks, _ in shared)
    return Candidates(users, groups, virtual_groups, containers, CERTAIN.union(too_large, *doubtful))


def common(sets: Sequence[Any]) -> tuple[Any, bool]:
    """What all of them hold, and True; or a set that is too large for that, and False."""
    looked_up = [pks for pks in sets if pks is not None]
    if len(looked_up) <= 1:
        return looked_up[0] if looked_up else None, True
    fewest, *others = sorted(looked_up, key=len)
    if len(fewest) > MAX_COMPARED:
        return fewest, False
    return [pk for pk in fewest if all(pk in pks for pks in others)], True


def _any(parts: list[Candidates]) -> Candidates:
    if len(parts) <= 1:
        return parts[0] if parts else NOTHING
    *kinds, doubtful = zip(*parts, strict=True)
    users, groups, virtual_groups, containers = map(joined, kinds)
    return Candidates(users, groups, virtual_groups, containers, CERTAIN.union(*doubtful))


def joined(sets: Sequence[Any]) -> Any:
    return None if None in sets else _merged(sets)


def _merged(sets: Iterable[Collection[Any]]) -> Collection[Any]:
    some = [pks for pks in sets if pks]
    return some[0] if len(some) == 1 else set().union(*some)


# --- one assertion -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LookUps:
    """How to find the entries of each kind that have a value; a constant stands where the value does not matter."""

    users: Callable[[Tree, Any], Users]
    groups: Callable[[Tree, Any], Groups]
    virtual_groups: Callable[[Tree, Any], Users]
    containers: Collection[str] | None
    doubtful: frozenset[str]


@lru_cache(maxsize=1024)
def look_ups(key: str, profile: Profile) -> LookUps:
    """``key`` is of an attribute type that the tree recognises, so that there are not many."""
    doubtful = {kind for kind, keys in DOUBTFUL.items() if key in keys}
    if key in profile.users and key not in USER_LOOKUPS:
        doubtful.add(USERS)
    if key in profile.groups and key not in GROUP_LOOKUPS:
        doubtful.add(GROUPS)
    return LookUps(
        USER_LOOKUPS.get(key) or (every_one if key in profile.users else _users_by(key)),
        GROUP_LOOKUPS.get(key) or (every_one if key in profile.groups else _groups_by(key)),
        VIRTUAL_GROUP_LOOKUPS.get(key) or (every_one if key in VIRTUAL_GROUP_ATTRIBUTES else no_one),
        None if key in CONTAINER_KEYS else (),
        frozenset(doubtful),
    )


def _equal(attribute: str, value: bytes, tree: Tree, left: list[int]) -> Candidates:
    known = tree.recognise(attribute.lower())
    normal = None if known is None or known.key == ORDINAL else known.rule.normalise(value)
    if known is None or normal is None:
        return NOTHING
    if not _affords(left, tree if known.key == "memberof" else None):
        return EVERYTHING
    by = look_ups(known.key, tree.profile)
    return Candidates(
        by.users(tree, normal),
        by.groups(tree, normal),
        by.virtual_groups(tree, normal),
        by.containers,
        by.doubtful | {USERS} if tree.settings.mapped else by.doubtful,  # a mapping may hide the person's own value
    )


def _present(attribute: str, tree: Tree) -> Candidates:
    known = tree.recognise(attribute.lower())
    if known is None or known.key == ORDINAL:
        return NOTHING
    key = known.key
    return Candidates(
        None if key in tree.profile.users and key != "mail" else tree.users_having(key),
        None if key in tree.profile.groups else tree.indices.groups.present(key),
        None if key in VIRTUAL_GROUP_ATTRIBUTES else (),
        None if key in CONTAINER_KEYS else (),
        frozenset(kind for kind, keys in SOMETIMES_PRESENT.items() if key in keys),
    )


def _in_part(filter: Substrings, tree: Tree) -> Candidates:
    known = tree.recognise(filter.attribute.lower())
    if known is None or not known.rule.text:
        return NOTHING
    pieces = pieces_of(known.rule, filter.initial, filter.any, filter.final)
    if pieces is None:
        return NOTHING
    key, users, groups = known.key, tree.indices.users, tree.indices.groups
    if key in DERIVED:
        pieces = Pieces("", tuple(part for part in (pieces.initial, *pieces.middle, pieces.final) if part), "")
    of_users, of_virtual_groups = USER_PARTS.get(key), VIRTUAL_GROUP_PARTS.get(key)
    if of_users is None and key not in tree.profile.users:
        of_users = (key,)
    of_groups = GROUP_PARTS.get(key, (key,) if key not in tree.profile.groups else None)
    if of_users is not None and tree.settings.mapped:
        of_users = (*of_users, *(mapped_key(tree.provider.pk, one) for one in of_users))
    return Candidates(
        _holding(users, of_users, pieces),
        _holding(groups, of_groups, pieces),
        () if key not in VIRTUAL_GROUP_ATTRIBUTES else _holding(users, of_virtual_groups, pieces),
        None if key in CONTAINER_KEYS else (),
        frozenset(KINDS),
    )


def _holding(index: Index[Any], keys: tuple[str, ...] | None, pieces: Pieces) -> Any:
    return None if keys is None else joined([index.holding(key, pieces) for key in keys])


def _in_chain(attribute: str, value: bytes, tree: Tree) -> Candidates:
    """Down from a group over ``memberOf``, up from anybody over ``member``: certain. Else whoever has the attribute."""
    known = tree.recognise(attribute.lower())
    dn = IN_CHAIN.normalise(value)
    if known is None or dn is None:
        return NOTHING
    user, group = tree.user_at(dn), tree.group_at(dn)
    if known.key == "memberof":
        if group is None:
            return NOTHING
        return Candidates(tree.users_within(group), tree.groups_within(group) - {group}, (), (), CERTAIN)
    if known.key not in ("member", "uniquemember"):
        return _present(attribute, tree)._replace(doubtful=frozenset(KINDS))
    if user is not None:
        return Candidates((), tree.ancestry(user).groups, (user,), (), CERTAIN)
    if group is None:
        return NOTHING
    return Candidates((), tree.lineage(tree.snapshot.groups[group].parents).groups, (), (), CERTAIN)


def every_one(tree: Tree, normal: Any) -> None:
    return None


def no_one(tree: Tree, normal: Any) -> Collection[Any]:
    return ()


def _of_class(names: Callable[[Tree], frozenset[str]]) -> Callable[[Tree, Any], Any]:
    return lambda tree, normal: None if normal in names(tree) else ()


def _of_category(name: str, shown: Callable[[Tree], Collection[str]]) -> Callable[[Tree, Any], Any]:
    return lambda tree, normal: None if normal == name and "objectcategory" in shown(tree) else ()


def _users_by(key: str) -> Callable[[Tree, Any], Users]:
    return lambda tree, normal: tree.users_with(key, normal)


def _groups_by(key: str) -> Callable[[Tree, Any], Groups]:
    return lambda tree, normal: tree.indices.groups.equal(key, normal)


def _users_by_number(*keys: str) -> Callable[[Tree, Any], Users]:
    def look_up(tree: Tree, number: int) -> Users:
        ordinal = tree.indices.users.equal(ORDINAL, number - tree.settings.uid_start_number)
        return _merged([ordinal, *(tree.users_with(key, number) for key in keys)])

    return look_up


def _groups_by_number(tree: Tree, number: int) -> Groups:
    groups = tree.indices.groups
    ordinal = number - tree.settings.gid_start_number
    return {*groups.equal(ORDINAL, ordinal), *groups.equal("gidnumber", number)}


def _users_within(tree: Tree, dn: Any) -> Users:
    group = tree.group_at(dn)
    if group is None:
        return ()
    return tree.users_within(group) if tree.settings.nested_member_of else tree.members(group)


def _groups_within(tree: Tree, dn: Any) -> Groups:
    group = tree.group_at(dn)
    if group is None:
        return ()
    return tree.groups_within(group) - {group} if tree.settings.nested_member_of else tree.children(group)


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


def _virtual_group_with_uuid(tree: Tree, uuid: Any) -> Users:
    own = of_group(uuid)
    return () if own is None else tree.users_with("entryuuid", own)


def _users_named(tree: Tree, name: Any) -> Users:
    return tree.users_named(name)


USER_LOOKUPS: dict[str, Callable[[Tree, Any], Users]] = {
    "objectclass": _of_class(lambda tree: tree.profile.user_class_names),
    "cn": _users_by("uid"),
    "uid": _users_by("uid"),
    "samaccountname": _users_by("uid"),
    "mail": _users_by("mail"),
    "entryuuid": _users_by("entryuuid"),
    "uidnumber": _users_by_number("uidnumber"),
    "gidnumber": _users_by_number("uidnumber", "gidnumber"),
    "memberof": _users_within,
    "member": no_one,
    "uniquemember": no_one,
    "memberuid": no_one,
    "objectcategory": _of_category("person", lambda tree: tree.profile.users),
}
GROUP_LOOKUPS: dict[str, Callable[[Tree, Any], Groups]] = {
    "objectclass": _of_class(lambda tree: tree.profile.group_class_names),
    "cn": _groups_by("cn"),
    "samaccountname": _groups_by("cn"),
    "entryuuid": _groups_by("entryuuid"),
    "gidnumber": _groups_by_number,
    "member": _groups_with_member,
    "uniquemember": _groups_with_member,
    "memberuid": _groups_with_name,
    "memberof": _groups_within,
    "objectcategory": _of_category("group", lambda tree: tree.profile.groups),
}
VIRTUAL_GROUP_LOOKUPS: dict[str, Callable[[Tree, Any], Users]] = {
    "objectclass": _of_class(lambda tree: VIRTUAL_GROUP_CLASS_NAMES),
    "cn": _users_by("uid"),
    "samaccountname": _users_by("uid"),
    "gidnumber": _users_by_number("uidnumber", "gidnumber"),
    "member": _virtual_group_of,
    "uniquemember": _virtual_group_of,
    "memberuid": _users_named,
    "entryuuid": _virtual_group_with_uuid,
}
"""Key to the pks that may have the value. A key of an entry's own table without a row here is scanned for; any other
is a custom attribute, all of which are indexed."""

USER_PARTS: dict[str, tuple[str, ...]] = {
    "cn": ("uid",),
    "uid": ("uid",),
    "samaccountname": ("uid",),
    "mail": ("mail",),
    "name": ("name", "uid"),
    "displayname": ("displayname", "name", "uid"),
    "givenname": ("givenname", "name"),
    "sn": ("sn", "name", "uid"),
}
GROUP_PARTS: dict[str, tuple[str, ...]] = {"cn": ("cn",), "samaccountname": ("cn",)}
VIRTUAL_GROUP_PARTS: dict[str, tuple[str, ...]] = {"cn": ("uid",), "samaccountname": ("uid",)}
"""Key to the index keys under which its values are, for parts of values. Other keys of an entry's own table are
scanned for; any other is a custom attribute, indexed under its own."""
DERIVED = frozenset({"givenname", "sn"})
"""Words of an indexed value: they hold what it holds, but need not begin or end where it does."""

OVERRIDDEN = frozenset({"uidnumber", "gidnumber"})
"""Indexed by the record's own number also where a custom attribute hides it."""
DOUBTFUL: dict[str, frozenset[str]] = {
    USERS: frozenset(USER_ATTRIBUTES) - USER_LOOKUPS.keys() | OVERRIDDEN,
    GROUPS: frozenset(GROUP_ATTRIBUTES) - GROUP_LOOKUPS.keys() | {"gidnumber"},
    VIRTUAL_GROUPS: frozenset(VIRTUAL_GROUP_ATTRIBUTES) - VIRTUAL_GROUP_LOOKUPS.keys() | {"gidnumber"},
    CONTAINERS: CONTAINER_KEYS,
}
"""Kind to the keys whose look-up may find too many."""
SOMETIMES_PRESENT: dict[str, frozenset[str]] = {
    USERS: frozenset({"givenname", "memberof", "createtimestamp", "modifytimestamp", "pwdchangedtime"})
    | {
        "gecos",
        "shadowlastchange",
        "shadowmax",
        "shadowwarning",
        "shadowexpire",
        "whencreated",
        "whenchanged",
        "sambapwdlastset",
        "sambakickofftime",
    },
    GROUPS: frozenset({"whencreated", "whenchanged", "objectguid"})
    | frozenset({"member", "uniquemember", "memberuid", "memberof", "createtimestamp", "modifytimestamp"}),
    VIRTUAL_GROUPS: frozenset({"entryuuid"}),
    CONTAINERS: CONTAINER_KEYS - {"objectclass", "entrydn", "hassubordinates", "subschemasubentry"},
}
"""Kind to the keys that some of its entries lack, without an index that says which."""
