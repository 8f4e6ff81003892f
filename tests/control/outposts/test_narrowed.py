"""An outpost that does not know everybody: its doors show and decide what they would if it did, and no record of others
ever reaches it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.outposts import narrowed
from control.outposts import view as outposts
from control.outposts.needs import of_outpost
from control.outposts.news import Newsroom, Stream
from control.outposts.snapshots import News
from control.records import (
    Application,
    Binding,
    EndedSession,
    Group,
    Outpost,
    Policy,
    PropertyMapping,
    Provider,
    Token,
    User,
)
from control.store.interface import Query, Transaction
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
    Put,
    RadiusSettings,
    Remove,
    SnapshotChunk,
    UserRecord,
)
from protocols.link.replica import Changes, Replica, SnapshotPart
from tests.extent import FULL
from tests.outpost.directory.people import BASE, read
from tests.stores import FORGET_LAST_REVISION, ImmediateStore, open_store, run

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
    if of_outpost(every.providers.values()).whole:
        assert told == every
        return
    looks = any(not isinstance(one.settings, RadiusSettings) for one in every.providers.values())
    for pk in known:
        there = every.users[pk] if looks else replace(every.users[pk], attributes={})
        assert told.users[pk] == there
        assert told.memberships.get(pk) == every.memberships.get(pk)
        assert told.groups_of(pk) == every.groups_of(pk)
        assert told.is_superuser(pk) == every.is_superuser(pk)
        for provider in every.providers.values():
            assert verdict(told.providers[provider.pk], pk, told) == verdict(provider, pk, every)
            if looks:
                assert told_of(told.users[pk], told, provider) == told_of(there, every, provider)
    assert {pk for members in told.members.values() for pk in members} <= known
    directories = any(isinstance(one.settings, LdapSettings) for one in every.providers.values())
    groups = every.groups.keys() if directories else {pk for user in known for pk in every.groups_of(user)}
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


# --- any directory, any changes ------------------------------------------------------------------------------------

USERS, GROUPS, PROVIDERS = 5, 4, 3
Verb = Callable[[Transaction], object]
KINDS = ("ldap", "radius", "proxy")
SETTINGS: dict[str, dict[str, Any]] = {
    "ldap": {"base_dn": BASE, "show_only_admitted": True},
    "radius": {"client_networks": "10.0.0.0/8"},
    "proxy": {"mode": "forward_single", "external_host": "https://a.example.com"},
}
SECRETS: dict[str, dict[str, str]] = {"ldap": {}, "radius": {"shared_secret": "hush"}, "proxy": {}}


def the(tx: Transaction, kind: type[Any], at: int) -> Any:
    """One of them, if there is one."""
    every = tx.select(kind, Query(ordering=("pk",)))
    return every[at % len(every)] if every else None


@dataclass(frozen=True)
class Does:
    """One change; numbers choose what it is done to."""

    what: str
    one: int
    other: int
    flag: bool

    def __call__(self, tx: Transaction) -> None:
        user, group, other = the(tx, User, self.one), the(tx, Group, self.other), the(tx, Group, self.one)
        provider, binding = the(tx, Provider, self.other), the(tx, Binding, self.one)
        application = tx.find(Application, provider=provider.pk)
        name = f"n{tx.revision().number}-{self.one}-{self.other}-{int(tx.count(User))}-{int(tx.count(Group))}"
        match self.what:
            case "join" if user and group:
                tx.add_members(group.pk, [user.pk])
            case "leave" if user and group:
                tx.remove_members(group.pk, [user.pk])
            case "hire":
                made = tx.insert(User(username=name, attributes={"a": self.one}))
                if group and self.flag:
                    tx.add_members(group.pk, [made.pk])
            case "dismiss" if user:
                tx.delete(user)
            case "rename" if user:
                tx.update(replace(user, name=name, credential_version=user.credential_version + 1))
            case "found":
                tx.insert(Group(name, parents=(group.pk,) if group and self.flag else ()))
            case "dissolve" if group:
                tx.delete(group)
            case "nest" if group and other and group.pk > other.pk:
                tx.update(replace(group, parents=(other.pk,) if self.flag else ()))
            case "crown" if group:
                tx.update(replace(group, is_superuser=self.flag, attributes={"b": self.one}))
            case "bind" if application:
                whom = {"group": group.pk} if group and self.flag else {"user": user.pk} if user else {"group": "gone"}
                tx.insert(Binding(application.pk, order=self.one, negate=self.one % 3 == 0, **whom))
            case "unbind" if binding:
                tx.delete(binding)
            case "switch" if binding:
                tx.update(replace(binding, enabled=self.flag))
            case "ask" if application:
                policy = tx.insert(Policy(name, "expression", settings={"expression": "return True"}))
                tx.insert(Binding(application.pk, order=9, policy=policy.pk))
            case "mode" if application:
                tx.update(replace(application, policy_engine_mode="all" if self.flag else "any"))
            case "serve":
                own = tx.get(Outpost, "o")
                tx.update(replace(own, providers=tuple({*own.providers} ^ {provider.pk})))
            case "show" if provider.kind == "ldap":
                shown = [group.pk] if group and self.flag else []
                tx.update(replace(provider, settings={**provider.settings, "show_only_groups": shown}))
            case "add header" if user:
                tx.update(replace(user, attributes={"additionalHeaders": {f"X-H{self.other}": "1"}}))
            case "end":
                tx.insert(EndedSession(name, expires=2e9))


WHATS = (
    *("join", "leave") * 3,
    *("hire", "dismiss", "rename", "found", "dissolve", "nest", "nest", "crown", "bind", "unbind"),
    *("switch", "ask", "mode", "serve", "show", "add header", "end"),
)
does = st.builds(Does, st.sampled_from(WHATS), st.integers(0, 11), st.integers(0, 11), st.booleans())


@dataclass(frozen=True)
class House:
    kinds: tuple[str, ...]
    bound: tuple[frozenset[int], ...]
    """To each provider, which groups."""
    parents: tuple[int, ...]
    members: tuple[frozenset[int], ...]

    def furnish(self, tx: Transaction) -> None:
        users = [tx.insert(User(username=f"u{at}", attributes={"a": at})) for at in range(USERS)]
        groups: list[Group] = []
        for at in range(GROUPS):
            above = (groups[self.parents[at] % at].pk,) if at and self.parents[at] else ()
            groups.append(tx.insert(Group(f"g{at}", parents=above)))
            if self.members[at]:
                tx.add_members(groups[at].pk, [users[one].pk for one in self.members[at]])
        providers = []
        for at, kind in enumerate(self.kinds):
            providers.append(tx.insert(Provider(f"p{at}", kind, settings=SETTINGS[kind], secrets=SECRETS[kind])).pk)
            application = tx.insert(Application(f"a{at}", f"a{at}", provider=providers[-1]))
            for group in sorted(self.bound[at]):
                tx.insert(Binding(application.pk, order=group, group=groups[group].pk))
        tx.insert(Outpost("o", "any", pk="o", providers=tuple(providers[:2])))


def _do(tx: Transaction, together: Sequence[Does]) -> None:
    for one in together:
        one(tx)


some = st.frozensets(st.integers(0, GROUPS - 1), min_size=1, max_size=2)
houses = st.builds(
    House,
    st.tuples(*[st.sampled_from(KINDS)] * PROVIDERS),
    st.tuples(*[some] * PROVIDERS),
    st.tuples(*[st.integers(0, 3)] * GROUPS),
    st.tuples(*[st.frozensets(st.integers(0, USERS - 1), max_size=3)] * GROUPS),
)


@given(house=houses, changes=st.lists(st.lists(does, min_size=1, max_size=3), max_size=8), again=st.integers(0, 7))
@settings(
    max_examples=500 if FULL else 20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whoever_is_known_is_known_as_by_those_who_know_everybody(
    tmp_path_factory: pytest.TempPathFactory, house: House, changes: Sequence[Sequence[Does]], again: int
) -> None:
    store = open_store(tmp_path_factory.mktemp("store"))
    try:
        store.write_now(house.furnish)
        follower = Follower(store)
        agree(follower.follow(), everything(store))
        for at, together in enumerate(changes):
            before = set(follower.snapshot.users)
            store.write_now(partial(_do, together=together))
            if at == again:
                follower.connect(Newsroom(ImmediateStore(store)))
            told, every = follower.follow(), everything(store)
            agree(told, every)
            found, removed = people_in(follower.frames)
            assert found <= needed(every) | (before if not follower.was_whole else set())
            assert removed <= before
    finally:
        store.close()


# --- one thing after the other -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Office:
    """alice is in *staff*, bob in *temps* inside, carol in *guests*; dave is nowhere. The outpost's one provider is
    bound to *staff*."""

    store: SqlStore
    users: dict[str, int]
    groups: dict[str, str]
    provider: int
    application: str

    def write(self, verb: Verb) -> None:
        self.store.write_now(verb)

    def join(self, user: str, group: str) -> None:
        self.write(lambda tx: tx.add_members(self.groups[group], [self.users[user]]))

    def alter(self, kind: type[Any], pk: Any, **fields: Any) -> None:
        self.write(lambda tx: tx.update(replace(tx.get(kind, pk), **fields)))

    def known(self, follower: Follower) -> set[str]:
        return {user.username for user in follower.follow().users.values()}


def office(store: SqlStore, kind: str, **more: Any) -> Office:
    def furnish(tx: Transaction) -> Office:
        users = {name: tx.insert(User(username=name)).pk for name in ("alice", "bob", "carol", "dave")}
        groups = {name: tx.insert(Group(name)).pk for name in ("staff", "guests", "club")}
        groups["temps"] = tx.insert(Group("temps", parents=(groups["staff"],))).pk
        for user, group in (("alice", "staff"), ("bob", "temps"), ("carol", "guests")):
            tx.add_members(groups[group], [users[user]])
        settings = {**SETTINGS[kind], **more}
        provider = tx.insert(Provider("p", kind, settings=settings, secrets=SECRETS[kind])).pk
        application = tx.insert(Application("a", "a", provider=provider)).pk
        tx.insert(Binding(application, group=groups["staff"]))
        tx.insert(Outpost("o", "any", pk="o", providers=(provider,)))
        tx.insert(Outpost("twin", "any", pk="twin", providers=(provider,)))
        return Office(store, users, groups, provider, application)

    return store.write_now(furnish)


def unbind_all(tx: Transaction) -> None:
    for one in tx.select(Binding):
        tx.delete(one)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def changes_of(follower: Follower) -> list[Any]:
    assert not follower.was_whole
    return [change for frame in follower.frames if isinstance(frame, Delta) for change in frame.changes]


@pytest.mark.parametrize("kind", KINDS)
def test_who_enters_comes_as_a_record_and_who_leaves_is_removed(store: SqlStore, kind: str) -> None:
    house = office(store, kind)
    follower = Follower(store)
    assert house.known(follower) == {"alice", "bob"}
    house.join("carol", "temps")
    assert house.known(follower) == {"alice", "bob", "carol"}
    expected: list[Any] = [(Put, "carol"), (Members, house.groups["temps"])]
    entered = [(Put, "guests")] if kind != "ldap" else [(Members, house.groups["guests"])]
    found = [(type(one), _subject(one)) for one in changes_of(follower)]
    assert sorted(found, key=repr) == sorted([*expected, *entered], key=repr)
    house.write(lambda tx: tx.remove_members(house.groups["temps"], [house.users["carol"], house.users["bob"]]))
    assert house.known(follower) == {"alice"}
    gone: set[Any] = {(Remove, house.users["bob"]), (Remove, house.users["carol"])}
    if kind != "ldap":
        gone |= {(Remove, house.groups["guests"]), (Remove, house.groups["temps"])}
    assert {(type(one), _subject(one)) for one in changes_of(follower)} == gone
    agree(follower.snapshot, everything(store))


def _subject(change: Any) -> Any:
    if isinstance(change, Put):
        return getattr(change.record, "username", None) or getattr(change.record, "name", None)
    return change.pk if isinstance(change, Remove) else change.group


@pytest.mark.parametrize("kind", ["radius", "proxy"])
def test_of_others_not_a_word_arrives(store: SqlStore, kind: str) -> None:
    house = office(store, kind)
    follower = Follower(store)
    follower.follow()
    house.alter(User, house.users["carol"], name="Carola", attributes={"phone": "5550100"})
    house.alter(Group, house.groups["guests"], attributes={"floor": 9})
    house.join("dave", "guests")
    house.write(lambda tx: tx.delete(tx.get(User, house.users["dave"])))
    house.write(lambda tx: tx.insert(User(username="erin")))
    follower.follow()
    assert [frame.changes for frame in follower.frames if isinstance(frame, Delta)] == [()]
    assert follower.snapshot.revision == everything(store).revision


def test_groups_that_move_take_their_people_along(store: SqlStore) -> None:
    house = office(store, "proxy")
    follower = Follower(store)
    house.known(follower)
    house.alter(Group, house.groups["guests"], parents=(house.groups["temps"],))
    assert house.known(follower) == {"alice", "bob", "carol"}
    house.alter(Group, house.groups["temps"], parents=())
    assert house.known(follower) == {"alice"}
    assert not follower.was_whole


def test_a_group_that_gets_another_name_is_one_record(store: SqlStore) -> None:
    house = office(store, "proxy")
    follower = Follower(store)
    follower.follow()
    house.alter(Group, house.groups["staff"], name="people")
    follower.follow()
    assert [(type(one), _subject(one)) for one in changes_of(follower)] == [(Put, "people")]


def test_with_other_bindings_everything_is_told_anew(store: SqlStore) -> None:
    house = office(store, "radius")
    follower = Follower(store)
    house.known(follower)
    house.write(lambda tx: tx.insert(Binding(house.application, user=house.users["dave"])))
    assert house.known(follower) == {"alice", "bob", "dave"}
    assert follower.was_whole
    house.write(unbind_all)
    assert house.known(follower) == {"alice", "bob", "carol", "dave"}
    assert follower.was_whole
    house.write(lambda tx: tx.update(replace(tx.get(Outpost, "o"), providers=())))
    assert house.known(follower) == set()


def test_another_control_goes_on_where_the_first_was(store: SqlStore) -> None:
    house = office(store, "proxy")
    follower = Follower(store)
    house.known(follower)
    follower.connect(Newsroom(ImmediateStore(store)))
    follower.follow()
    assert follower.frames == []
    house.join("carol", "staff")
    assert house.known(follower) == {"alice", "bob", "carol"}
    assert not follower.was_whole


@pytest.mark.parametrize("opened", [True, False])
def test_whoever_comes_back_with_another_view_is_told_everything(store: SqlStore, opened: bool) -> None:
    """Revision and store are the same that it knows, but not whom it is to know."""
    house = office(store, "proxy")
    (line,) = store.read_now(lambda tx: tx.select(Binding))
    if opened:
        house.alter(Binding, line.pk, enabled=False)
    follower = Follower(store)
    house.known(follower)
    house.alter(Binding, line.pk, enabled=opened)
    follower.connect(Newsroom(ImmediateStore(store)))
    assert house.known(follower) == ({"alice", "bob"} if opened else {"alice", "bob", "carol", "dave"})
    assert follower.was_whole


def test_no_revision_of_the_whole_directory_passes_for_one_of_a_part(store: SqlStore) -> None:
    """Or an outpost would keep people whom it is to know no more."""
    house = office(store, "proxy")
    follower = Follower(store)
    house.known(follower)
    revision = store.read_now(lambda tx: tx.revision())
    assert follower.replica.chain not in ("", revision.chain)
    follower.replica.chain = revision.chain
    follower.connect(Newsroom(ImmediateStore(store)))
    follower.follow()
    assert follower.was_whole


def test_outposts_with_one_view_share_what_they_are_told(store: SqlStore) -> None:
    house = office(store, "proxy")
    newsroom = Newsroom(ImmediateStore(store))
    streams = [(name, Stream()) for name in ("o", "twin", "o")]
    found = [run(newsroom.news(name, STRANGER, stream)) for name, stream in streams]
    first = [next(iter(news.lines)) for news in found]
    assert first[0] is first[1] is first[2]
    house.join("carol", "staff")
    after = [run(newsroom.news(name, news.stand, stream)) for news, (name, stream) in zip(found, streams, strict=True)]
    lines = [list(news.lines) for news in after]
    assert lines[0][0] is lines[1][0] is lines[2][0]


def test_who_knows_everybody_shares_changes_too(store: SqlStore) -> None:
    house = office(store, "proxy")
    house.write(unbind_all)
    newsroom = Newsroom(ImmediateStore(store))
    streams = [(name, Stream()) for name in ("o", "twin")]
    found = [run(newsroom.news(name, STRANGER, stream)) for name, stream in streams]
    house.join("carol", "staff")
    after = [run(newsroom.news(name, news.stand, stream)) for news, (name, stream) in zip(found, streams, strict=True)]
    (one,), (two,) = (news.lines for news in after)
    assert one is two


def test_nothing_is_held_that_nobody_follows(store: SqlStore) -> None:
    office(store, "proxy")
    newsroom = Newsroom(ImmediateStore(store))
    stream = Stream()
    run(newsroom.news("o", STRANGER, stream))
    assert len(newsroom._holding._held) == 1
    stream.held = None
    gc.collect()
    assert len(newsroom._holding._held) == 0


@pytest.mark.parametrize("bound", ["MOST_CHANGES", "MOST_STEPS"])
def test_whoever_is_too_far_behind_is_told_everything(
    store: SqlStore, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = office(store, "proxy")
    newsroom = Newsroom(ImmediateStore(store))
    slow, quick = Follower(store), Follower(store)
    for follower in (slow, quick):
        follower.connect(newsroom)
        follower.follow()
    monkeypatch.setattr(narrowed, bound, 1)
    for name in ("One", "Two", "Three"):
        house.alter(User, house.users["alice"], name=name)
        quick.follow()
        assert not quick.was_whole
    slow.follow()
    assert slow.was_whole
    assert slow.snapshot == quick.snapshot


def test_many_changes_at_once_come_as_a_whole(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    house = office(store, "proxy")
    follower = Follower(store)
    follower.follow()
    monkeypatch.setattr(narrowed, "MOST_CHANGES", 3)
    house.write(
        lambda tx: tx.add_members(house.groups["staff"], [tx.insert(User(username=f"u{at}")).pk for at in range(4)])
    )
    assert len(house.known(follower)) == 6
    assert follower.was_whole


def test_a_store_that_went_back_is_held_anew(store: SqlStore) -> None:
    house = office(store, "proxy")
    follower = Follower(store)
    follower.follow()
    house.join("carol", "staff")
    assert house.known(follower) == {"alice", "bob", "carol"}
    with store._dialect.writing.begin() as connection:
        for statement in (f'delete from member where "user" = {house.users["carol"]}', *FORGET_LAST_REVISION):
            connection.exec_driver_sql(statement)
    house.alter(User, house.users["alice"], name="Alicia")
    assert house.known(follower) == {"alice", "bob"}
    assert follower.was_whole


# --- what of them --------------------------------------------------------------------------------------------------


def test_radius_is_told_no_attributes(store: SqlStore) -> None:
    house = office(store, "radius")
    house.alter(User, house.users["alice"], attributes={"photo": "x"})
    house.alter(Group, house.groups["staff"], attributes={"floor": 9})
    follower = Follower(store)
    told = follower.follow()
    house.alter(User, house.users["bob"], attributes={"photo": "y"})
    house.alter(Group, house.groups["temps"], attributes={"floor": 8})
    for snapshot in (told, follower.follow()):
        assert [one.attributes for one in (*snapshot.users.values(), *snapshot.groups.values())] == [{}] * 4
    assert not follower.was_whole


def test_names_of_headers_are_everybodys(store: SqlStore) -> None:
    """Or a visitor could bring one that only somebody else is to have."""
    house = office(store, "proxy")
    house.alter(User, house.users["carol"], attributes={"additionalHeaders": {"X-Level": "9"}})
    house.alter(Group, house.groups["club"], attributes={"additionalHeaders": {"X-Club": "9"}})
    follower = Follower(store)
    assert headers(follower.follow()) == {"x-level", "x-club"}
    house.alter(User, house.users["dave"], attributes={"additionalHeaders": {"X-Other": "9"}})
    assert headers(follower.follow()) == {"x-level", "x-club", "x-other"}
    house.alter(Group, house.groups["guests"], attributes={"additionalHeaders": {"X-Guest": "9"}})
    assert "x-guest" in headers(follower.follow())
    assert {user.username for user in follower.snapshot.users.values()} == {"alice", "bob"}


def test_mappings_say_nothing_for_what_another_outpost_serves(store: SqlStore) -> None:
    house = office(store, "ldap")

    def map_both(tx: Transaction) -> int:
        mapping = tx.insert(PropertyMapping("m", "ldap", "return {'shoe': user.username}"))
        tx.update(replace(tx.get(Provider, house.provider), property_mappings=(mapping.pk,)))
        other = tx.insert(Provider("other", "ldap", settings=SETTINGS["ldap"], property_mappings=(mapping.pk,)))
        tx.insert(Application("other", "other", provider=other.pk))
        return other.pk

    store.write_now(map_both)
    follower = Follower(store)
    words = {user.username: user.mapped for user in follower.follow().users.values()}
    own = str(house.provider)
    assert words == {name: {own: {"shoe": name}} for name in ("alice", "bob")}
    house.join("carol", "staff")
    assert {user.username: user.mapped for user in follower.follow().users.values()}["carol"] == {
        own: {"shoe": "carol"}
    }


def test_hashes_of_network_passwords_are_theirs_alone_who_are_known(store: SqlStore) -> None:
    house = office(store, "ldap", samba=True, samba_password_hashes=True)
    for name in ("alice", "carol"):
        key = Token(name, user=house.users[name], key=f"{name}'s", key_digest=name, intent="network_password")
        house.write(lambda tx, key=key: tx.insert(key))  # type: ignore[misc]
    follower = Follower(store)
    follower.follow()
    (provider,) = follower.snapshot.providers.values()
    assert {one.user for one in provider.network_hashes} == {house.users["alice"]}
    house.join("carol", "staff")
    (provider,) = follower.follow().providers.values()
    assert {one.user for one in provider.network_hashes} == {house.users["alice"], house.users["carol"]}
    house.write(lambda tx: tx.remove_members(house.groups["staff"], [house.users["alice"]]))
    (provider,) = follower.follow().providers.values()
    assert {one.user for one in provider.network_hashes} == {house.users["carol"]}
    assert not follower.was_whole
