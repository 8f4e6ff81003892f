"""The next snapshot while it is made, in slices short enough for a packet to wait for (DESIGN section 6).

Nothing is seen of a draft before it is finished. Whoever has no packets waiting takes all slices in one go: `whole`
and `changed`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Literal, TypeVar

from immutables import Map

from outpost.directory.index import IndicesDraft
from outpost.directory.secrets import SecretsDraft
from outpost.directory.snapshot import NO_GROUPS, Snapshot, Touched
from protocols.link.messages import (
    CertificateRecord,
    Change,
    Configuration,
    EndedSessionRecord,
    GroupRecord,
    Members,
    OutpostRecord,
    Pinned,
    ProviderRecord,
    Put,
    RadiusSettings,
    Record,
    Remove,
    UserRecord,
)

T = TypeVar("T")
Slices = Generator[None, None, T]
"""Work that rests after every slice, and gives its result at the end."""

RECORD_COST = 20
"""What a user or a group costs, with its place in the indices; one membership costs 1, about 1.5 microseconds."""
SLICE_COST = 2000
"""Of one slice: 100 records, in about 4 ms."""
MEMBERS_AT_ONCE = 1000
"""More of one group's are taken in several bits."""
COPIED_FOR_ONE = 40
"""Members that are copied in the time in which one joins."""
LOOKED_AT_ONCE = 5000
"""Keys that are compared in one slice, for what a whole new snapshot lacks."""
NO_MEMBERS: frozenset[int] = frozenset()


class Draft:
    """Mutable copies of a snapshot's maps while changes are applied; what stays the same stays shared."""

    def __init__(self, base: Snapshot) -> None:
        self.cost = 0
        """Of what was done since the last rest."""
        self._users = base.users.mutate()
        self._groups = base.groups.mutate()
        self._members = base.members.mutate()
        self._memberships = base.memberships.mutate()
        self._children = base.children.mutate()
        self._providers = base.providers.mutate()
        self._certificates = base.certificates.mutate()
        self._ended = base.ended.mutate()
        self._indices = IndicesDraft(base.indices)
        self._outpost = base.outpost
        self._secrets = SecretsDraft(base.secret_keys, base.secrets)
        self._joined: dict[str, set[int]] = {}
        """Members of the groups in which they change, until the end."""
        self._alike: dict[frozenset[str], frozenset[str]] = {}
        """Users who are in the same groups share one set."""
        self.touched_users: set[int] = set()
        self.touched_groups: set[str] = set()
        self._configured = self._pinned = False

    @property
    def touched(self) -> Touched:
        users, groups = frozenset(self.touched_users), frozenset(self.touched_groups)
        return Touched(users=users, groups=groups, configuration=self._configured, pins=self._pinned)

    def apply(self, changes: Iterable[Change]) -> Slices[None]:
        """Raises ValueError for a change of unknown kind."""
        for change in changes:
            for part in self._parts(change):
                self._apply(part)
                if self._is_tired():
                    yield
        if self._configured:
            yield from self._set_apart_anew()

    def finish(self, revision: int) -> Slices[Snapshot]:
        for group, members in self._joined.items():
            _set_or_drop(self._members, group, frozenset(members))
            self.cost += len(members) // COPIED_FOR_ONE
            if self._is_tired():
                yield
        return Snapshot(
            revision=revision,
            users=self._users.finish(),
            groups=self._groups.finish(),
            members=self._members.finish(),
            memberships=self._memberships.finish(),
            children=self._children.finish(),
            providers=self._providers.finish(),
            certificates=self._certificates.finish(),
            ended=self._ended.finish(),
            outpost=self._outpost,
            secret_keys=self._secrets.keys,
            secrets=self._secrets.finish(),
            indices=self._indices.finish(),
        )

    def _is_tired(self) -> bool:
        if self.cost < SLICE_COST:
            return False
        self.cost = 0
        return True

    def _parts(self, change: Change) -> Iterator[Change]:
        """The same change in bits that are small."""
        match change:
            case Put(GroupRecord(members=tuple(members)) as group):
                have, want = self._members_of(group.pk), frozenset(members)
                if len(have) + len(want) <= MEMBERS_AT_ONCE:
                    yield change
                else:
                    yield Put(replace(group, members=None))
                    yield from _cut(group.pk, want - have, have - want)
            case Members(group=pk, added=added, removed=removed):
                yield from _cut(pk, added, removed)
            case Remove(kind="group", pk=str(pk)):
                yield from _cut(pk, (), self._members_of(pk))
                yield change
            case _:
                yield change

    def _apply(self, change: Change) -> None:
        match change:
            case Put(UserRecord() as user):
                self._put_user(user)
            case Put(GroupRecord() as group):
                self._put_group(group)
            case Put(ProviderRecord() as provider):
                self._providers[provider.pk] = provider
                self._configured = True
            case Put(CertificateRecord() as certificate):
                self._certificates[certificate.pk] = certificate
                self._configured = True
            case Put(OutpostRecord() as outpost):
                self._outpost = outpost
                self._configured = True
            case Put(EndedSessionRecord() as ended):
                self._ended[ended.pk] = ended.expires
                self.cost += 1
            case Remove(kind="ended_session", pk=str(pk)):
                self._ended.pop(pk, None)
                self.cost += 1
            case Members(group=pk, added=added, removed=removed):
                self._join(pk, frozenset(added), frozenset(removed))
            case Remove(kind="user", pk=int(pk)):
                self._remove_user(pk)
            case Remove(kind="group", pk=str(pk)):
                self._remove_group(pk)
            case Remove(kind="provider", pk=int(pk)):
                self._providers.pop(pk, None)
                self._configured = True
            case Configuration(records=records):
                self._configure(records)
            case Pinned(provider=pk, addresses=addresses):
                record = self._providers.get(pk)
                if record is not None and isinstance(record.settings, RadiusSettings):
                    self._providers[pk] = replace(record, settings=replace(record.settings, pinned=addresses))
                    self._pinned = True
            case _:
                raise ValueError(f"unknown change {change!r}")

    def _set_apart_anew(self) -> Slices[None]:
        """If other attributes are secret now."""
        providers = self._providers.finish()
        self._providers = providers.mutate()
        if not self._secrets.configure(self._outpost, providers.values()):
            return
        users, groups = self._users.finish(), self._groups.finish()
        self._users, self._groups = users.mutate(), groups.mutate()
        for number, record in enumerate((*users.values(), *groups.values()), 1):
            if (whole := self._secrets.whole(record)) is not None:
                self._apply(Put(whole))
            if self._is_tired() or number % LOOKED_AT_ONCE == 0:
                yield

    def _put_user(self, user: UserRecord) -> None:
        self.cost += RECORD_COST
        user = self._secrets.set_apart(user, self.touched_users)
        old = self._users.get(user.pk)
        if old is None or _differ(old, user):
            self._users[user.pk] = user
            self._indices.user(user.pk, old, user)
            self.touched_users.add(user.pk)

    def _put_group(self, group: GroupRecord) -> None:
        self.cost += RECORD_COST
        old, record = self._groups.get(group.pk), replace(group, members=None)
        record = self._secrets.set_apart(record, self.touched_groups)
        if old is None or _differ(old, record):
            self._adopt(group.pk, old.parents if old else (), group.parents)
            self._groups[group.pk] = record
            self._indices.group(group.pk, old, record)
            self.touched_groups.add(group.pk)
        if group.members is not None:
            have, want = self._members_of(group.pk), frozenset(group.members)
            self._join(group.pk, want - have, have - want)

    def _adopt(self, child: str, old: Iterable[str], new: Iterable[str]) -> None:
        before, after = frozenset(old), frozenset(new)
        for parent in before - after:
            _set_or_drop(self._children, parent, self._children.get(parent, NO_GROUPS) - {child})
        for parent in after - before:
            self._children[parent] = self._children.get(parent, NO_GROUPS) | {child}
        self.touched_groups |= before ^ after

    def _members_of(self, group: str) -> AbstractSet[int]:
        joined = self._joined.get(group)
        return self._members.get(group, NO_MEMBERS) if joined is None else joined

    def _open(self, group: str) -> set[int]:
        """Its members, for writing."""
        members = self._joined.get(group)
        if members is None:
            members = self._joined[group] = set(self._members.get(group, NO_MEMBERS))
            self.cost += len(members) // COPIED_FOR_ONE
        return members

    def _join(self, group: str, added: AbstractSet[int], removed: AbstractSet[int]) -> None:
        if not added and not removed:
            return
        members = self._open(group)
        members |= added
        members -= removed
        for user in added:
            self._memberships[user] = self._shared(self._memberships.get(user, NO_GROUPS) | {group})
        for user in removed:
            _set_or_drop(self._memberships, user, self._shared(self._memberships.get(user, NO_GROUPS) - {group}))
        self.touched_groups.add(group)
        self.touched_users |= added
        self.touched_users |= removed
        self.cost += len(added) + len(removed)

    def _shared(self, groups: frozenset[str]) -> frozenset[str]:
        return self._alike.setdefault(groups, groups)

    def _remove_user(self, pk: int) -> None:
        self.cost += RECORD_COST
        for group in self._memberships.get(pk, NO_GROUPS):
            self._join(group, frozenset(), frozenset((pk,)))
        old = self._users.pop(pk, None)
        self._secrets.remove(pk)
        self._indices.user(pk, old, None)
        self.touched_users.add(pk)

    def _remove_group(self, pk: str) -> None:
        self.cost += RECORD_COST
        self._join(pk, frozenset(), frozenset(self._members_of(pk)))
        old = self._groups.pop(pk, None)
        self._secrets.remove(pk)
        self._indices.group(pk, old, None)
        self._adopt(pk, old.parents if old else (), ())
        self.touched_groups.add(pk)

    def _configure(self, records: Iterable[Record]) -> None:
        self._providers = Map[int, ProviderRecord]().mutate()
        self._certificates = Map[str, CertificateRecord]().mutate()
        self._outpost = None
        for record in records:
            self._apply(Put(record))
        self._configured = True


class Loading:
    """A whole new snapshot, made of records as they arrive. What ``base`` has alike is kept, not made again.

    So that a backup which is brought back costs what it differs in, whatever its size.
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        """In force until this is."""
        self._draft = Draft(base)
        self._users: set[int] = set()
        self._groups: set[str] = set()
        self._ended: set[str] = set()
        self._configuration: list[Record] = []

    @property
    def differing(self) -> int:
        """Users and groups that are not as in the base."""
        return len(self._draft.touched_users) + len(self._draft.touched_groups)

    def give_up(self) -> Snapshot:
        """The base, which is held here no more."""
        base, self.base, self._draft = self.base, Snapshot(), Draft(Snapshot())
        return base

    def take(self, records: Iterable[Record]) -> Slices[None]:
        """There is a rest at the end, so that chunks which come together are not taken in one go."""
        yield from self._draft.apply(self._changes(records))
        self._draft.cost = 0
        yield

    def finish(self, revision: int) -> Slices[Snapshot]:
        """What was not among the records goes."""
        yield from self._draft.apply([Configuration(tuple(self._configuration))])
        parts: tuple[tuple[Literal["user", "group", "ended_session"], Map[Any, Any], set[Any]], ...] = (
            ("ended_session", self.base.ended, self._ended),
            ("group", self.base.groups, self._groups),
            ("user", self.base.users, self._users),
        )
        for kind, before, now in parts:
            gone = yield from _gone(before, now)
            yield from self._draft.apply(Remove(kind, pk) for pk in gone)
        return (yield from self._draft.finish(revision))

    def _changes(self, records: Iterable[Record]) -> Iterator[Change]:
        for record in records:
            match record:
                case UserRecord():
                    self._users.add(record.pk)
                    yield Put(record)
                case GroupRecord():
                    self._groups.add(record.pk)
                    yield Put(record)
                case EndedSessionRecord():
                    self._ended.add(record.pk)
                    yield Put(record)
                case _:
                    self._configuration.append(record)


def _gone(before: Map[Any, Any], now: set[Any]) -> Slices[list[Any]]:
    gone = []
    for number, pk in enumerate(before, 1):
        if pk not in now:
            gone.append(pk)
        if number % LOOKED_AT_ONCE == 0:
            yield
    return gone


def _differ(old: UserRecord | GroupRecord, new: UserRecord | GroupRecord) -> bool:
    """Attributes are JSON, in which true and 1 are not the same, and whose order shows."""
    return old != new or (bool(new.attributes) and repr(old.attributes) != repr(new.attributes))


def _cut(group: str, added: Iterable[int], removed: Iterable[int]) -> Iterator[Members]:
    """One change at least, so that the group is touched."""
    joining, leaving = tuple(added), tuple(removed)
    longest = max(len(joining), len(leaving), 1)
    for start in range(0, longest, MEMBERS_AT_ONCE):
        part = slice(start, start + MEMBERS_AT_ONCE)
        yield Members(group, joining[part], leaving[part])


def _set_or_drop(drafted: Any, key: object, values: frozenset[Any]) -> None:
    if values:
        drafted[key] = values
    else:
        drafted.pop(key, None)


# --- all slices in one go ------------------------------------------------------------------------------------------


def at_once(work: Slices[T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result


def changing(base: Snapshot, revision: int, changes: Iterable[Change]) -> Slices[tuple[Snapshot, Touched]]:
    """The snapshot that follows ``base``, and what differs. Raises ValueError for a change of unknown kind."""
    draft = Draft(base)
    yield from draft.apply(changes)
    return (yield from draft.finish(revision)), draft.touched


def changed(base: Snapshot, revision: int, changes: Iterable[Change]) -> tuple[Snapshot, Touched]:
    return at_once(changing(base, revision, changes))


def whole(revision: int, records: Iterable[Record]) -> Snapshot:
    """The snapshot that holds exactly these records."""
    loading = Loading(Snapshot())
    at_once(loading.take(records))
    return at_once(loading.finish(revision))
