"""An outpost at the end of its link, and what it should know there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from control.outposts import view as outposts
from control.outposts.needs import of_outpost
from control.outposts.news import Newsroom, Stream
from control.outposts.snapshots import News
from control.store.sql import SqlStore
from outpost.browsers.added_headers import AddedHeaders
from outpost.directory.contexts import NamingContexts
from outpost.directory.draft import changed, whole
from outpost.directory.reader import Reader
from outpost.directory.shown_people import shown_people
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import told_of, verdict
from protocols.ldap.search_request import Scope
from protocols.link import codec
from protocols.link.messages import (
    Configuration,
    Delta,
    Frame,
    GroupRecord,
    Hello,
    LdapSettings,
    Members,
    ProviderRecord,
    ProxySettings,
    Put,
    RadiusSettings,
    Remove,
    SnapshotChunk,
    UserRecord,
)
from protocols.link.replica import Changes, Replica, SnapshotPart
from rules.secret_attributes import key
from tests.outpost.directory.people import BASE, read
from tests.stores import ImmediateStore, run

KINDS = ("ldap", "radius", "proxy")
SETTINGS: dict[str, dict[str, Any]] = {
    "ldap": {"base_dn": BASE, "show_only_admitted": True},
    "radius": {"client_networks": "10.0.0.0/8"},
    "proxy": {"mode": "forward_single", "external_host": "https://a.example.com"},
}
SECRETS: dict[str, dict[str, str]] = {"ldap": {}, "radius": {"shared_secret": "hush"}, "proxy": {}}


STRANGER = Hello("i", "h", "v", some_providers=True)


class Follower:
    """An outpost at the end of its link; ``frames`` are those of the last news."""

    def __init__(self, store: SqlStore, outpost: str = "o") -> None:
        self.store = store
        self.outpost = outpost
        self.snapshot = Snapshot()
        self.frames: list[Frame] = []
        self.replica = Replica()
        self._parts: list[SnapshotPart] = []
        self.connect(Newsroom(ImmediateStore(store)))

    def connect(self, newsroom: Newsroom) -> None:
        """Over a new stream, to this control."""
        self.newsroom = newsroom
        self.stream = Stream()
        self.stand = self.replica.hello("i", "h", "v")

    def follow(self) -> Snapshot:
        """Until there is nothing new."""
        self.frames = []
        while True:
            news: News = run(self.newsroom.news(self.outpost, self.stand, self.stream))
            lines = list(news.lines)
            if not lines:
                assert news.stand is self.stand
                return self.snapshot
            self.stand = news.stand
            for line in lines:
                self._take(codec.decode(line))
            assert (self.stand.revision, self.stand.chain) == (self.replica.revision, self.replica.chain)

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        match self.replica.receive(frame):
            case SnapshotPart() as part:
                self._parts.append(part)
                if part.last:
                    self.snapshot = whole(part.revision, (one for part in self._parts for one in part.records))
                    self._parts = []
            case Changes(revision, changes):
                self.snapshot, _ = changed(self.snapshot, revision, changes)

    @property
    def was_whole(self) -> bool:
        return any(isinstance(frame, SnapshotChunk) for frame in self.frames)


def everything(store: SqlStore, outpost: str = "o") -> Snapshot:
    """As if it knew everybody."""
    return store.read_now(lambda tx: whole(tx.revision().number, outposts.snapshot(tx, outpost)))


def needed(snapshot: Snapshot) -> frozenset[int]:
    """Found the long way: of a whole snapshot, whom its doors let in, ask about, or show."""
    return frozenset(
        pk for pk in snapshot.users if any(_needs(one, pk, snapshot) for one in snapshot.providers.values())
    )


def _needs(provider: ProviderRecord, user: int, snapshot: Snapshot) -> bool:
    if verdict(provider, user, snapshot) is not False:
        return True
    if not isinstance(provider.settings, LdapSettings):
        return False
    shown = shown_people(provider, provider.settings, snapshot, snapshot.groups_of)
    return shown is None or shown.shows(user)


def agree(told: Snapshot, every: Snapshot) -> None:
    """What is known of whoever is known is the same, and nobody else is."""
    known = needed(every)
    assert set(told.users) == set(known)
    own_words = {str(pk) for pk in every.providers}
    _agree_on_secrets(told, every, known)
    looks = any(not isinstance(one.settings, RadiusSettings) for one in every.providers.values())
    for pk in known:
        there = every.users[pk] if looks else replace(every.users[pk], attributes={})
        assert told.users[pk] == replace(there, mapped={at: one for at, one in there.mapped.items() if at in own_words})
        assert told.memberships.get(pk) == every.memberships.get(pk)
        assert told.groups_of(pk) == every.groups_of(pk)
        assert told.is_superuser(pk) == every.is_superuser(pk)
        for provider in every.providers.values():
            assert verdict(told.providers[provider.pk], pk, told) == verdict(provider, pk, every)
            if looks and verdict(provider, pk, every) is not False:
                assert told_of(told.users[pk], told, provider) == told_of(there, every, provider)
    assert {pk for members in told.members.values() for pk in members} <= known
    directories = any(isinstance(one.settings, LdapSettings) for one in every.providers.values())
    all_groups = directories or of_outpost(every.providers.values()).whole
    groups = every.groups.keys() if all_groups else {pk for user in known for pk in every.groups_of(user)}
    assert set(told.groups) == set(groups)
    for group in groups:
        assert told.groups[group] == (every.groups[group] if looks else replace(every.groups[group], attributes={}))
        assert told.members.get(group, frozenset()) == every.members.get(group, frozenset()) & known
    assert dict(told.ended) == dict(every.ended)
    for provider in every.providers.values():
        hashes = tuple(one for one in provider.network_hashes if one.user in known)
        assert told.providers[provider.pk] == replace(provider, network_hashes=hashes)
    assert shown_entries(told, known) == shown_entries(every, known)
    if any(one.protocol == "proxy" for one in every.providers.values()):
        assert headers(told) >= headers(every)


def _agree_on_secrets(told: Snapshot, every: Snapshot, known: Iterable[int]) -> None:
    """Passwords for an application are there of whom its proxy lets in or asks about, and of nobody else."""
    proxies = [
        (key(one.settings.basic_auth_password_attribute), one)
        for one in every.providers.values()
        if isinstance(one.settings, ProxySettings) and one.settings.basic_auth_enabled
    ]
    of_groups: dict[str, set[str]] = {}
    for pk in every.users:
        wanted = {name for name, one in proxies if verdict(one, pk, every) is not False}
        there = {name: value for name, value in every.secrets.get(pk, {}).items() if key(name) in wanted}
        assert told.secrets.get(pk, {}) == (there if pk in known else {})
        for group in every.groups_of(pk):
            of_groups.setdefault(group, set()).update(wanted)
    everybodys = {name for name, one in proxies if of_outpost([one]).whole}
    for group in told.groups:
        found, there = told.secrets.get(group, {}), every.secrets.get(group, {})
        least = of_groups.get(group, set())
        assert {name for name in there if key(name) in least} <= found.keys()
        assert {key(name) for name in found} <= least | everybodys
        assert found.items() <= there.items()


def headers(snapshot: Snapshot) -> set[str]:
    directory = Directory()
    added = AddedHeaders(directory)
    directory.publish(snapshot, Touched(everything=True))
    return {name.lower() for name in added.names}


def shown_entries(snapshot: Snapshot, known: Iterable[int]) -> list[list[str]]:
    """Of each directory, as everybody who is known and as somebody who may read all of it."""
    directory = Directory()
    contexts = NamingContexts(directory)
    directory.publish(snapshot, Touched(everything=True))
    found = []
    for provider in snapshot.providers.values():
        tree = contexts.tree(provider.pk)
        if tree is not None and not tree.settings.bind_by_mail and tree.shown is not None:
            readers = [Reader(tree, 0, everything=True), *(Reader(tree, pk, False) for pk in sorted(known))]
            found += [sorted(_leaves(reader)) for reader in readers]
    return found


def _leaves(reader: Reader) -> Iterator[str]:
    """Containers say whether anything is in them, also of what is not shown."""
    for kind in ("users", "groups", "virtual-groups"):
        yield from map(repr, read(reader, base=f"ou={kind},{BASE}", scope=Scope.ONE, attributes=(b"*", b"+")))
    for wanted in ("(memberOf:1.2.840.113556.1.4.1941:=cn=g0,ou=groups,%s)", "(memberOf=cn=g1,ou=groups,%s)"):
        yield from map(repr, read(reader, wanted % BASE))


def people_in(frames: Iterable[Frame]) -> tuple[set[int], set[int]]:
    """Of whom there is a record or a membership, and who is removed."""
    found, removed = set[int](), set[int]()
    for frame in frames:
        records: list[Any] = list(frame.records) if isinstance(frame, SnapshotChunk) else []
        for change in frame.changes if isinstance(frame, Delta) else ():
            match change:
                case Put(record):
                    records.append(record)
                case Members(_, added, left):
                    found |= {*added, *left}
                case Configuration(inside):
                    records += inside
                case Remove(kind="user", pk=int(pk)):
                    removed.add(pk)
        for record in records:
            match record:
                case UserRecord():
                    found.add(record.pk)
                case GroupRecord():
                    found.update(record.members or ())
                case ProviderRecord():
                    found.update(one.user for one in record.network_hashes)
    return found, removed
