"""Knocks at control: one line for each that knocks, bounded, and closed by the next success."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control import knocks
from control.knocks import KEPT_SECONDS, MOST_OF_KIND
from control.outposts import instances
from control.records import Event, Knock, Outpost
from control.store.interface import Query
from control.store.sql import SqlStore
from protocols.link.messages import Report, Reports
from tests.fakes import FakeClock
from tests.stores import open_store


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)
        self.outpost = self.store.write_now(lambda tx: tx.insert(Outpost("edge", "any")).pk)
        self.reported = 0

    def knock(self, kind: str = "nas", what: str = "192.0.2.1", **more: Any) -> None:
        self.store.write_now(lambda tx: knocks.knocked(tx, kind, what, **more))

    def report(self, what: str, /, **body: Any) -> None:
        self.reported += 1
        frame = Reports("i1", (Report(self.reported, what, 1.0, body),))
        self.store.write_now(lambda tx: instances.take(tx, self.outpost, frame))

    def all(self) -> list[Knock]:
        return self.store.read_now(lambda tx: tx.select(Knock, Query(ordering=("first", "what"))))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_what_an_outpost_reports_is_one_line_with_a_count(bench: Bench) -> None:
    bench.report("knock", kind="nas", what="192.0.2.1", count=1, peer="192.0.2.1")
    bench.clock.advance(60)
    bench.report("knock", kind="nas", what="192.0.2.1", count=4)
    [knock] = bench.all()
    assert (knock.kind, knock.what, knock.outpost, knock.count) == ("nas", "192.0.2.1", bench.outpost, 5)
    assert knock.last - knock.first == 60
    assert knock.answered is None


def test_it_is_no_event_and_no_change_of_the_directory(bench: Bench) -> None:
    before = bench.store.read_now(lambda tx: tx.revision().number)
    events = bench.store.read_now(lambda tx: tx.count(Event))
    bench.report("knock", kind="nas", what="192.0.2.1", count=1)
    assert bench.store.read_now(lambda tx: tx.revision().number) == before
    assert bench.store.read_now(lambda tx: tx.count(Event)) == events


def test_the_next_success_answers_it_and_another_knock_opens_it_again(bench: Bench) -> None:
    bench.report("knock", kind="host", what="app.example.com", count=1)
    bench.clock.advance(5)
    bench.report("knock_answered", kind="host", what="app.example.com")
    [knock] = bench.all()
    assert knock.answered == bench.clock()
    bench.report("knock", kind="host", what="app.example.com", count=1)
    assert [(knock.answered, knock.count) for knock in bench.all()] == [(None, 2)]


def test_a_success_of_what_never_knocked_is_nothing(bench: Bench) -> None:
    bench.report("knock_answered", kind="host", what="app.example.com")
    assert bench.all() == []


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "anything", "what": "x", "count": 1},
        {"what": "x"},
        {},
    ],
)
def test_kinds_that_there_are_not_are_not_kept(bench: Bench, body: dict[str, Any]) -> None:
    bench.report("knock", **body)
    assert bench.all() == []


@pytest.mark.parametrize("count", [0, -5, 10**40, True, "many", None, 1.5])
def test_a_count_that_is_none_does_no_harm(bench: Bench, count: object) -> None:
    bench.report("knock", kind="nas", what="x\ny" * 1000, count=count, peer="\x1b" * 10_000, **{"n" * 9000: "v"})
    [knock] = bench.all()
    assert 1 <= knock.count <= knocks.MOST_COUNT
    assert knock.what.isprintable()
    assert all(text.isprintable() and len(text) < 300 for text in (*knock.detail, *knock.detail.values()))


def test_a_flood_of_forged_addresses_leaves_who_goes_on_knocking(bench: Bench) -> None:
    bench.knock(what="the real one", count=2)

    def flood(tx: Any) -> None:
        for number in range(MOST_OF_KIND + 20):
            knocks.knocked(tx, "nas", f"forged {number}")

    bench.clock.advance(1)
    bench.store.write_now(flood)
    bench.knock(kind="host", what="app.example.com")
    kept = bench.all()
    assert sum(knock.kind == "nas" for knock in kept) == MOST_OF_KIND
    assert {"the real one", "app.example.com"} <= {knock.what for knock in kept}


def test_what_has_not_knocked_for_a_month_is_forgotten(bench: Bench) -> None:
    bench.knock(what="old")
    bench.clock.advance(KEPT_SECONDS + 1)
    bench.knock(what="new")
    assert [knock.what for knock in bench.all()] == ["new"]


def test_they_go_with_their_outpost(bench: Bench) -> None:
    bench.report("knock", kind="nas", what="192.0.2.1", count=1)
    bench.store.write_now(lambda tx: tx.delete(tx.get(Outpost, bench.outpost)))
    assert bench.all() == []
