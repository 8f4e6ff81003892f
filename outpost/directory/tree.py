"""The DIT of one LDAP provider at one revision (RFC 4512 s2): names to places, people to groups, numbers.

<base>  -  ou=users           cn=<username>   (found and bound as uid=<username> too)
        -  ou=groups          cn=<name>
        -  ou=virtual-groups  cn=<username>   one per user
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from outpost.directory.bodies import Bodies
from outpost.directory.index import Indices
from outpost.directory.snapshot import NO_GROUPS, Snapshot
from protocols.ldap import dn
from protocols.ldap.dn import DN, RDN
from protocols.ldap.matching import CASE_EXACT, CASE_IGNORE
from protocols.ldap.schema import KNOWN, AttributeType, custom, without_binary
from protocols.ldap.search import PlainEntry
from protocols.link.messages import GroupRecord, LdapSettings, ProviderRecord, UserRecord
from rules.groups import ancestors

NO_MEMBERS: frozenset[int] = frozenset()
MAX_ANCESTRIES = 50_000
"""Distinct sets of groups whose ancestors are remembered; past it the memory starts again."""


@dataclass(frozen=True, slots=True, eq=False)
class Ancestry:
    """What follows from being in certain groups."""

    groups: frozenset[str]
    """Those groups and all their ancestors."""
    dns: tuple[str, ...]
    """Theirs, by name."""
    superuser: bool


class Ancestries:
    """Remembers ancestries; good for one base DN and as long as no group changes in anything but its members.

    ``group_dn`` must hold no tree: the collector, which finds cycles, does not look at what was there at a load.
    """

    def __init__(self, snapshot: Snapshot, group_dn: Callable[[str], str]) -> None:
        self._groups = snapshot.groups
        self._group_dn = group_dn
        self._known: dict[frozenset[str], Ancestry] = {}

    def of(self, groups: frozenset[str]) -> Ancestry:
        known = self._known.get(groups)
        if known is None:
            if len(self._known) >= MAX_ANCESTRIES:
                self._known.clear()
            known = self._known[groups] = self._derive(groups)
        return known

    def _derive(self, groups: frozenset[str]) -> Ancestry:
        closure = ancestors(groups, self._parents)
        records = sorted((self._groups[pk] for pk in closure if pk in self._groups), key=lambda group: group.name)
        return Ancestry(
            frozenset(record.pk for record in records),
            tuple(self._group_dn(record.name) for record in records),
            any(record.is_superuser for record in records),
        )

    def _parents(self, group: str) -> tuple[str, ...]:
        record = self._groups.get(group)
        return () if record is None else record.parents


def _group_dn(base: str, name: str) -> str:
    return f"cn={dn.escape(name)},ou=groups,{base}"


class Names:
    """A new one stands for: some user name appeared, changed or went."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A place in the tree. ``pk`` is set for users, groups and virtual groups."""

    kind: str
    """base, users, groups, virtual-groups (containers); user, group, virtual-group (leaves)."""
    pk: Any = None


BASE = Node("base")
LEAF_OF = {"users": "user", "groups": "group", "virtual-groups": "virtual-group"}
"""Container to the kind of its leaves."""
CONTAINER_KEYS = frozenset(("objectclass", "entrydn", "ou", "cn", "dc", "o"))
"""Attributes that base and containers may have."""

OBJECT_CLASS_OF_RDN = {"dc": "domain", "o": "organization", "ou": "organizationalUnit", "c": "country"}


class Tree:
    """Immutable, apart from what it remembers. Raises ValueError for a base DN that is none."""

    def __init__(
        self,
        provider: ProviderRecord,
        settings: LdapSettings,
        snapshot: Snapshot,
        indices: Indices,
        bodies: Bodies,
        ancestries: Ancestries | None = None,
        names: Names | None = None,
    ) -> None:
        self.provider = provider
        self.settings = settings
        self.snapshot = snapshot
        self.indices = indices
        self.bodies = bodies
        self.base = dn.parse(settings.base_dn)
        if not self.base.key:
            raise ValueError("the base DN is empty")
        self.ancestries = ancestries or Ancestries(snapshot, partial(_group_dn, settings.base_dn))
        self.names = names or Names()
        self.containers: dict[str, PlainEntry] = {"base": self._base_entry()}
        """The base entry and what stands directly under it, by `Node.kind`."""
        for kind in LEAF_OF:
            self.containers[kind] = self._container(kind)

    # --- names -----------------------------------------------------------------------------------------------------

    def user_dn(self, username: str) -> str:
        return f"cn={dn.escape(username)},ou=users,{self.settings.base_dn}"

    def group_dn(self, name: str) -> str:
        return _group_dn(self.settings.base_dn, name)

    def virtual_group_dn(self, username: str) -> str:
        return f"cn={dn.escape(username)},ou=virtual-groups,{self.settings.base_dn}"

    def node_at(self, name: DN) -> Node | None:
        """The place that ``name`` names, if there is anything."""
        if not dn.is_under(name, self.base):
            return None
        return self._node(name.key[: len(name.key) - len(self.base.key)], name.rdns[0])

    def _node(self, relative: tuple[RDN, ...], written: RDN) -> Node | None:
        if not relative:
            return BASE
        container = relative[-1]
        if len(container) != 1 or container[0][0] != "ou" or container[0][1] not in LEAF_OF:
            return None
        place = container[0][1]
        if len(relative) == 1:
            return Node(place)
        if len(relative) != 2 or len(relative[0]) != 1:
            return None
        (kind, value), (_, spelling) = relative[0][0], written[0]
        if kind != "cn" and (kind, place) != ("uid", "users"):
            return None
        pk = self._group_named(value) if place == "groups" else self._user_named(value, spelling)
        return None if pk is None else Node(LEAF_OF[place], pk)

    def _user_named(self, value: str, spelling: str) -> int | None:
        """Names may differ by case alone; the one spelt like the question goes first."""
        found = self.indices.users.equal("uid", value)
        if len(found) <= 1:
            return next(iter(found), None)
        return min(found, key=lambda pk: (self.snapshot.users[pk].username != spelling, pk))

    def _group_named(self, value: str) -> str | None:
        return min(self.indices.groups.equal("cn", value), default=None)

    def user_at(self, key: Any) -> int | None:
        """pk of the user with this normalised DN."""
        node = self._at_key(key)
        return node.pk if node is not None and node.kind == "user" else None

    def group_at(self, key: Any) -> str | None:
        """pk of the group with this normalised DN."""
        node = self._at_key(key)
        return node.pk if node is not None and node.kind == "group" else None

    def _at_key(self, key: tuple[RDN, ...]) -> Node | None:
        return self.node_at(DN(key, key)) if key else None

    def login_name(self, name: DN) -> str | None:
        """The user name that a bind DN means, whether or not there is such a user; None if it cannot mean one."""
        relative = len(name.key) - len(self.base.key)
        if relative != 2 or not dn.is_under(name, self.base) or name.key[1] != (("ou", "users"),):
            return None
        if len(name.rdns[0]) != 1 or name.rdns[0][0][0] not in ("cn", "uid"):
            return None
        node = self.node_at(name)
        return name.rdns[0][0][1] if node is None else self.snapshot.users[node.pk].username

    # --- people and groups -----------------------------------------------------------------------------------------

    def uid_number(self, user: UserRecord) -> str:
        return str(self.settings.uid_start_number + user.ordinal)

    def gid_number(self, group: GroupRecord) -> str:
        return str(self.settings.gid_start_number + group.ordinal)

    def ancestry(self, user: int) -> Ancestry:
        return self.ancestries.of(self.snapshot.memberships.get(user, NO_GROUPS))

    def lineage(self, groups: Iterable[str]) -> Ancestry:
        return self.ancestries.of(frozenset(groups))

    def members(self, group: str) -> frozenset[int]:
        return self.snapshot.members.get(group, NO_MEMBERS)

    def children(self, group: str) -> frozenset[str]:
        return self.snapshot.children.get(group, NO_GROUPS)

    def groups_within(self, group: str) -> frozenset[str]:
        """The group and all its descendants."""
        return ancestors((group,), self.children)

    def users_within(self, group: str) -> frozenset[int]:
        """Members of the group and of all its descendants."""
        within = self.groups_within(group)
        if len(within) == 1:
            return self.members(group)
        return NO_MEMBERS.union(*(self.members(pk) for pk in within))

    def users_named(self, name: str) -> list[int]:
        """pks of users whose name is exactly this."""
        return [
            pk
            for pk in self.indices.users.equal("uid", CASE_IGNORE.normalise(name))
            if CASE_EXACT.normalise(self.snapshot.users[pk].username) == name
        ]

    def names_of(self, users: Iterable[int]) -> list[str]:
        records = self.snapshot.users
        return sorted(records[pk].username for pk in users if pk in records)

    def group_names_of(self, groups: Iterable[str]) -> list[str]:
        records = self.snapshot.groups
        return sorted(records[pk].name for pk in groups if pk in records)

    # --- entries ---------------------------------------------------------------------------------------------------

    def recognise(self, name: str) -> AttributeType | None:
        """The attribute type that this lower-case name means, if anybody knows it."""
        known = KNOWN.get(name)
        if known is not None:
            return known
        if ";" in name and (plain := without_binary(name)) != name:
            return self.recognise(plain)
        return custom(name) if self.indices.recognises(name) else None

    def _base_entry(self) -> PlainEntry:
        kind, value = self.base.rdns[0][0]
        classes = ("top", OBJECT_CLASS_OF_RDN[kind]) if kind in OBJECT_CLASS_OF_RDN else ("top",)
        attributes: dict[str, tuple[str, ...]] = {"objectclass": classes, "entrydn": (self.settings.base_dn,)}
        if kind in CONTAINER_KEYS:
            attributes[kind] = (value,)
        return PlainEntry(self.settings.base_dn, attributes)

    def _container(self, kind: str) -> PlainEntry:
        name = f"ou={kind},{self.settings.base_dn}"
        classes = ("top", "organizationalUnit", "nsContainer")
        return PlainEntry(name, {"objectclass": classes, "ou": (kind,), "cn": (kind,), "entrydn": (name,)})
