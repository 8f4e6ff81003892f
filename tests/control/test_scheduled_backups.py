"""Backups come when they are due, one at a time, and whoever looks after them hears of what went wrong."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.records import Event
from control.scheduled_backups import AGAIN, Schedule, ScheduledBackups
from control.store.sql import SqlStore
from tests.control.stores import a_store, drive
from tests.fakes import FakeClock

DAY = 24 * 3600.0
NOON = 1_700_000_000.0


class Nights:
    """A folder, and a command that leaves a file there, or says why not."""

    def __init__(self, folder: Path, store: SqlStore) -> None:
        self.folder, self.store = folder / "backups", store
        self.clock = FakeClock(NOON)
        self.fault, self.made = "", 0
        self.scheduled = ScheduledBackups(store, Schedule(self.folder, DAY, self.back_up), self.clock)

    def back_up(self) -> str:
        self.made += 1
        if not self.fault:
            path = self.folder / f"outpost-{self.made}.backup"
            path.touch()
            os.utime(path, (self.clock(), self.clock()))
        return self.fault

    def look(self, later: float = 0.0) -> int:
        """How many were tried so far."""
        self.clock.advance(later)
        drive(self.scheduled.look())
        return self.made

    def events(self) -> list[str]:
        found = self.store.read_now(lambda tx: tx.select(Event))
        return [event.context["message"] for event in found if event.action == "configuration_error"]


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    store = a_store(tmp_path)
    yield Nights(tmp_path, store)
    store.close()


def test_the_first_at_once_and_another_a_day_later(nights: Nights) -> None:
    assert nights.look() == 1
    assert nights.folder.stat().st_mode & 0o777 == 0o700
    assert nights.look(DAY - 1) == 1
    assert nights.scheduled.overdue() == 0
    assert nights.look(3) == 2
    assert nights.events() == []


def test_what_fails_is_told_and_tried_again_an_hour_later(nights: Nights) -> None:
    nights.fault = "No space left."
    assert nights.look() == 1
    assert nights.events() == ["The scheduled backup has failed: No space left."]
    assert nights.look(AGAIN - 1) == 1
    nights.fault = ""
    assert nights.look(2) == 2
    assert nights.scheduled.overdue() == 0
    assert len(nights.events()) == 1


def test_a_folder_that_cannot_be_is_told(nights: Nights) -> None:
    nights.folder.write_text("a file")
    assert nights.look() == 0
    assert "cannot be used" in nights.events()[0]


def test_never_two_at_once(nights: Nights) -> None:
    nights.folder.mkdir()
    other = os.open(nights.folder, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert nights.look() == 0
    finally:
        os.close(other)
    assert nights.events() == []
    assert nights.look() == 1
