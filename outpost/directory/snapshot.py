"""A `Snapshot` is the directory at one revision; it never changes. A change makes the next one, sharing structure.

Readers hold on to the snapshot they began with: a search that began on revision 41 ends on 41.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from immutables import Map

from outpost.directory.index import Indices
from protocols.link.messages import CertificateRecord, GroupRecord, OutpostRecord, ProviderRecord, UserRecord
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
    ended: Map[str, float] = field(default_factory=Map)
    """Sessions of control's that ended early, by sid, and until when that has to be known."""
    outpost: OutpostRecord | None = None
    secret_keys: frozenset[str] = frozenset()
    """`rules.secret_attributes`."""
    secrets: Map[int | str, dict[str, Any]] = field(default_factory=Map)
    """pk of a user or group to those of their attributes, which their record has not: only proxies look here."""
    indices: Indices = field(default_factory=Indices)
    """Over users and groups."""

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
    pins: bool = False
    """Of the providers, but which NAS have shown that they sign."""


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
