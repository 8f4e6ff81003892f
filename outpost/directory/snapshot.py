"""A `Snapshot` is the directory at one revision; it never changes. A change makes the next one, sharing structure.

Readers hold on to the snapshot they began with: a search that began on revision 41 ends on 41.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from immutables import Map

from protocols.link.messages import (
    CertificateRecord,
    Change,
    Configuration,
    GroupRecord,
    Members,
    OutpostRecord,
    ProviderRecord,
    Put,
    Record,
    Remove,
    UserRecord,
)
from rules.groups import ancestors

NO_GROUPS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    revision: int = 0
    users: Map[int, UserRecord] = field(default_factory=Map)
    groups: Map[str, GroupRecord] = field(default_factory=Map)
    """``members`` of these records is None: `members` and `memberships` below hold them."""
    members: Map[str, frozenset[int]] = field(default_factory=Map)
    """Direct members of each group that has any."""
    memberships: Map[int, frozenset[str]] = field(default_factory=Map)
    """Groups whose direct member each user is."""
    children: Map[str, frozenset[str]] = field(default_factory=Map)
    """Groups that name this group among their parents."""
    providers: Map[int, ProviderRecord] = field(default_factory=Map)
    certificates: Map[str, CertificateRecord] = field(default_factory=Map)
    outpost: OutpostRecord | None = None

    def groups_of(self, user: int) -> frozenset[str]:
        """pks of every group the user is in, directly or through a parent."""
        return ancestors(self.memberships.get(user, NO_GROUPS), self._parents)

    def is_superuser(self, user: int) -> bool:
        return any(self.groups[pk].is_superuser for pk in self.groups_of(user) if pk in self.groups)

    def _parents(self, group: str) -> tuple[str, ...]:
        record = self.groups.get(group)
        return record.parents if record is not None else ()


@dataclass(frozen=True, slots=True)
class Touched:
    """What differs between two snapshots; ``everything`` after a whole new one."""

    everything: bool = False
    users: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()
    configuration: bool = False
    """Providers, certificates or the outpost itself changed."""


class _Draft:
    """Mutable copies of a snapshot's maps while changes are applied; shared structure stays shared."""

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.users = base.users.mutate()
        self.groups = base.groups.mutate()
        self.members = base.members.mutate()
        self.memberships = base.memberships.mutate()
        self.children = base.children.mutate()
        self.providers = base.providers.mutate()
        self.certificates = base.certificates.mutate()
        self.outpost = base.outpost
        self.touched_users: set[int] = set()
        self.touched_groups: set[str] = set()
        self.configuration = False

    def apply(self, change: Change) -> None:
        match change:
            case Put(UserRecord() as user):
                self.users[user.pk] = user
                self.touched_users.add(user.pk)
            case Put(GroupRecord() as group):
                self._put_group(group)
            case Put(ProviderRecord() as provider):
                self.providers[provider.pk] = provider
                self.configuration = True
            case Put(CertificateRecord() as certificate):
                self.certificates[certificate.pk] = certificate
                self.configuration = True
            case Put(OutpostRecord() as outpost):
                self.outpost = outpost
                self.configuration = True
            case Members(group=pk, added=added, removed=removed):
                self._join(pk, frozenset(added), frozenset(removed))
            case Remove(kind="user", pk=int(pk)):
                self._remove_user(pk)
            case Remove(kind="group", pk=str(pk)):
                self._remove_group(pk)
            case Configuration(records=records):
                self._configure(records)
            case _:
                raise ValueError(f"unknown change {change!r}")

    def _put_group(self, group: GroupRecord) -> None:
        old = self.groups.get(group.pk)
        self._adopt(group.pk, old.parents if old else (), group.parents)
        have = self.members.get(group.pk, frozenset())
        want = have if group.members is None else frozenset(group.members)
        self.groups[group.pk] = replace(group, members=None)
        self._join(group.pk, want - have, have - want)

    def _adopt(self, child: str, old: Iterable[str], new: Iterable[str]) -> None:
        before, after = frozenset(old), frozenset(new)
        for parent in before - after:
            self._set_or_drop(self.children, parent, self.children.get(parent, frozenset()) - {child})
        for parent in after - before:
            self.children[parent] = self.children.get(parent, frozenset()) | {child}
        self.touched_groups |= before ^ after

    def _join(self, group: str, added: frozenset[int], removed: frozenset[int]) -> None:
        self._set_or_drop(self.members, group, (self.members.get(group, frozenset()) | added) - removed)
        for user in added:
            self.memberships[user] = self.memberships.get(user, frozenset()) | {group}
        for user in removed:
            self._set_or_drop(self.memberships, user, self.memberships.get(user, frozenset()) - {group})
        self.touched_groups.add(group)
        self.touched_users |= added | removed

    def _remove_user(self, pk: int) -> None:
        for group in self.memberships.get(pk, NO_GROUPS):
            self._join(group, frozenset(), frozenset((pk,)))
        self.users.pop(pk, None)
        self.touched_users.add(pk)

    def _remove_group(self, pk: str) -> None:
        self._join(pk, frozenset(), self.members.get(pk, frozenset()))
        old = self.groups.pop(pk, None)
        self._adopt(pk, old.parents if old else (), ())
        self.touched_groups.add(pk)

    def _configure(self, records: Iterable[Record]) -> None:
        self.providers = Map[int, ProviderRecord]().mutate()
        self.certificates = Map[str, CertificateRecord]().mutate()
        self.outpost = None
        for record in records:
            self.apply(Put(record))
        self.configuration = True

    @staticmethod
    def _set_or_drop(index, key, values) -> None:  # type: ignore[no-untyped-def]
        if values:
            index[key] = values
        else:
            index.pop(key, None)

    def finish(self, revision: int) -> Snapshot:
        return Snapshot(
            revision=revision,
            users=self.users.finish(),
            groups=self.groups.finish(),
            members=self.members.finish(),
            memberships=self.memberships.finish(),
            children=self.children.finish(),
            providers=self.providers.finish(),
            certificates=self.certificates.finish(),
            outpost=self.outpost,
        )

    @property
    def touched(self) -> Touched:
        return Touched(
            users=frozenset(self.touched_users),
            groups=frozenset(self.touched_groups),
            configuration=self.configuration,
        )


def whole(revision: int, records: Iterable[Record]) -> Snapshot:
    """The snapshot that holds exactly these records."""
    draft = _Draft(Snapshot())
    for record in records:
        draft.apply(Put(record))
    return draft.finish(revision)


def changed(base: Snapshot, revision: int, changes: Iterable[Change]) -> tuple[Snapshot, Touched]:
    """The snapshot that follows ``base``, and what differs. Raises ValueError for a change of unknown kind."""
    draft = _Draft(base)
    for change in changes:
        draft.apply(change)
    return draft.finish(revision), draft.touched


Follower = Callable[[Snapshot, Touched], None]


class Directory:
    """Holds the current snapshot. Followers (tree, NAS table, hosts) are told after each swap, in order."""

    def __init__(self) -> None:
        self.current = Snapshot()
        self.loaded = False
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> None:
        """``follower`` is called at once with what there is, and after every change."""
        self._followers.append(follower)
        follower(self.current, Touched(everything=True))

    def publish(self, snapshot: Snapshot, touched: Touched) -> None:
        self.current = snapshot
        self.loaded = True
        for follower in self._followers:
            follower(snapshot, touched)
