"""What accounting tells becomes one row a session, whatever is told twice, late or never."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.outposts import instances
from control.radius import orders
from control.radius.sessions import KEPT_SECONDS
from control.records import Event, Outpost, Provider, RadiusSession, User
from control.store.interface import Query
from control.store.sql import SqlStore
from control.store.sql.writer import PRUNE_LATER
from control.web.admin_api.shapes.parts import moment
from protocols.link.messages import Report, Reports
from protocols.radius.orders import DISCONNECT
from tests.fakes import FakeClock
from tests.stores import open_store


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.outpost = self.store.write_now(lambda tx: tx.insert(Outpost("edge", "any", providers=(3,))).pk)
        self.thief = self.store.write_now(lambda tx: tx.insert(Outpost("stolen", "any", providers=(4,))).pk)
        self.alice = self.store.write_now(lambda tx: tx.insert(User("alice")).pk)
        self.number = 0

    def tell(
        self, status: str, *, ago: float = 0, session: str = "01", outpost: str | None = None, **told: Any
    ) -> None:
        self.number += 1
        body = {"status": status, "nas": "192.0.2.7", "nas_name": "ap-7", "session": session, "provider": 3}
        body = {**body, "at": self.clock() - ago, **told}
        by = outpost or self.outpost
        reports = Reports(f"i-{by}" if outpost else "i1", (Report(self.number, "accounting", self.clock(), body),))
        self.store.write_now(lambda tx: instances.take(tx, by, reports))

    @property
    def sessions(self) -> list[RadiusSession]:
        return self.store.read_now(lambda tx: tx.select(RadiusSession))

    @property
    def session(self) -> RadiusSession:
        [found] = self.sessions
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_a_session_from_its_start_to_its_end(bench: Bench) -> None:
    began = bench.clock()
    bench.tell("start", user=bench.alice, username="alice", ssid="office", calling_station="02-00-00-00-00-01")
    assert (bench.session.live, bench.session.started, bench.session.user) == (True, began, bench.alice)
    assert (bench.session.outpost, bench.session.instance) == (bench.outpost, "i1")
    bench.clock.advance(600)
    bench.tell("interim", seconds=600, input_octets=2**33, output_octets=5)
    bench.clock.advance(60)
    bench.tell("stop", seconds=660, input_octets=2**33 + 1, output_octets=6, cause="User-Request")
    ended = bench.session
    assert (ended.live, ended.started, ended.ended) == (False, began, began + 660)
    assert (ended.seconds, ended.input_octets, ended.output_octets) == (660, 2**33 + 1, 6)
    assert (ended.cause, ended.ssid, ended.user) == ("User-Request", "office", bench.alice)


def test_who_has_the_token_of_another_outpost_changes_nothing(bench: Bench) -> None:
    bench.tell("start", user=bench.alice, username="alice")
    before = bench.session
    for status in ("start", "interim", "stop", "on", "off"):
        for provider in (3, 4, 0):
            bench.tell(status, outpost=bench.thief, provider=provider, seconds=99, session="01")
    assert bench.session == before
    bench.tell("start", outpost=bench.thief, session="02", user=bench.alice)
    assert bench.session == before, "nobody's places are filled"
    told = bench.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "radius_accounting"})))
    assert {event.context["outpost"] for event in told} == {bench.thief}
    bench.tell("stop", outpost=bench.outpost)
    assert not bench.session.live


def test_an_outpost_ends_what_it_has_told_of_also_when_it_serves_it_no_more(bench: Bench) -> None:
    bench.tell("start")
    bench.store.write_now(lambda tx: tx.update(replace(tx.get(Outpost, bench.outpost), providers=())))
    bench.tell("stop")
    assert not bench.session.live


def test_110_told_twice_it_is_one_row(bench: Bench) -> None:
    for status in ("start", "start", "stop", "stop"):
        bench.tell(status, seconds=9, input_octets=7)
    assert (bench.session.live, bench.session.input_octets) == (False, 7)
    first = bench.session
    bench.clock.advance(30)
    bench.tell("stop", ago=30, seconds=9, input_octets=7)  # once more, with Acct-Delay-Time
    assert bench.session == first


def test_whoever_never_told_of_a_start_began_as_long_ago_as_it_says(bench: Bench) -> None:
    bench.tell("interim", seconds=100)
    assert bench.session.started == bench.clock() - 100


def test_what_comes_late_changes_nothing(bench: Bench) -> None:
    bench.tell("start", ago=100)
    bench.tell("interim", ago=10, seconds=90, input_octets=90)
    bench.tell("interim", ago=50, seconds=50, input_octets=50)
    assert (bench.session.seconds, bench.session.input_octets) == (90, 90)
    bench.tell("stop", seconds=100, input_octets=100)
    bench.tell("interim", ago=5, seconds=95, input_octets=95)
    bench.tell("start", ago=100)
    assert (bench.session.live, bench.session.seconds) == (False, 100)


def test_an_interim_that_comes_again_after_the_stop_revives_nothing(bench: Bench) -> None:
    """A NAS that does not say how long it has held it back (Acct-Delay-Time)."""
    bench.tell("start", ago=100)
    bench.tell("stop", ago=10, seconds=90)
    bench.tell("interim", seconds=60)
    assert not bench.session.live
    bench.tell("interim", seconds=100)
    assert bench.session.live


def test_names_that_are_no_text_are_kept_apart_and_whole(bench: Bench) -> None:
    names = [f"{ends}\\xff" + "\\x00" * 251 for ends in "ab"]
    for name in names:
        bench.tell("start", session=name)
    assert sorted(one.session for one in bench.sessions) == names


def test_a_name_used_again_is_another_session(bench: Bench) -> None:
    bench.tell("start", ago=100, username="alice")
    bench.tell("stop", ago=50, input_octets=100)
    bench.tell("start", username="bob")
    bench.tell("interim", input_octets=7)
    told = {one.username: (one.live, one.input_octets) for one in bench.sessions}
    assert told == {"alice": (False, 100), "bob": (True, 7)}
    for name in ("carol", "dora"):
        bench.clock.advance(60)
        bench.tell("stop")
        bench.clock.advance(60)
        bench.tell("start", username=name)
    assert [one.username for one in bench.sessions if one.live] == ["dora"]
    assert len(bench.sessions) == 4


@pytest.mark.parametrize("other", [{"user": 1}, {"calling_station": "02-00-00-00-00-02"}])
def test_a_name_used_again_by_a_nas_that_has_lost_the_end_is_another_session(
    bench: Bench, other: dict[str, Any]
) -> None:
    began = bench.clock()
    here: dict[str, Any] = {"user": bench.alice, "calling_station": "02-00-00-00-00-01"}
    bob = bench.store.write_now(lambda tx: tx.insert(User("bob")).pk)
    bench.tell("start", **here)
    bench.tell("interim", seconds=60, input_octets=100, **here)
    bench.clock.advance(3600)
    bench.tell("start", **(here | {name: bob if name == "user" else value for name, value in other.items()}))
    [before, after] = sorted(bench.sessions, key=lambda one: one.started)
    assert (before.started, before.input_octets, before.live, before.user) == (began, 100, False, bench.alice)
    assert (before.ended, before.calling_station) == (began, "02-00-00-00-00-01")
    assert (after.started, after.input_octets, after.live) == (began + 3600, 0, True)


def test_an_order_about_one_whose_name_was_used_again_does_not_end_the_other(bench: Bench) -> None:
    device = "02-00-00-00-00-01"
    bob = bench.store.write_now(lambda tx: tx.insert(User("bob")).pk)
    bench.tell("start", user=bench.alice, calling_station=device)
    alices = bench.session
    bench.store.write_now(lambda tx: orders.ask(tx, alices, DISCONNECT, "disabled"))
    assert len(bench.store.read_now(lambda tx: orders.pending(tx, bench.outpost, "i1"))) == 1
    bench.clock.advance(60)
    bench.tell("start", user=bob, calling_station=device)
    assert bench.store.read_now(lambda tx: orders.pending(tx, bench.outpost, "i1")) == []


@pytest.mark.parametrize("ago", [0, 30])
@pytest.mark.parametrize("status", ["start", "interim", "stop"])
def test_what_comes_late_of_one_whose_name_was_used_again_is_not_about_the_other(
    bench: Bench, status: str, ago: float
) -> None:
    """``ago`` 0: its NAS does not say how long it has held it back; then an end alone tells of itself."""
    if not ago and status != "stop":
        return
    bob = bench.store.write_now(lambda tx: tx.insert(User("bob")).pk)
    bench.tell("start", user=bench.alice, username="alice")
    bench.clock.advance(60)
    bench.tell("start", user=bob, username="bob")
    bench.clock.advance(10)
    bench.tell(status, ago=ago, user=bench.alice, username="alice", seconds=40, input_octets=7)
    told = {one.username: (one.user, one.live, one.input_octets) for one in bench.sessions}
    assert told == {"alice": (bench.alice, False, 7), "bob": (bob, True, 0)}
    bench.tell("stop", user=bob, username="bob", seconds=10, input_octets=1)
    assert [one.username for one in bench.sessions if one.input_octets == 1 and not one.live] == ["bob"]


def test_a_start_that_comes_again_for_the_same_device_is_no_other_session(bench: Bench) -> None:
    began = bench.clock()
    bench.tell("start", user=bench.alice, calling_station="02-00-00-00-00-01")
    bench.clock.advance(30)
    bench.tell("start", user=bench.alice, calling_station="02-00-00-00-00-01")
    bench.clock.advance(30)
    bench.tell("start")
    assert bench.session.started == began


def test_the_realm_that_a_provider_takes_off_is_no_part_of_the_name(bench: Bench) -> None:
    settings = {"stripped_realms": "example.com, OFFICE"}
    provider = bench.store.write_now(lambda tx: tx.insert(Provider("wifi", "radius", settings=settings)).pk)
    bench.store.write_now(lambda tx: tx.update(replace(tx.get(Outpost, bench.outpost), providers=(3, provider))))
    for number, (name, user) in enumerate(
        {"alice@example.com": bench.alice, "office\\alice": bench.alice, "alice@example.org": None}.items()
    ):
        bench.tell("start", session=f"r{number}", provider=provider, username=name)
        [found] = [one for one in bench.sessions if one.session == f"r{number}"]
        assert (found.user, found.username) == (user, name)


@pytest.mark.parametrize(("status", "cause"), [("on", "NAS-Reboot"), ("off", "Admin-Reboot")])
def test_a_nas_that_restarts_has_nobody_on_it(bench: Bench, status: str, cause: str) -> None:
    bench.tell("start", ago=100)
    bench.tell("start", ago=100, session="02")
    bench.tell("start", ago=100, nas_name="ap-8")
    bench.tell(status, session="")
    live = {one.session: one for one in bench.sessions if one.nas_name == "ap-7"}
    assert [(one.live, one.cause) for one in live.values()] == [(False, cause)] * 2
    assert [one.live for one in bench.sessions if one.nas_name == "ap-8"] == [True]


def test_a_session_that_began_after_the_restart_goes_on(bench: Bench) -> None:
    bench.tell("start")
    bench.tell("on", ago=10, session="")
    assert bench.session.live


def test_the_class_says_whose_it_is_and_else_the_name(bench: Bench) -> None:
    bob = bench.store.write_now(lambda tx: tx.insert(User("bob")).pk)
    bench.tell("start", session="1", user=bob, username="ALICE")
    bench.tell("start", session="2", username="ALICE")
    bench.tell("start", session="3", username="nobody")
    bench.tell("start", session="4", user=99, username="alice")
    assert {one.session: one.user for one in bench.sessions} == {"1": bob, "2": bench.alice, "3": None, "4": None}


@pytest.mark.parametrize(
    "told",
    [
        {"at": float("nan")},
        {"at": "soon"},
        {"at": 1e99},
        {"seconds": -1},
        {"seconds": 2**70},
        {"input_octets": "many"},
        {"provider": "x"},
        {"user": 2**80},
        {"user": True},
        {"username": "\x1b" * 999},
        {"username": 7},
        {"nas": None},
        {"session": ""},
        {"status": "other"},
    ],
)
def test_whatever_an_outpost_says_holds_nothing_up(bench: Bench, told: dict[str, Any]) -> None:
    bench.tell(**{"status": "start", **told})
    bench.tell("start", session="next")
    assert "next" in {one.session for one in bench.sessions}
    assert all(one.username.isprintable() and one.started <= bench.clock() for one in bench.sessions)


@pytest.mark.parametrize("told", [{"at": -1e300}, {"at": float("-inf")}, {"at": -(10**400)}, {"seconds": 2**61}])
def test_a_time_that_no_calendar_has_keeps_nobody_from_reading_sessions(bench: Bench, told: dict[str, Any]) -> None:
    bench.tell("start", **told)
    bench.tell("stop", **told)
    assert bench.session.ended is not None
    for at in (bench.session.started, bench.session.last_told, bench.session.ended):
        assert "1800" <= str(moment(at)) <= str(moment(bench.clock()))


def test_names_fit_into_an_index(bench: Bench) -> None:
    """A row of PostgreSQL's has room for 2,704 octets, and a report that cannot be kept holds up all behind it."""
    bench.tell("start", session="\U00020000" * 1012, nas="\U00020000" * 254, nas_name="\U00020000" * 254)
    one = bench.session
    assert 1000 < sum(len(name.encode()) for name in (one.nas, one.nas_name, one.session, one.pk)) < 2600


def test_sessions_are_forgotten_when_their_time_is_over(bench: Bench) -> None:
    bench.tell("start")
    bench.tell("start", session="02")
    bench.clock.advance(KEPT_SECONDS - 1)
    bench.tell("interim", session="02")
    bench.clock.advance(PRUNE_LATER)
    for _ in range(2):  # the writer prunes after other writes
        bench.store.write_now(lambda tx: None)
    assert [one.session for one in bench.sessions] == ["02"]


@pytest.mark.parametrize("status", ["tunnel-start", "tunnel-link-stop", "failed"])
def test_110_what_is_about_no_session_is_an_event_once(bench: Bench, status: str) -> None:
    """So that an Accounting-Response is true: it has been kept."""
    report: dict[str, Any] = {
        "username": "alice",
        "user": bench.alice,
        "tunnel_connection": "call-17",
        "tunnel_server": "198.51.100.9",
    }
    bench.tell(status, ago=5, **report)
    assert bench.sessions == []
    [event] = bench.store.read_now(lambda tx: tx.select(Event, Query(equal={"action": "radius_accounting"})))
    assert event.context.items() >= {**report, "status": status, "session": "01", "nas_name": "ap-7"}.items()
    assert (event.user["pk"], event.client_ip) == (bench.alice, "192.0.2.7")
