"""Outpost processes: seen, and their reports taken exactly once by number, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.outposts import instances
from control.records import Event, Instance, Login, Outpost, User
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from control.web.admin_api.shapes.parts import moment
from protocols.errors import RemoteProtocolError
from protocols.link.messages import Hello, Report, Reports
from tests.fakes import FakeClock
from tests.stores import open_store

HELLO = Hello("i1", "host", "0.1.0")


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.outpost, self.other = (
            self.store.write_now(lambda tx, name=name: tx.insert(Outpost(name, "any", providers=(7,))).pk)  # type: ignore[misc]
            for name in ("one", "other")
        )
        self.user = self.store.write_now(lambda tx: tx.insert(User(username="alice", email="a@example.com")).pk)

    def take(self, *reports: Report, instance: str = "i1", outpost: str | None = None) -> int:
        return self.take_frame(Reports(instance, reports), outpost)

    def take_frame(self, frame: Reports, outpost: str | None = None) -> int:
        return self.store.write_now(lambda tx: instances.take(tx, outpost or self.outpost, frame))

    def logins(self, number: int, time: float = 100.0, **body: Any) -> Report:
        return Report(number, "logins", time, {"user": self.user, "provider": 7, "count": number, **body})

    def events(self) -> list[Event]:
        def reported(tx: Transaction) -> list[Event]:
            return [event for event in tx.select(Event, Query(equal={"app": "outpost"})) if "report" in event.context]

        return sorted(self.store.read_now(reported), key=lambda event: str(event.context.get("count")))

    def revision(self) -> int:
        return self.store.read_now(lambda tx: tx.revision().number)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def counts(bench: Bench) -> list[int]:
    return [event.context["count"] for event in bench.events()]


def test_each_report_is_kept_once_however_often_it_is_sent(bench: Bench) -> None:
    assert bench.take(bench.logins(1), bench.logins(2)) == 2
    assert bench.take(bench.logins(1), bench.logins(2)) == 2
    assert bench.take(bench.logins(2), bench.logins(3)) == 3
    assert counts(bench) == [1, 2, 3]


def test_nothing_to_take_tells_where_it_stands(bench: Bench) -> None:
    assert bench.take() == 0
    bench.take(bench.logins(1))
    assert bench.take() == 1


def test_instances_count_for_themselves(bench: Bench) -> None:
    assert bench.take(bench.logins(1)) == 1
    assert bench.take(bench.logins(1), instance="i2") == 1
    assert counts(bench) == [1, 1]


def test_what_fails_halfway_keeps_nothing_and_can_be_sent_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = instances._keep

    def breaks(tx: Transaction, outpost: str, instance: str, report: Report) -> None:
        if report.number == 2:
            raise OSError("disk full")
        real(tx, outpost, instance, report)

    with monkeypatch.context() as patched:
        patched.setattr(instances, "_keep", breaks)
        with pytest.raises(OSError, match="disk full"):
            bench.take(bench.logins(1), bench.logins(2))
    assert counts(bench) == []
    assert bench.take(bench.logins(1), bench.logins(2)) == 2
    assert counts(bench) == [1, 2]


def test_nobody_reports_in_anothers_name(bench: Bench) -> None:
    bench.take(bench.logins(1))
    with pytest.raises(RemoteProtocolError):
        bench.take(bench.logins(2), outpost=bench.other)
    with pytest.raises(RemoteProtocolError):
        bench.store.write_now(lambda tx: instances.seen(tx, bench.other, HELLO, 1))
    assert counts(bench) == [1]


def test_the_event_says_who_where_and_when(bench: Bench) -> None:
    bench.take(bench.logins(1, time=123.0, away=True))
    (event,) = bench.events()
    assert (event.action, event.created) == ("login", 123.0)
    assert event.user == {"pk": bench.user, "username": "alice", "email": "a@example.com"}
    assert (event.context["outpost"], event.context["away"]) == (bench.outpost, True)


@pytest.mark.parametrize("user", [None, 999, "1", True, 1.5], ids=repr)
def test_a_user_that_is_none_leaves_the_event_without_one(bench: Bench, user: object) -> None:
    bench.take(Report(1, "logins", 1.0, {"user": user, "count": 1}))
    assert [event.user for event in bench.events()] == [{}]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("reports_lost", "outpost_reports_lost"),
        ("of_a_later_version", "outpost_report"),
        ("model_created", "outpost_report"),
    ],
)
def test_an_outpost_writes_only_events_of_its_own_kind(bench: Bench, kind: str, action: str) -> None:
    assert bench.take(Report(1, kind, 1.0, {"count": 1})) == 1
    (event,) = bench.events()
    assert (event.action, event.context["report"]) == (action, kind)


@pytest.mark.parametrize("time", [-1e300, -1e12, float("-inf"), float("nan"), 1e300, -(10**400)])
def test_a_time_that_no_calendar_has_keeps_nobody_from_reading_events_and_users(bench: Bench, time: float) -> None:
    """Whoever has stolen a token may report any."""
    assert bench.take(bench.logins(1, time=time)) == 1
    (event,) = bench.events()
    login = bench.store.read_now(lambda tx: tx.get(Login, bench.user))
    assert "1970" <= str(moment(event.created)) <= str(moment(bench.clock()))
    assert "1970" <= str(moment(login.last_login)) <= str(moment(bench.clock()))


def test_the_users_last_login_moves_forward_only(bench: Bench) -> None:
    def last() -> float | None:
        login = bench.store.read_now(lambda tx: tx.find(Login, pk=bench.user))
        return login.last_login if login is not None else None

    bench.take(bench.logins(1, time=100.0))
    assert last() == 100.0
    bench.take(bench.logins(2, time=300.0))
    bench.take(bench.logins(3, time=200.0))
    assert last() == 300.0


def test_nobody_has_logged_in_where_the_outpost_does_not_serve(bench: Bench) -> None:
    """Whoever has stolen its token makes nobody's history."""
    for number, provider in enumerate((8, None, "7", [7]), 1):
        bench.take(bench.logins(number, provider=provider, peer="192.0.2.9"))
    assert {event.action for event in bench.events()} == {"outpost_report"}
    assert {len(event.user) for event in bench.events()} == {0}
    assert bench.store.read_now(lambda tx: tx.select(Login)) == []


def test_reports_are_activity_and_make_no_revision(bench: Bench) -> None:
    before = bench.revision()
    bench.take(bench.logins(1))
    bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, HELLO, 1))
    assert bench.revision() == before


def test_a_process_is_listed_with_what_it_last_said(bench: Bench) -> None:
    def seen(hello: Hello, revision: int) -> None:
        bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, hello, revision))

    def listed(outpost: str) -> list[Instance]:
        return bench.store.read_now(lambda tx: instances.of_outpost(tx, outpost))

    seen(HELLO, 3)
    bench.clock.advance(10)
    seen(Hello("i2", "host2", "0.1.0"), 4)
    bench.clock.advance(10)
    seen(Hello("i1", "host", "0.2.0"), 5)
    assert [(i.pk, i.hostname, i.version, i.revision) for i in listed(bench.outpost)] == [
        ("i1", "host", "0.2.0", 5),
        ("i2", "host2", "0.1.0", 4),
    ]
    assert listed(bench.other) == []
    bench.clock.advance(instances.LOST_SECONDS - 5)
    assert [i.pk for i in listed(bench.outpost)] == ["i1"]


def test_being_seen_does_not_reset_the_numbering(bench: Bench) -> None:
    bench.take(bench.logins(1))
    bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, HELLO, 3))
    assert bench.take(bench.logins(1), bench.logins(2)) == 2
    assert counts(bench) == [1, 2]


@pytest.mark.parametrize("instance", ["", "x" * 255, "i\0", "\ud800"])
def test_a_hello_or_report_that_names_nobody_is_refused(bench: Bench, instance: str) -> None:
    with pytest.raises(RemoteProtocolError):
        bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, Hello(instance, "host", "1"), 1))
    with pytest.raises(RemoteProtocolError):
        bench.take(instance=instance)


@pytest.mark.parametrize("revision", [-1, 2**63, 10**30])
def test_a_revision_that_no_store_has_is_refused(bench: Bench, revision: int) -> None:
    with pytest.raises(RemoteProtocolError):
        bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, HELLO, revision))


def test_whatever_a_report_holds_it_is_kept_and_short(bench: Bench) -> None:
    body = {"user": 10**30, "a\0": "\ud800", "deep": {"x": ["y" * 100_000]}, **{str(n): n for n in range(100)}}
    assert bench.take(Report(1, "k" * 100_000, 1e300, body)) == 1
    (event,) = bench.events()
    assert len(repr(event)) < 3000
    assert event.created <= bench.clock.now()


def behind(bench: Bench, revision: int) -> list[str]:
    return [one.pk for one in bench.store.read_now(lambda tx: instances.behind(tx, revision))]


def test_who_has_not_said_that_a_revision_is_in_force_is_behind(bench: Bench) -> None:
    bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, HELLO, 3))
    assert behind(bench, 3) == []
    assert behind(bench, 4) == ["i1"]
    bench.take_frame(Reports("i1", (), revision=4))
    assert behind(bench, 4) == []
    bench.take_frame(Reports("i1", ()))
    assert behind(bench, 4) == [], "one that does not say keeps what it said"


def test_who_is_gone_holds_nobody_up(bench: Bench) -> None:
    bench.store.write_now(lambda tx: instances.seen(tx, bench.outpost, HELLO, 3))
    bench.clock.advance(instances.PRESENT_SECONDS)
    assert behind(bench, 4) == []


@pytest.mark.parametrize("revision", [-1, instances.MOST_REVISION])
def test_a_revision_that_no_store_gives_is_refused(bench: Bench, revision: int) -> None:
    with pytest.raises(RemoteProtocolError):
        bench.take_frame(Reports("i1", (), revision=revision))
