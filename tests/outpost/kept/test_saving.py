"""When sealed files are written, and what becomes of those that cannot be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from outpost.kept.saving import SECONDS_BETWEEN, Saving
from outpost.kept.sealed import Seal
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError

SEAL = Seal("token")


class Bench:
    """Something that changes, and its file. ``held``: threads do not run until `let_go`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: list[bytes] | None = [b"1"]
        self.clock = Clock()
        self.notes: list[str] = []
        self.rests: list[float] = []
        self.held: list[tuple[Callable[[], None], Deferred[None]]] | None = None
        telemetry = Telemetry()
        telemetry.noted = self.notes.append  # type: ignore[method-assign, assignment]
        self.saving = Saving(
            SEAL, path, "snapshot", self.capture, self.clock, self.in_thread, telemetry, self.rests.append
        )

    def capture(self) -> Callable[[], Iterable[bytes]] | None:
        value = self.value
        return None if value is None else lambda: value

    def in_thread(self, work: Callable[[], None]) -> Deferred[None]:
        if self.held is not None:
            done: Deferred[None] = Deferred()
            self.held.append((work, done))
            return done
        return _ran(work)

    def let_go(self) -> None:
        held, self.held = self.held or [], None
        for work, done in held:
            _ran(work).chainDeferred(done)

    def content(self) -> list[bytes] | None:
        return list(SEAL.read(self.path, "snapshot")) if self.path.exists() else None

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.saving.stop())


def _ran(work: Callable[[], None]) -> Deferred[None]:
    try:
        work()
    except Exception as error:
        return fail(error)
    return succeed(None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "x.sealed")


def test_it_is_written_once_for_all_changes_of_some_seconds(bench: Bench) -> None:
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN - 1)
    bench.saving.changed()
    assert bench.content() is None
    bench.value = [b"2"]
    bench.clock.advance(1)
    assert bench.content() == [b"2"]
    assert bench.clock.getDelayedCalls() == []


def test_what_changes_while_it_is_written_is_written_later(bench: Bench) -> None:
    bench.held = []
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    bench.value = [b"2"]
    bench.saving.changed()
    bench.let_go()
    assert bench.content() == [b"1"]
    bench.clock.advance(SECONDS_BETWEEN)
    assert bench.content() == [b"2"]


def test_the_stop_writes_what_has_changed_at_once(bench: Bench) -> None:
    bench.saving.changed()
    assert bench.stop().called
    assert bench.content() == [b"1"]
    bench.value = [b"2"]
    bench.saving.changed()
    assert bench.clock.getDelayedCalls() == []


def test_the_stop_waits_for_a_write_and_writes_what_came_after(bench: Bench) -> None:
    bench.held = []
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    bench.value = [b"2"]
    bench.saving.changed()
    ends: list[object] = []
    bench.stop().addCallback(ends.append)
    assert ends == []
    bench.let_go()
    assert ends == [None]
    assert bench.content() == [b"2"]


def test_the_stop_writes_nothing_without_need(bench: Bench) -> None:
    assert bench.stop().called
    assert bench.content() is None


def test_nothing_is_written_when_there_is_nothing_to_write(bench: Bench) -> None:
    bench.value = None
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    assert bench.content() is None
    bench.value = [b"2"]
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    assert bench.content() == [b"2"]


def test_the_thread_rests_between_pieces_but_not_at_the_stop(bench: Bench) -> None:
    bench.value = [b"1", b"2", b"3"]
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    assert len(bench.rests) == 3
    bench.saving.changed()
    bench.stop()
    assert len(bench.rests) == 3


def test_what_is_removed_stays_removed_although_a_write_was_under_way(bench: Bench) -> None:
    bench.held = []
    bench.saving.changed()
    bench.clock.advance(SECONDS_BETWEEN)
    bench.saving.remove()
    bench.let_go()
    assert bench.content() is None


def test_a_disk_that_cannot_be_written_is_told_once_and_tried_again(bench: Bench) -> None:
    bench.path.mkdir()
    for _ in range(3):
        bench.saving.changed()
        bench.clock.advance(SECONDS_BETWEEN)
    assert len(bench.notes) == 1
    assert "cannot be written" in bench.notes[0]
    bench.path.rmdir()
    bench.clock.advance(SECONDS_BETWEEN)
    assert bench.content() == [b"1"]


def test_a_stop_on_such_a_disk_ends(bench: Bench) -> None:
    bench.path.mkdir()
    bench.saving.changed()
    assert bench.stop().called


def test_what_was_written_is_loaded(bench: Bench) -> None:
    SEAL.write(bench.path, "snapshot", [b"a", b"b"])
    assert bench.saving.load(list) == [b"a", b"b"]
    assert bench.notes == []


def test_no_file_is_no_news(bench: Bench) -> None:
    assert bench.saving.load(list) is None
    assert bench.notes == []


def _refusing(error: Exception) -> Callable[[Any], None]:
    def take(pieces: Any) -> None:
        list(pieces)
        raise error

    return take


@pytest.mark.parametrize("error", [RemoteProtocolError("x"), ValueError("x"), KeyError("x"), TypeError("x")])
def test_what_another_version_wrote_is_ignored_in_one_sentence(bench: Bench, error: Exception) -> None:
    SEAL.write(bench.path, "snapshot", [b"a"])
    assert bench.saving.load(_refusing(error)) is None
    assert len(bench.notes) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"outpost sealed snapshot 0\n", b"outpost sealed snapshot 1\nxx"])
def test_a_damaged_file_is_ignored_in_one_sentence(bench: Bench, content: bytes) -> None:
    bench.path.write_bytes(content)
    assert bench.saving.load(list) is None
    (sentence,) = bench.notes
    assert sentence.startswith("x.sealed ")
