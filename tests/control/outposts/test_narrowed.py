"""What an outpost hears that does not know everybody: who enters and leaves, and when everything is told anew."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from control.outposts import narrowed, people
from control.outposts.news import Newsroom, Stream
from control.records import (
    Application,
    Binding,
    Group,
    Outpost,
    PropertyMapping,
    Provider,
    Token,
    User,
)
from control.store.interface import Transaction
from control.store.sql import SqlStore
from protocols.link import codec
from protocols.link.messages import (
    Delta,
    Members,
    Put,
    Remove,
)
from tests.control.outposts.following import (
    KINDS,
    SECRETS,
    SETTINGS,
    STRANGER,
    Follower,
    agree,
    everything,
    headers,
)
from tests.stores import FORGET_LAST_REVISION, ImmediateStore, open_store, run

Verb = Callable[[Transaction], object]


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


def test_a_group_that_is_deleted_between_others_parts_them(store: SqlStore) -> None:
    house = office(store, "proxy")
    house.alter(Group, house.groups["guests"], parents=(house.groups["temps"],))
    follower = Follower(store)
    assert house.known(follower) == {"alice", "bob", "carol"}
    house.write(lambda tx: tx.delete(tx.get(Group, house.groups["temps"])))
    assert house.known(follower) == {"alice"}
    assert not follower.was_whole


def test_who_is_deleted_is_not_known_for_being_in_no_group(store: SqlStore) -> None:
    """Where a binding lets in whoever is not in one."""
    house = office(store, "proxy")
    (line,) = store.read_now(lambda tx: tx.select(Binding))
    house.alter(Binding, line.pk, negate=True)
    follower = Follower(store)
    assert house.known(follower) == {"carol", "dave"}
    for name in ("dave", "carol"):
        house.write(lambda tx, name=name: tx.delete(tx.get(User, house.users[name])))  # type: ignore[misc]
    assert house.known(follower) == set()
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


class Watched:
    """A lock that tells how many have come to it."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_who_knows_everybody_at_the_same_time_has_it_worked_out_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = office(store, "proxy")
    house.write(unbind_all)
    watched, released, worked = Watched(), threading.Event(), list[int]()
    real = people.changes

    def slow(*given: Any) -> Any:
        worked.append(len(worked))
        assert released.wait(60)
        return real(*given)

    async def act() -> None:
        newsroom = Newsroom(store)
        streams = [(name, Stream()) for name in ("o", "twin")]
        found = [await newsroom.news(name, STRANGER, stream) for name, stream in streams]
        house.join("carol", "staff")
        monkeypatch.setattr(people, "changes", slow)
        monkeypatch.setattr(newsroom._steps, "_working", watched)
        asked = [
            asyncio.ensure_future(newsroom.news(name, news.stand, stream))
            for news, (name, stream) in zip(found, streams, strict=True)
        ]
        for _ in asked:
            assert await asyncio.to_thread(watched.came.acquire, timeout=60)
        released.set()
        (one,), (two,) = [(await task).lines for task in asked]
        assert worked == [0]
        assert one is two

    asyncio.run(act())


def test_nothing_is_held_that_nobody_follows(store: SqlStore) -> None:
    office(store, "proxy")
    newsroom = Newsroom(ImmediateStore(store))
    stream = Stream()
    run(newsroom.news("o", STRANGER, stream))
    assert len(newsroom._holding._held) == 1
    stream.held = None
    gc.collect()
    assert len(newsroom._holding._held) == 0


def test_who_stops_waiting_leaves_nothing_half_done_to_others(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that works for a stream which has ended goes on."""
    house = office(store, "proxy")
    entered, released, within = threading.Semaphore(0), threading.Event(), list[int]()
    real = narrowed.Held.catch_up

    def slow(held: narrowed.Held, tx: Transaction) -> Any:
        within.append(len(within) + 1)
        entered.release()
        assert released.wait(60)
        found = real(held, tx)
        within.pop()
        return found

    async def act() -> None:
        newsroom = Newsroom(store)
        streams = [(name, Stream()) for name in ("o", "twin")]
        found = [await newsroom.news(name, STRANGER, stream) for name, stream in streams]
        house.join("carol", "staff")
        monkeypatch.setattr(narrowed.Held, "catch_up", slow)
        asked = [
            asyncio.ensure_future(newsroom.news(name, news.stand, stream))
            for news, (name, stream) in zip(found, streams, strict=True)
        ]
        assert await asyncio.to_thread(entered.acquire, timeout=60)
        asked[0].cancel()
        assert not await asyncio.to_thread(entered.acquire, timeout=0.2)
        assert within == [1]
        released.set()
        (line,) = (await asked[1]).lines
        (delta,) = (codec.decode(line),)
        assert isinstance(delta, Delta)
        assert house.users["carol"] in {one.record.pk for one in delta.changes if isinstance(one, Put)}

    asyncio.run(act())


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


# --- passwords for applications ------------------------------------------------------------------------------------


BASIC = {
    "basic_auth_enabled": True,
    "basic_auth_user_attribute": "app_user",
    "basic_auth_password_attribute": "App/Password",
}


def house_with_passwords(store: SqlStore, kind: str, *, bound: bool = True) -> tuple[Office, int]:
    """alice and carol, and the groups *staff* and *guests*, have passwords for an application that another outpost
    serves, behind the proxy whose pk this is."""
    house = office(store, kind, show_only_admitted=bound) if kind == "ldap" else office(store, kind)
    if not bound:
        house.write(unbind_all)

    def furnish(tx: Transaction) -> int:
        proxy = tx.insert(Provider("wiki", "proxy", settings={**SETTINGS["proxy"], **BASIC})).pk
        tx.insert(Binding(tx.insert(Application("wiki", "wiki", provider=proxy)).pk, group=house.groups["staff"]))
        for name in ("alice", "carol"):
            user = tx.get(User, house.users[name])
            tx.update(replace(user, attributes={"app-password": f"{name}@app", "floor": 1}))
        for name in ("staff", "guests"):
            group = tx.get(Group, house.groups[name])
            tx.update(replace(group, attributes={"App/Password": f"{name}@app", "floor": 2}))
        return proxy

    return house, store.write_now(furnish)


def words_of(follower: Follower) -> str:
    """Everything that it was sent since it was asked last."""
    follower.follow()
    return repr(follower.frames)


def passwords_in(words: str) -> set[str]:
    return set(re.findall(r"(\w+)@app", words))


def serve(house: Office, *providers: int) -> None:
    house.alter(Outpost, "o", providers=providers)


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_password_for_an_application_goes_where_its_proxy_is_not_served(
    store: SqlStore, kind: str, bound: bool
) -> None:
    house, _ = house_with_passwords(store, kind, bound=bound)
    follower = Follower(store)
    assert "@app" not in words_of(follower)
    house.alter(User, house.users["alice"], attributes={"app-password": "alice@app new", "floor": 3})
    house.alter(Group, house.groups["staff"], attributes={"App/Password": "staff@app new", "floor": 4})
    house.join("carol", "staff")
    words = words_of(follower)
    assert "@app" not in words
    assert not follower.was_whole
    assert ("'floor': 3" in words) == (kind != "radius")
    agree(follower.snapshot, everything(store))


def test_whom_the_proxy_lets_in_has_theirs_where_it_is_served(store: SqlStore) -> None:
    """Beside a directory that shows everybody."""
    house, proxy = house_with_passwords(store, "ldap", bound=False)
    serve(house, house.provider, proxy)
    follower = Follower(store)
    words = words_of(follower)
    assert ("alice@app" in words, "staff@app" in words, "carol@app" in words, "guests@app" in words) == (
        True,
        True,
        False,
        False,
    )
    agree(follower.snapshot, everything(store))
    house.join("carol", "temps")
    assert {"carol", "guests"} <= passwords_in(words_of(follower))
    assert not follower.was_whole
    agree(follower.snapshot, everything(store))
    house.write(lambda tx: tx.remove_members(house.groups["temps"], [house.users["carol"]]))
    follower.follow()
    assert not follower.was_whole
    assert house.users["carol"] not in follower.snapshot.secrets
    assert house.groups["guests"] not in follower.snapshot.secrets
    agree(follower.snapshot, everything(store))


Losing = Callable[[Office, int], None]
LOST: dict[str, Losing] = {
    "the outpost serves it no more": lambda house, proxy: serve(house, house.provider),
    "the proxy sends no password any more": lambda house, proxy: house.alter(
        Provider, proxy, settings={**SETTINGS["proxy"], **BASIC, "basic_auth_enabled": False}
    ),
    "it names another attribute, and another proxy this one": lambda house, proxy: house.write(
        lambda tx: (
            tx.update(
                replace(
                    tx.get(Provider, proxy),
                    settings={**SETTINGS["proxy"], **BASIC, "basic_auth_password_attribute": "x"},
                )
            ),
            tx.insert(Provider("other", "proxy", settings={**SETTINGS["proxy"], **BASIC})),
        )
    ),
    "its application lets in others": lambda house, proxy: house.write(
        lambda tx: [
            tx.update(replace(one, group=house.groups["club"]))
            for one in tx.select(Binding)
            if tx.get(Application, one.target).provider == proxy
        ]
    ),
}


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
def test_whoever_loses_the_right_to_passwords_forgets_them(store: SqlStore, lost: Losing, again: bool) -> None:
    """Also who was away meanwhile, and comes back with what was on its disk."""
    house, proxy = house_with_passwords(store, "ldap", bound=False)
    serve(house, house.provider, proxy)
    follower = Follower(store)
    assert "alice@app" in words_of(follower)
    lost(house, proxy)
    if again:
        follower.connect(Newsroom(ImmediateStore(store)))
    follower.follow()
    assert "@app" not in repr([*follower.snapshot.secrets.values()])
    agree(follower.snapshot, everything(store))


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("bound", [False, True])
def test_what_becomes_secret_is_forgotten_where_it_was_an_attribute(store: SqlStore, bound: bool, again: bool) -> None:
    house = office(store, "ldap", show_only_admitted=bound)
    house.alter(User, house.users["alice"], attributes={"app-password": "alice@app"})
    follower = Follower(store)
    assert "alice@app" in words_of(follower)
    house.write(lambda tx: tx.insert(Provider("wiki", "proxy", settings={**SETTINGS["proxy"], **BASIC})))
    if again:
        follower.connect(Newsroom(ImmediateStore(store)))
    follower.follow()
    assert "alice@app" not in repr((follower.snapshot.users, follower.snapshot.secrets))
    agree(follower.snapshot, everything(store))


def test_what_mappings_say_for_another_proxy_goes_to_nobody_else(store: SqlStore) -> None:
    """They may make passwords; also where everybody is known."""
    house, proxy = house_with_passwords(store, "ldap", bound=False)
    said = "return {'ak_proxy': {'user_attributes': {'App/Password': user.username + '@app made'}}}"

    def map_it(tx: Transaction) -> None:
        mapping = tx.insert(PropertyMapping("m", "scope", said, settings={"scope_name": "ak_proxy"}))
        tx.update(replace(tx.get(Provider, proxy), property_mappings=(mapping.pk,)))

    store.write_now(map_it)
    follower = Follower(store)
    assert "@app made" not in words_of(follower)
    house.alter(User, house.users["alice"], name="Alice")
    assert "@app made" not in words_of(follower)
    serve(house, house.provider, proxy)
    assert "alice@app made" in words_of(follower)
