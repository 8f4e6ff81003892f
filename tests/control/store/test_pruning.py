"""What the store takes away by itself, and that nobody is told less than everything for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from control.records import Binding, Event, Group, NotificationRule, Setting, UntoldEvent, User
from control.store.interface import Transaction
from control.store.sql import SqlStore, pruning, writer
from control.store.sql.writer import PRUNE_AGAIN, PRUNE_LATER
from tests.conformance.store import KEY
from tests.fakes import FakeClock

DAY = 86400.0


class Written:
    """A store, and its writer's turns one by one."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        self.store = SqlStore(url, (KEY,), now=self.clock)

    def users(self, *names: str) -> None:
        for name in names:
            self.store.write_now(lambda tx, name=name: tx.insert(User(name)))  # type: ignore[misc]

    def turn(self, seconds: float = PRUNE_LATER) -> None:
        """A write of nothing, so that a slice is taken; and another, which waits until it has been."""
        self.clock.advance(seconds)
        for _ in range(2):
            self.store.write_now(lambda tx: None)

    def chains(self) -> list[int]:
        """Revisions on which an outpost can stand."""
        newest = self.store.read_now(lambda tx: tx.revision().number)
        return [n for n in range(newest + 1) if self.store.read_now(lambda tx, n=n: tx.chain_at(n)) is not None]  # type: ignore[misc]

    def lines(self) -> list[int]:
        return [line.revision for line in self.store.read_now(lambda tx: tx.changes_since(-1))]


@pytest.fixture
def written(store_url: str) -> Iterator[Written]:
    made = Written(store_url)
    yield made
    made.store.close()


def test_old_revisions_go_with_their_lines_and_the_others_stay_whole(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.users(*"abcdefgh")
    assert written.chains() == list(range(9))
    monkeypatch.setattr(pruning, "KEPT_REVISIONS", 3)
    written.turn()
    assert written.chains() == [6, 7, 8]
    assert written.lines() == [6, 7, 8]
    written.users("i")
    assert written.store.read_now(lambda tx: [line.pk for line in tx.changes_since(7)]) == [8, 9]


def test_it_goes_in_slices_one_a_second_while_there_is_more(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    written.users(*"abcdefgh")
    monkeypatch.setattr(pruning, "KEPT_REVISIONS", 1)
    monkeypatch.setattr(pruning, "SLICE", 3)
    written.turn()
    assert written.chains() == list(range(3, 9))
    written.turn(PRUNE_AGAIN / 2)
    assert written.chains() == list(range(3, 9))
    written.turn(PRUNE_AGAIN)
    assert written.chains() == [6, 7, 8]
    for _ in range(3):
        written.turn(PRUNE_AGAIN)
    assert written.chains() == [8]
    assert written.lines() == [8]


def test_a_log_of_many_lines_goes_too_except_for_the_newest_revision(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def many(tx: Transaction) -> None:
        for number in range(10):
            tx.insert(Group(f"{tx.revision().number}-{number}"))

    for _ in range(3):
        written.store.write_now(many)
    monkeypatch.setattr(pruning, "KEPT_LINES", 25)
    written.turn()
    assert written.chains() == [2, 3]
    monkeypatch.setattr(pruning, "KEPT_LINES", 15)
    written.turn()
    assert written.chains() == [3]
    assert written.lines() == [3] * 10


def test_events_go_when_their_time_is_over(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    now = written.clock()

    def some(tx: Transaction) -> None:
        for number in range(5):
            tx.insert(Event(f"old-{number}", created=now, expires=now + DAY))
        tx.insert(Event("new", created=now, expires=now + 3 * DAY))
        tx.insert(Event("endless"))

    def left() -> set[str]:
        return {event.action for event in written.store.read_now(lambda tx: tx.select(Event))}

    written.store.write_now(some)
    written.turn()
    assert len(left()) == 7
    monkeypatch.setattr(pruning, "SLICE", 3)
    written.turn(DAY)
    assert len(left()) == 4
    written.turn(PRUNE_AGAIN)
    assert left() == {"new", "endless"}


def test_a_fault_in_pruning_is_logged_and_stops_no_write(
    written: Written, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(writer, "prune", broken)
    written.turn()
    assert "could not be taken away" in caplog.text
    written.users("a")
    assert written.lines() == [1]


def test_events_are_kept_as_long_as_the_settings_say(written: Written) -> None:
    now = written.clock.now()

    def leave(tx: Transaction) -> None:
        for days in (1, 29, 31, 364, 366):
            tx.insert(Event(f"{days} days ago", created=now - days * DAY))

    def left() -> set[str]:
        return {event.action for event in written.store.read_now(lambda tx: tx.select(Event))} - {"model_created"}

    written.store.write_now(leave)
    written.turn()
    assert left() == {"1 days ago", "29 days ago", "31 days ago", "364 days ago"}
    written.store.write_now(lambda tx: tx.insert(Setting("event_retention", "days=30")))
    written.turn()
    assert left() == {"1 days ago", "29 days ago"}


def test_news_that_nobody_was_told_in_a_day_is_dropped(written: Written) -> None:
    def note(tx: Transaction) -> None:
        rule = tx.insert(NotificationRule("r"))
        tx.insert(Binding(rule.pk, user=tx.insert(User("who")).pk))  # without a binding it would want no event
        tx.insert(Event("now", created=tx.now))

    written.store.write_now(note)
    assert written.store.read_now(lambda tx: tx.count(UntoldEvent)) > 0
    written.turn(DAY)
    assert written.store.read_now(lambda tx: tx.count(UntoldEvent)) == 0
