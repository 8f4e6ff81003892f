"""What a user, a group and a virtual group look like over LDAP: one table of attributes for each.

An entry computes a value only when a filter or an answer asks for it, and encoded entries are kept (`Bodies`), so
that 100,000 users cost no 100,000 entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from outpost.directory import profiles
from outpost.directory.attributes import custom_attributes, custom_values
from outpost.directory.encoding import encode
from outpost.directory.members import MemberNames, Spelling, spelling
from outpost.directory.object_classes import (
    GROUP_CLASSES,
    USER_CLASSES,
    VIRTUAL_GROUP_CLASS_NAMES,
    VIRTUAL_GROUP_CLASSES,
    class_names,
)
from outpost.directory.person import boolean, gecos, given_name, password_days, surname
from outpost.directory.stamps import begun, days, generalized_time
from outpost.directory.virtual import of_group
from protocols.ldap.encoded import encode_values
from protocols.ldap.extensible import IN_CHAIN
from protocols.ldap.matching import MatchingRule, Normal, Value
from protocols.ldap.schema import KNOWN, AttributeType
from protocols.ldap.schema import custom as custom_type
from protocols.ldap.search import Pieces, Selection
from protocols.ldap.subschema import SUBSCHEMA
from protocols.link.messages import GroupRecord, UserRecord
from rules import validity

if TYPE_CHECKING:
    from outpost.directory.tree import Tree

Values = Collection[Value]
UserValues = Callable[["Tree", UserRecord], Values]

USER_ATTRIBUTES: dict[str, UserValues] = {
    "objectclass": lambda tree, user: USER_CLASSES,
    "cn": lambda tree, user: (user.username,),
    "uid": lambda tree, user: (user.username,),
    "samaccountname": lambda tree, user: (user.username,),
    "name": lambda tree, user: (user.name or user.username,),
    "displayname": lambda tree, user: (user.name or user.username,),
    "givenname": lambda tree, user: given_name(user.name),
    "sn": lambda tree, user: surname(user),
    "mail": lambda tree, user: (user.email,) if user.email else (),
    "uidnumber": lambda tree, user: (tree.uid_number(user),),
    "gidnumber": lambda tree, user: (tree.uid_number(user),),
    "homedirectory": lambda tree, user: (f"/home/{user.username}",),
    "gecos": lambda tree, user: gecos(user),
    "shadowlastchange": lambda tree, user: ("0",) if user.must_change_password else days(begun(user)),
    "shadowmax": lambda tree, user: password_days(tree.settings.password_days, user),
    "shadowwarning": lambda tree, user: password_days(tree.settings.password_warning_days, user),
    "shadowexpire": lambda tree, user: days(user.valid_until),
    "memberof": lambda tree, user: tree.ancestry(user.pk).dns,
    "ak-active": lambda tree, user: boolean(user.is_active),
    "ak-superuser": lambda tree, user: boolean(tree.ancestry(user.pk).superuser),
    "entryuuid": lambda tree, user: (user.uuid,),
    "entrydn": lambda tree, user: (tree.user_dn(user.username),),
    "createtimestamp": lambda tree, user: generalized_time(user.created),
    "modifytimestamp": lambda tree, user: generalized_time(user.updated),
    "pwdchangedtime": lambda tree, user: generalized_time(user.password_changed),
    "structuralobjectclass": lambda tree, user: ("inetOrgPerson",),
    "hassubordinates": lambda tree, user: ("FALSE",),
    "subschemasubentry": lambda tree, user: (SUBSCHEMA,),
}

VIRTUAL_GROUP_ATTRIBUTES: dict[str, UserValues] = {
    "objectclass": lambda tree, user: VIRTUAL_GROUP_CLASSES,
    "cn": lambda tree, user: (user.username,),
    "samaccountname": lambda tree, user: (user.username,),
    "gidnumber": lambda tree, user: UserEntry(tree, user).values("gidnumber"),
    "member": lambda tree, user: (tree.user_dn(user.username),),
    "uniquemember": lambda tree, user: (tree.user_dn(user.username),),
    "memberuid": lambda tree, user: (user.username,),
    "entryuuid": lambda tree, user: () if (own := of_group(user.uuid)) is None else (own,),
    "entrydn": lambda tree, user: (tree.virtual_group_dn(user.username),),
    "structuralobjectclass": lambda tree, user: ("groupOfNames",),
    "hassubordinates": lambda tree, user: ("FALSE",),
    "subschemasubentry": lambda tree, user: (SUBSCHEMA,),
}


class UserEntry:
    __slots__ = ("record", "tree")

    def __init__(self, tree: Tree, record: UserRecord) -> None:
        self.tree = tree
        self.record = record

    @property
    def dn(self) -> str:
        return self.tree.user_dn(self.record.username)

    def attribute_types(self) -> Iterable[AttributeType]:
        return _types(self.tree.profile.users, custom_attributes(self.record, self.tree.mapped(self.record)))

    def values(self, key: str) -> Values:
        mapped = self.tree.mapped(self.record)
        custom = custom_values(self.record, key, mapped)
        if custom is None and key == "gidnumber":
            custom = custom_values(self.record, "uidnumber", mapped)  # the user's own group has the user's number
        if custom is not None:
            return custom
        values = self.tree.profile.users.get(key)
        return () if values is None else values(self.tree, self.record)

    def has(self, key: str) -> bool:
        return bool(self.values(key))

    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        match key:
            case "objectclass":
                return assertion in self.tree.profile.user_class_names
            case "memberof":
                ancestry = self.tree.ancestry(self.record.pk)
                return self.tree.group_at(assertion) in (ancestry.groups if rule is IN_CHAIN else ancestry.shown)
        if rule is IN_CHAIN:
            return self.leads(key, assertion)
        return _holds(self.values(key), rule, assertion)

    def leads(self, key: str, assertion: Normal) -> bool:
        return self.tree.leads(self.record.pk, key, assertion)

    def encoded(self, selection: Selection) -> bytes | Pieces | None:
        tree, record = self.tree, self.record
        stamps = (tree.provider, record, tree.ancestry(record.pk))
        return tree.bodies.encoded(("user", record.pk, tree.kept_under), selection, stamps, self._encode)

    def _encode(self, selection: Selection, told: Mapping[str, UserValues] | None = None) -> bytes | Pieces:
        tree, record = self.tree, self.record
        added = custom_attributes(record, tree.mapped(record))
        if "uidnumber" in added and "gidnumber" not in added:
            added = {**added, "gidnumber": ("gidNumber", added["uidnumber"][1])}

        def own(key: str) -> bytes:
            return encode_values(ours[key](tree, record))

        ours = told or tree.profile.users
        return encode(tree.user_dn(record.username), ours, own, added, selection)


class LoneUserEntry(UserEntry):
    """As seen by whoever may read nobody else's: what others name is nothing to them."""

    __slots__ = ()

    def leads(self, key: str, assertion: Normal) -> bool:
        return _holds(self.values(key), IN_CHAIN, assertion)


class TellingUserEntry(UserEntry):
    """As a privileged reader sees it over TLS at ``now``: with the hash of a network password, where that is asked for
    by name. No filter, comparison or ``*`` finds it."""

    __slots__ = ("now",)

    def __init__(self, tree: Tree, record: UserRecord, now: float) -> None:
        super().__init__(tree, record)
        self.now = now

    def encoded(self, selection: Selection) -> bytes | Pieces | None:
        if profiles.NT_PASSWORD.key not in selection.keys or not (values := self._hash()):
            return super().encoded(selection)
        told = {**self.tree.profile.users, profiles.NT_PASSWORD.key: lambda tree, user: values}
        return self._encode(selection, told)

    def _hash(self) -> Values:
        known = self.tree.network_hashes.get(self.record.pk)
        if known is None or validity.refusal(self.record, self.now) is not None:
            return ()
        return (known.nt_hash,) if known.until is None or self.now < known.until else ()


class GroupEntry:
    """``only``: the one user that the reader may see among the members; None shows them all."""

    __slots__ = ("_spelling", "only", "record", "tree")

    def __init__(self, tree: Tree, record: GroupRecord, only: int | None = None) -> None:
        self.tree: Tree = tree
        self.record: GroupRecord = record
        self.only = only
        self._spelling: Spelling | None = None

    @property
    def dn(self) -> str:
        return self.tree.group_dn(self.record.name)

    def attribute_types(self) -> Iterable[AttributeType]:
        return _types(self.tree.profile.groups, custom_attributes(self.record))

    def members(self) -> frozenset[int]:
        members = self.tree.members(self.record.pk)
        return members if self.only is None else members & {self.only}

    def child_groups(self) -> frozenset[str]:
        children = self.tree.children(self.record.pk)
        return children if self.only is None else children & self.tree.ancestry(self.only).groups

    def has(self, key: str) -> bool:
        if key in ("member", "uniquemember", "memberuid"):
            return bool(self.members()) or (key != "memberuid" and bool(self.child_groups()))
        return bool(self.values(key))

    def holds_in_chain(self, key: str, assertion: Normal) -> bool:
        """Is there a way from here to what the DN names, over members who are groups, or groups that this is in?"""
        user, group = self.tree.user_at(assertion), self.tree.group_at(assertion)
        if key == "memberof":
            return group in self.tree.lineage(self.record.parents).groups
        if key not in ("member", "uniquemember"):
            if self.only is None:
                return self.tree.leads(self.record.pk, key, assertion)
            return _holds(self.values(key), IN_CHAIN, assertion)
        if self.only is not None and user not in (None, self.only):
            return False
        if user is not None:
            return self.record.pk in self.tree.ancestry(user).groups
        if group is None or (self.only is not None and group not in self.tree.ancestry(self.only).groups):
            return False
        return self.record.pk in self.tree.lineage(self.tree.snapshot.groups[group].parents).groups

    def member_names(self) -> MemberNames:
        return MemberNames(self.tree.snapshot.users, self.members())

    def member_dns(self) -> Values:
        users = [self.tree.user_dn(name) for name in sorted(self.member_names())]
        return users + [self.tree.group_dn(name) for name in self.tree.group_names_of(self.child_groups())]

    def values(self, key: str) -> Values:
        custom = custom_values(self.record, key)
        if custom is not None:
            return custom
        values = self.tree.profile.groups.get(key)
        return () if values is None else values(self)

    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        """Membership is looked up; a group of 50,000 is never spelt out to find one of them."""
        if rule is IN_CHAIN:
            return self.holds_in_chain(key, assertion)
        match key:
            case "objectclass":
                return assertion in self.tree.profile.group_class_names
            case "member" | "uniquemember":
                return self.tree.user_at(assertion) in self.members() or (
                    self.tree.group_at(assertion) in self.child_groups()
                )
            case "memberuid":
                return any(
                    user in self.members() and rule.normalise(self.tree.names_of((user,))[0]) == assertion
                    for user in self.tree.users_named(str(assertion))
                )
            case "memberof":
                return self.tree.group_at(assertion) in self.tree.lineage(self.record.parents).shown
        return _holds(self.values(key), rule, assertion)

    def encoded(self, selection: Selection) -> bytes | Pieces | None:
        if self.only is not None:
            return self._encode(selection)
        tree, record = self.tree, self.record
        stamps = (tree.provider, record, tree.members(record.pk), tree.names, tree.ancestries)
        return tree.bodies.encoded(("group", record.pk, tree.kept_under), selection, stamps, self._encode)

    def _encode(self, selection: Selection) -> bytes | Pieces | None:
        spelt: Mapping[str, bytes | Pieces] = {}
        if any(selection.shows(KNOWN[key]) for key in ("member", "uniquemember", "memberuid")):
            self._spelling = self._spelling or spelling(self.tree, self.members(), self.child_groups())
            try:
                next(self._spelling)
                return None
            except StopIteration as done:
                spelt, self._spelling = done.value, None

        def own(key: str) -> bytes | Pieces:
            return spelt[key] if key in spelt else encode_values(ours[key](self))

        ours = self.tree.profile.groups
        return encode(self.dn, ours, own, custom_attributes(self.record), selection)


GROUP_ATTRIBUTES: dict[str, Callable[[GroupEntry], Values]] = {
    "objectclass": lambda entry: GROUP_CLASSES,
    "cn": lambda entry: (entry.record.name,),
    "samaccountname": lambda entry: (entry.record.name,),
    "gidnumber": lambda entry: (entry.tree.gid_number(entry.record),),
    "member": lambda entry: entry.member_dns(),
    "uniquemember": lambda entry: entry.member_dns(),
    "memberuid": lambda entry: entry.member_names(),
    "memberof": lambda entry: entry.tree.lineage(entry.record.parents).dns,
    "ak-superuser": lambda entry: boolean(entry.record.is_superuser),
    "entryuuid": lambda entry: (entry.record.pk,),
    "entrydn": lambda entry: (entry.dn,),
    "createtimestamp": lambda entry: generalized_time(entry.record.created),
    "modifytimestamp": lambda entry: generalized_time(entry.record.updated),
    "structuralobjectclass": lambda entry: ("groupOfNames",),
    "hassubordinates": lambda entry: ("FALSE",),
    "subschemasubentry": lambda entry: (SUBSCHEMA,),
}


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What entries of a provider have, by its switches: attributes in the order of answers, and object classes."""

    users: Mapping[str, UserValues]
    groups: Mapping[str, Callable[[GroupEntry], Values]]
    user_class_names: frozenset[str]
    group_class_names: frozenset[str]


@lru_cache(maxsize=4)
def profile(active_directory: bool, samba: bool) -> Profile:
    """Always the same object for the same switches."""
    users, groups = dict(USER_ATTRIBUTES), dict(GROUP_ATTRIBUTES)
    user_classes: tuple[str, ...] = USER_CLASSES
    group_classes: tuple[str, ...] = GROUP_CLASSES
    if active_directory:
        users |= profiles.ACTIVE_DIRECTORY_USER
        groups |= profiles.ACTIVE_DIRECTORY_GROUP
    if samba:
        users |= profiles.SAMBA_USER
        groups |= profiles.SAMBA_GROUP
        user_classes += profiles.SAMBA_USER_CLASSES
        group_classes += profiles.SAMBA_GROUP_CLASSES
        users["objectclass"] = lambda tree, user: user_classes
        groups["objectclass"] = lambda entry: group_classes
    return Profile(users, groups, class_names(user_classes), class_names(group_classes))


class VirtualGroupEntry:
    """The group of one user alone, for systems that want a group behind every gidNumber."""

    __slots__ = ("record", "tree")

    def __init__(self, tree: Tree, record: UserRecord) -> None:
        self.tree = tree
        self.record = record

    @property
    def dn(self) -> str:
        return self.tree.virtual_group_dn(self.record.username)

    def attribute_types(self) -> Iterable[AttributeType]:
        return (KNOWN[key] for key in VIRTUAL_GROUP_ATTRIBUTES)

    def values(self, key: str) -> Values:
        values = VIRTUAL_GROUP_ATTRIBUTES.get(key)
        return () if values is None else values(self.tree, self.record)

    def has(self, key: str) -> bool:
        return bool(self.values(key))

    def holds(self, key: str, rule: MatchingRule, assertion: Normal) -> bool:
        match key:
            case "objectclass":
                return assertion in VIRTUAL_GROUP_CLASS_NAMES
            case "member" | "uniquemember":
                return self.tree.user_at(assertion) == self.record.pk
        return _holds(self.values(key), rule, assertion)

    def encoded(self, selection: Selection) -> bytes | Pieces | None:
        tree, record = self.tree, self.record
        key = ("virtual group", record.pk, tree.kept_under)
        return tree.bodies.encoded(key, selection, (tree.provider, record), self._encode)

    def _encode(self, selection: Selection) -> bytes | Pieces:
        tree, record = self.tree, self.record

        def own(key: str) -> bytes:
            return encode_values(VIRTUAL_GROUP_ATTRIBUTES[key](tree, record))

        return encode(tree.virtual_group_dn(record.username), VIRTUAL_GROUP_ATTRIBUTES, own, {}, selection)


def _types(ours: Collection[str], added: Mapping[str, tuple[str, tuple[Value, ...]]]) -> Iterable[AttributeType]:
    """Ours, then the custom ones."""
    yield from (KNOWN[key] for key in ours)
    for key, (spelt, _) in added.items():
        if key not in ours:
            yield KNOWN.get(key) or custom_type(spelt)


def _holds(values: Values, rule: MatchingRule, assertion: Normal) -> bool:
    normalise = rule.normalise
    return any(normalise(value) == assertion for value in values)
