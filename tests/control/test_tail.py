"""What `outpost tail` shows: each event once, oldest first, chosen by what is asked for, safe on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control import knocks, tail
from control.records import Event
from control.store.sql import SqlStore
from control.tail import PAGE, Tail, Wanted, as_json, as_text
from tests.fakes import FakeClock
from tests.stores import open_store


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store: SqlStore = open_store(folder, self.clock)

    def event(self, action: str = "login_failed", **context: Any) -> None:
        who = {"username": context.pop("user", "alice")}
        peer = context.pop("peer", "192.0.2.7")
        event = Event(action, app="outpost", context=context, user=who, client_ip=peer, created=self.clock())
        self.store.write_now(lambda tx: tx.insert(event))
        self.clock.advance(1)

    def shown(self, **wanted: str) -> list[str]:
        """The reasons, by a fresh tail."""
        return [line["reason"] for line in self.store.read_now(Tail(Wanted(**wanted)).look)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_each_is_shown_once_and_oldest_first(bench: Bench) -> None:
    following = Tail(Wanted())
    bench.event(reason="a")
    bench.event(reason="b")
    assert [line["reason"] for line in bench.store.read_now(following.look)] == ["a", "b"]
    assert bench.store.read_now(following.look) == []
    bench.event(reason="c")
    assert [line["reason"] for line in bench.store.read_now(following.look)] == ["c"]


def test_more_than_a_page_at_once(bench: Bench) -> None:
    following = Tail(Wanted())
    for number in range(PAGE + 5):
        bench.event(reason=str(number))
    assert len(bench.store.read_now(following.look)) == PAGE + 5
    assert bench.store.read_now(following.look) == []


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"user": "ALICE"}, ["a"]),
        ({"nas": "ap-7"}, ["b"]),
        ({"nas": "192.0.2.8"}, ["b"]),
        ({"host": "app.example.com"}, ["c"]),
        ({"application": "wiki"}, ["d"]),
        ({"application": "7"}, ["a"]),
        ({"reason": "c"}, ["c"]),
        ({"reason": "login"}, ["d"]),
        ({"user": "alice", "reason": "c"}, []),
        ({}, ["a", "b", "c", "d"]),
    ],
)
def test_it_shows_what_is_asked_for(bench: Bench, wanted: dict[str, str], shown: list[str]) -> None:
    bench.event(reason="a", provider=7)
    bench.event(reason="b", user="bob", peer="192.0.2.8", request={"nas": "ap-7"})
    bench.event(reason="c", user="carol", request={"host": "app.example.com"})
    bench.event("login", reason="d", user="dora", authorized_application={"slug": "wiki"})
    assert bench.shown(**wanted) == shown


def test_a_knock_is_shown_again_when_it_comes_again(bench: Bench) -> None:
    following = Tail(Wanted())
    for _ in range(2):
        bench.store.write_now(lambda tx: knocks.knocked(tx, "host", "app.example.com"))
        [line] = bench.store.read_now(following.look)
        assert (line["action"], line["reason"]) == ("knock", "host")
        assert "app.example.com" in line["message"]
        bench.clock.advance(60)
    assert bench.shown(host="app.example.com") == ["host"]


def test_as_a_line_for_people_and_as_json(bench: Bench) -> None:
    bench.event(reason="no_binding", protocol="ldap", explanation="No binding.", request_id="q1", provider=7)
    [line] = bench.store.read_now(Tail(Wanted()).look)
    told = as_text(line)
    for part in ("login_failed", "alice", "from ldap 192.0.2.7", "to provider 7", "no_binding", "No binding."):
        assert part in told
    assert json.loads(as_json(line))["id"] == "q1"


def test_a_change_tells_what_and_which_fields(bench: Bench) -> None:
    bench.event("model_updated", model={"model_name": "user", "name": "bob"}, diff={"name": {}, "email": {}})
    [line] = bench.store.read_now(Tail(Wanted()).look)
    assert line["message"] == "user bob (email, name)"


def test_what_strangers_wrote_reaches_no_terminal(bench: Bench) -> None:
    bench.event(reason="x\x1b[2J\n", user="a\u202eb", request={"host": "\r\n"})
    [line] = bench.store.read_now(Tail(Wanted()).look)
    assert as_text(line).isprintable()
    assert "\n" not in as_json(line)


def test_what_is_remembered_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "REMEMBERED", 10)
    following = Tail(Wanted())
    for number in range(50):
        bench.event(reason=str(number))
        bench.store.read_now(following.look)
    assert len(following._seen) <= 10
