"""What a long search held is given back a little a turn, whatever became of the search. Work is counted, not time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outpost.directory.entries import UserEntry
from outpost.listeners import leftovers
from outpost.listeners.leftovers import Leftovers
from protocols.ldap import controlled, sorting
from tests.outpost.directory.people import RECORDS, USERS, People, a_user
from tests.outpost.listeners.ldap_door import Client, Door, Turns
from tests.outpost.listeners.test_ldap_reads import cookie_of, paged, sort, view
from tests.protocols.ldap import peer

AT_ONCE = 20
MANY = 50 * AT_ONCE
MOST = 2 * AT_ONCE + MANY // AT_ONCE
"""What is sent in a turn goes in it, too, and of each batch there is one that is compared with the others'."""
TURNS = 300
"""More than any of it takes."""


class Freed:
    """How many entries of people went in one go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.all = self.most = 0
        monkeypatch.setattr(UserEntry, "__del__", lambda entry: self._one(), raising=False)

    def _one(self) -> None:
        self.now += 1

    def during(self, work: Callable[[], Any]) -> int:
        """How many went while ``work`` was done."""
        self.now = 0
        work()
        self.all += self.now
        self.most = max(self.most, self.now)
        return self.now


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(leftovers, "FREED_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(sorting, "BATCH", AT_ONCE)
    monkeypatch.setattr(controlled, "SLICE_CANDIDATES", AT_ONCE)
    client = Door(People((*RECORDS, *(a_user(pk, f"user{pk}") for pk in range(100, 100 + MANY))))).connect()
    assert client.bind() == 0
    return client


def asked(*controls: tuple[str, bool, bytes | None]) -> bytes:
    return peer.search(9, USERS, filter="(objectClass=user)", attributes=["uid"], controls=controls)


WINDOW = view(before_count=0, after_count=1, offset=1, content_count=0)


@pytest.mark.parametrize("controls", [(sort("uid"),), (sort("uid"), WINDOW)], ids=["sorted", "window"])
@pytest.mark.parametrize("collected", [MANY // 2, MANY * 3 // 2], ids=["while it is sorted", "while it is sent"])
@pytest.mark.parametrize("end", ["abandoned", "gone"])
def test_an_answer_that_nobody_wants_any_more(
    client: Client, monkeypatch: pytest.MonkeyPatch, controls: Any, collected: int, end: str
) -> None:
    freed = Freed(monkeypatch)
    client.send(asked(*controls))
    for _ in range(collected // AT_ONCE):
        freed.during(client.turn)
    before = freed.all
    if end == "abandoned":
        freed.during(lambda: client.send(peer.abandon(10, 9)))
    else:
        freed.during(lambda: client.connection.connectionLost())
    for _ in range(TURNS):
        freed.during(client.turn)
    assert freed.all - before > MANY // 4  # there was something to free
    assert freed.most <= MOST


def test_pages_that_nobody_wants_any_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    freed = Freed(monkeypatch)
    client.send(asked(sort("uid"), paged(3)))
    for _ in range(TURNS):
        client.turn()
    cookie = cookie_of(client.answers()[-1])
    freed.during(lambda: client.send(asked(sort("uid"), paged(0, cookie))))
    for _ in range(TURNS):
        freed.during(client.turn)
    assert freed.all >= MANY
    assert freed.most <= MOST


@pytest.mark.parametrize("controls", [(sort("uid"),), (sort("uid"), WINDOW)], ids=["sorted", "window"])
def test_more_than_are_sorted(client: Client, monkeypatch: pytest.MonkeyPatch, controls: Any) -> None:
    monkeypatch.setattr(sorting, "MAX_SORTED", MANY // 2)
    freed = Freed(monkeypatch)
    client.send(asked(*controls))
    for _ in range(TURNS):
        freed.during(client.turn)
    assert client.answers()[-1].code == 11
    assert freed.all >= MANY // 2
    assert freed.most <= MOST


def test_several_lists_share_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "FREED_AT_ONCE", 5)
    clock = Turns()
    there = Leftovers(clock)
    held = [list(range(size)) for size in (3, 0, 7, 1)]
    for one in held:
        there.take(one)
    seen = []
    while clock.getDelayedCalls():
        clock.turn()
        seen.append([len(one) for one in held])
    assert seen == [[0, 0, 5, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
