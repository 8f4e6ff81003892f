"""The DIT of one LDAP provider at one revision (RFC 4512 s2): names to places, people to groups, numbers.

<base>  -  ou=users           cn=<username>   (found and bound as uid=<username> too)
        -  ou=groups          cn=<name>
        -  ou=virtual-groups  cn=<username>   one per user

A provider's settings may name the containers, add empty ones, and put users under uid=.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from outpost.directory import chains
from outpost.directory.attributes import NO_MAPPED
from outpost.directory.bodies import Bodies
from outpost.directory.entries import UserEntry, profile
from outpost.directory.index import ORDINAL, Indices, mapped_key
from outpost.directory.shown_people import shown_people
from outpost.directory.snapshot import NO_GROUPS, Snapshot
from protocols.ldap import dn
from protocols.ldap.dn import DN, RDN
from protocols.ldap.matching import CASE_EXACT, CASE_IGNORE
from protocols.ldap.prepare import case_ignore
from protocols.ldap.schema import KNOWN, AttributeType, custom, known_type, without_binary
from protocols.ldap.search import PlainEntry
from protocols.ldap.subschema import SUBSCHEMA
from protocols.link.messages import GroupRecord, LdapSettings, NetworkHash, ProviderRecord, UserRecord
from rules.groups import ancestors

NO_MEMBERS: frozenset[int] = frozenset()
MAX_ANCESTRIES = 50_000
"""Distinct sets of groups whose ancestors are remembered; past it the memory starts again."""


@dataclass(frozen=True, slots=True, eq=False)
class Ancestry:
    """What follows from being in certain groups."""

    groups: frozenset[str]
    """Those groups and all their ancestors."""
    shown: frozenset[str]
    """Those that ``memberOf`` names."""
    dns: tuple[str, ...]
    """Theirs, by name."""
    superuser: bool


class Ancestries:
    """Remembers ancestries; good for one base DN and as long as no group changes in anything but its members.

    ``group_dn`` must hold no tree: the collector, which finds cycles, does not look at what was there at a load.
    """

    def __init__(self, snapshot: Snapshot, group_dn: Callable[[str], str], nested: bool = True) -> None:
        self._nested = nested
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
        named = [record for record in records if self._nested or record.pk in groups]
        return Ancestry(
            frozenset(record.pk for record in records),
            frozenset(record.pk for record in named),
            tuple(self._group_dn(record.name) for record in named),
            any(record.is_superuser for record in records),
        )

    def _parents(self, group: str) -> tuple[str, ...]:
        record = self._groups.get(group)
        return () if record is None else record.parents


def _group_dn(container: str, name: str) -> str:
    return f"cn={dn.escape(name)},{container}"


def _groups_of(ancestries: Ancestries, snapshot: Snapshot, user: int) -> frozenset[str]:
    return ancestries.of(snapshot.memberships.get(user, NO_GROUPS)).groups


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
CONTAINER_KEYS = frozenset(
    {"objectclass", "entrydn", "ou", "cn", "dc", "o", "c"}
    | {"structuralobjectclass", "hassubordinates", "subschemasubentry"}
)
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
        self.settings: LdapSettings = settings
        self.has_policies = any(one.policy for one in provider.bindings)
        """May they have a say about who may in?"""
        self.snapshot = snapshot
        self.indices = indices
        self.bodies = bodies
        self.base = dn.parse(settings.base_dn)
        self.base_dn = dn.written(settings.base_dn)
        """With which every name here ends, and which strict clients read, however people wrote it."""
        if not self.base.key:
            raise ValueError("the base DN is empty")
        self.profile = profile(settings.active_directory, settings.samba)
        self.kept_under = provider.pk if settings == provider.settings else -provider.pk
        """Part of the keys of encoded entries."""
        self.domain: str = ".".join(value for rdn in self.base.rdns for kind, value in rdn if kind == "dc").lower()
        """Of names like alice@example.com; the base DN's."""
        self.short_domain: str = settings.domain_name or self.base.rdns[0][0][1].upper()
        names_of_containers = {
            "users": settings.users_container,
            "groups": settings.groups_container,
            "virtual-groups": settings.virtual_groups_container,
            **{f"extra {name}": name for name in settings.extra_containers},
        }
        self.containers: dict[str, PlainEntry] = {"base": self._base_entry()}
        """The base entry and what stands directly under it, by `Node.kind`."""
        for kind, name in names_of_containers.items():
            self.containers[kind] = self._container(kind, name)
        self._kinds = {case_ignore(name): kind for kind, name in names_of_containers.items()}
        self._user_place = self.containers["users"].dn
        self._group_place = self.containers["groups"].dn
        self._virtual_place = self.containers["virtual-groups"].dn
        self.ancestries = ancestries or Ancestries(
            snapshot, partial(_group_dn, self._group_place), settings.nested_member_of
        )
        self.names = names or Names()
        groups_of = partial(_groups_of, self.ancestries, snapshot)
        self.shown = shown_people(provider, settings, snapshot, groups_of)
        """None: everybody is."""
        self.chains: chains.Known = {}

    @cached_property
    def public(self) -> Tree:
        """The same for those who may not read all of it: without Samba's attributes."""
        if not self.settings.samba:
            return self
        settings = replace(self.settings, samba=False, samba_password_hashes=False)
        return Tree(self.provider, settings, self.snapshot, self.indices, self.bodies, self.ancestries, self.names)

    @cached_property
    def network_hashes(self) -> Mapping[int, NetworkHash]:
        return {one.user: one for one in self.provider.network_hashes} if self.settings.samba_password_hashes else {}

    # --- names -----------------------------------------------------------------------------------------------------

    def user_dn(self, username: str) -> str:
        return f"{self.settings.user_rdn}={dn.escape(username)},{self._user_place}"

    def group_dn(self, name: str) -> str:
        return _group_dn(self._group_place, name)

    def virtual_group_dn(self, username: str) -> str:
        return f"cn={dn.escape(username)},{self._virtual_place}"

    def node_at(self, name: DN) -> Node | None:
        """The place that ``name`` names, if there is anything."""
        if not dn.is_under(name, self.base):
            return None
        return self._node(name.key[: len(name.key) - len(self.base.key)], name.rdns[0])

    def _node(self, relative: tuple[RDN, ...], written: RDN) -> Node | None:
        if not relative:
            return BASE
        container = relative[-1]
        place = self._kinds.get(container[0][1]) if len(container) == 1 and container[0][0] == "ou" else None
        if place is None:
            return None
        if len(relative) == 1:
            return Node(place)
        if len(relative) != 2 or len(relative[0]) != 1 or place not in LEAF_OF:
            return None
        (kind, value), (_, spelling) = relative[0][0], written[0]
        if kind != "cn" and (kind, place) != ("uid", "users"):
            return None
        pk: Any = self._group_named(value) if place == "groups" else self._user_named(value, spelling)
        if pk is None or (self.shown is not None and place != "groups" and not self.shown.shows(pk)):
            return None
        return Node(LEAF_OF[place], pk)

    def _user_named(self, value: str, spelling: str) -> int | None:
        """Names may differ by case alone; the one spelt like the question goes first."""
        found = self.indices.users.equal("uid", value)
        if len(found) <= 1:
            return next(iter(found), None)
        return min(found, key=lambda pk: (self.snapshot.users[pk].username != spelling, pk))

    def user_named(self, username: str) -> UserRecord | None:
        pk = self._user_named(case_ignore(username), username)
        return None if pk is None else self.snapshot.users[pk]

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

    def pk_at(self, key: Any) -> int | str | None:
        """Of the user or the group with this normalised DN."""
        node = self._at_key(key)
        return node.pk if node is not None and node.kind in ("user", "group") else None

    def leads(self, start: int | str, key: str, name: Any) -> bool:
        """Does an attribute lead from the entry of this user or group to the normalised DN, over others in between?"""
        return chains.leads(self, start, key, name)

    def _at_key(self, key: tuple[RDN, ...]) -> Node | None:
        return self.node_at(DN(key, key)) if key else None

    def login_name(self, name: DN) -> str | None:
        """The user name that a bind DN means, whether or not there is such a user; None if it cannot mean one."""
        relative = len(name.key) - len(self.base.key)
        if relative != 2 or not dn.is_under(name, self.base):
            return None
        container = name.key[1]
        if len(container) != 1 or container[0][0] != "ou" or self._kinds.get(container[0][1]) != "users":
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
        return self.snapshot.members.get(group, NO_MEMBERS) if self.shown is None else self.shown.members(group)

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
            and (self.shown is None or self.shown.shows(pk))
        ]

    def users_with_mail(self, address: str) -> list[int]:
        """pks of users who are shown with this address."""
        records, normal = self.snapshot.users, CASE_IGNORE.normalise(address)
        return [
            pk
            for pk in self.indices.users.equal("mail", normal)
            if normal in map(CASE_IGNORE.normalise, UserEntry(self, records[pk]).values("mail"))
        ]

    def names_of(self, users: Iterable[int]) -> list[str]:
        records = self.snapshot.users
        return sorted(records[pk].username for pk in users if pk in records)

    def group_names_of(self, groups: Iterable[str]) -> list[str]:
        records = self.snapshot.groups
        return sorted(records[pk].name for pk in groups if pk in records)

    def mapped(self, user: UserRecord) -> Mapping[str, Any]:
        """Attributes that this provider's property mappings give a user."""
        return user.mapped.get(str(self.provider.pk), NO_MAPPED) if self.settings.mapped and user.mapped else NO_MAPPED

    # --- entries ---------------------------------------------------------------------------------------------------

    def recognise(self, name: str) -> AttributeType | None:
        """The attribute type that this lower-case name means, if anybody knows it."""
        known = known_type(name)
        if known is not None:
            return known
        plain = without_binary(name)
        return custom(plain) if self.indices.recognises(plain, self.provider.pk) else None

    def custom_types(self) -> list[AttributeType]:
        """Of attributes that people added and that nobody else describes."""
        every = {*self.indices.users.presence, *self.indices.groups.presence}
        ours = mapped_key(self.provider.pk, "")
        mapped = {name.removeprefix(ours) for name in every if name.startswith(ours)} if self.settings.mapped else set()
        names = {name for name in every if "/" not in name} | mapped
        return [custom(name) for name in sorted(names - KNOWN.keys() - {ORDINAL})]

    def users_with(self, key: str, value: Any) -> Collection[int]:
        """Who may have this value of an attribute that people, or this provider's mappings, add."""
        users = self.indices.users
        own = users.equal(key, value)
        mapped = users.equal(mapped_key(self.provider.pk, key), value) if self.settings.mapped else ()
        return {*own, *mapped} if mapped else own

    def users_having(self, key: str) -> Collection[int]:
        """Who has the attribute at all."""
        users = self.indices.users
        own = users.present(key)
        mapped = users.present(mapped_key(self.provider.pk, key)) if self.settings.mapped else ()
        return {*own, *mapped} if mapped else own

    def _base_entry(self) -> PlainEntry:
        kind, value = self.base.rdns[0][0]
        classes = ("top", OBJECT_CLASS_OF_RDN[kind]) if kind in OBJECT_CLASS_OF_RDN else ("top",)
        attributes: dict[str, tuple[str, ...]] = {
            "objectclass": classes,
            "entrydn": (self.base_dn,),
            "structuralobjectclass": classes[-1:],
            "hassubordinates": ("TRUE",),
            "subschemasubentry": (SUBSCHEMA,),
        }
        if kind in CONTAINER_KEYS:
            attributes[kind] = (value,)
        return PlainEntry(self.base_dn, attributes)

    def _container(self, kind: str, name: str) -> PlainEntry:
        inside = {"users": self.snapshot.users, "groups": self.snapshot.groups, "virtual-groups": self.snapshot.users}
        place = f"ou={dn.escape(name)},{self.base_dn}"
        return PlainEntry(
            place,
            {
                "objectclass": ("top", "organizationalUnit", "nsContainer"),
                "ou": (name,),
                "cn": (name,),
                "entrydn": (place,),
                "structuralobjectclass": ("organizationalUnit",),
                "hassubordinates": ("TRUE" if inside.get(kind) else "FALSE",),
                "subschemasubentry": (SUBSCHEMA,),
            },
        )
