"""The numbered stream: without holes or repeats, through a kill at any byte; bounded; one id with one numbering."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from outpost.link.outbox import BATCH, LONGEST_LOG, LOST, Outbox, OutboxFile, Waiting
from protocols.link.messages import Report


class Control:
    """As `control.outposts.instances.take` counts."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}
        self.kept: list[Report] = []

    def take(self, instance: str, reports: tuple[Report, ...]) -> int:
        for report in reports:
            if report.number > self.taken.get(instance, 0):
                self.kept.append(report)
                self.taken[instance] = report.number
        return self.taken.get(instance, 0)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path / "outbox.jsonl"
        self.ids = count(1)
        self.notes: list[str] = []
        self.running: OutboxFile | None = None

    def open(self, mark: str = "m", most: int = 1000) -> OutboxFile:
        """In a new process; the one before was killed."""
        self.kill()
        self.running = OutboxFile(self.path, lambda: f"id{next(self.ids)}", mark, self.notes.append, most)
        return self.running

    def kill(self) -> None:
        if self.running is not None:
            self.running.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.kill()


def add(outbox: OutboxFile, *names: str) -> None:
    for name in names:
        outbox.add("event", 1.0, {"name": name})


def logins(user: int, time: float = 1.0, count: int = 1) -> Waiting:
    return Waiting("logins", time, {"user": user, "provider": 7, "away": True, "count": count, "since": time - 1})


def names(reports: tuple[Report, ...] | list[Report]) -> list[tuple[int, Any]]:
    return [(report.number, report.body.get("name")) for report in reports]


def test_numbers_begin_at_one_and_go_on_after_each_acknowledgement(folder: Folder) -> None:
    outbox = folder.open()
    add(outbox, "a", "b")
    assert names(outbox.offer()) == [(1, "a"), (2, "b")]
    add(outbox, "c")
    assert names(outbox.offer()) == [(1, "a"), (2, "b"), (3, "c")]
    assert outbox.take(2)
    assert names(outbox.offer()) == [(3, "c")]
    assert outbox.take(3)
    assert outbox.offer() == ()
    add(outbox, "d")
    assert names(outbox.offer()) == [(4, "d")]


def test_nothing_is_sent_twice_because_control_says_it_twice(folder: Folder) -> None:
    outbox = folder.open()
    add(outbox, "a", "b", "c")
    outbox.offer()
    outbox.take(2)
    outbox.take(1)
    assert names(outbox.offer()) == [(3, "c")]


def test_batches_are_bounded(folder: Folder) -> None:
    outbox = folder.open(most=BATCH * 2)
    add(outbox, *map(str, range(BATCH + 1)))
    assert len(outbox.offer()) == BATCH
    outbox.take(BATCH)
    assert names(outbox.offer()) == [(BATCH + 1, str(BATCH))]


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_restart_goes_on_where_it_was(folder: Folder, taken: int) -> None:
    outbox = folder.open()
    add(outbox, "a", "b")
    outbox.offer()
    if taken:
        outbox.take(taken)
    again = folder.open()
    add(again, "c")
    assert again.instance == outbox.instance == "id1"
    assert names(again.offer()) == [(1, "a"), (2, "b"), (3, "c")][taken:]


def test_killed_at_any_byte_nothing_is_lost_or_repeated_that_was_written(folder: Folder) -> None:
    """A life of reports, sends and acknowledgements; the log is cut at every byte, and a second life follows."""
    outbox, before = folder.open(), Control()
    moments = [(os.path.getsize(folder.path), 0, list[Report]())]

    def moment(added: int) -> None:
        moments.append((os.path.getsize(folder.path), added, list(before.kept)))

    for number, name in enumerate("abcdef", 1):
        add(outbox, name)
        moment(number)
        if name in "ce":
            batch = outbox.offer()
            moment(number)
            taken = before.take(outbox.instance, batch)
            moment(number)
            outbox.take(taken)
            moment(number)
    log = folder.path.read_bytes()
    for cut in range(moments[0][0], len(log) + 1):
        added = max(added for size, added, _ in moments if size <= cut)
        # Whatever control may have had when the log was this long: every state between two writes.
        sizes = [size for size, _, _ in moments if size <= cut]
        for size, _, kept in moments:
            if size != max(sizes):
                continue
            control = Control()
            control.kept, control.taken = list(kept), {"id1": len(kept)}
            folder.path.write_bytes(log[:cut])
            second = folder.open()
            assert second.take(control.take(second.instance, ()))
            add(second, "z")
            while batch := second.offer():
                assert second.take(control.take(second.instance, batch))
            second.close()
            got = names(control.kept)
            assert [number for number, _ in got] == list(range(1, len(got) + 1))
            expected = "abcdef"[:added]
            assert "".join(name for _, name in got) in (expected + "z", "abcdef"[: added + 1] + "z")


def test_half_a_line_is_no_report(folder: Folder) -> None:
    outbox = folder.open()
    add(outbox, "a")
    with folder.path.open("ab") as file:
        file.write(b'{"kind":"event","time":1.0,"bo')
    again = folder.open()
    add(again, "b")
    assert names(folder.open().offer()) == [(1, "a"), (2, "b")]
    assert b'"bo{' not in folder.path.read_bytes()


def test_what_is_damaged_behind_its_sending_leaves_neither_hole_nor_repeat(folder: Folder) -> None:
    outbox, control = folder.open(), Control()
    add(outbox, "a", "b", "c")
    control.take(outbox.instance, outbox.offer())
    lines = folder.path.read_bytes().splitlines(keepends=True)
    folder.path.write_bytes(
        b"".join([lines[0].replace(b'"offered":0', b'"offered":3'), lines[1], b"\x00" * 50 + b"\n"])
    )
    again = folder.open()
    add(again, "d")
    while batch := again.offer():
        again.take(control.take(again.instance, batch))
    assert names(control.kept) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"[]\n", b'{"instance":"id9"}\n', b'{"instance":"x","mark":"m","taken":0,"offered":999999}\n'],
)
def test_without_a_first_line_it_is_a_new_instance(folder: Folder, content: bytes) -> None:
    folder.path.write_bytes(content)
    outbox = folder.open()
    add(outbox, "a")
    assert outbox.instance == "id1"
    assert names(outbox.offer()) == [(1, "a")]


def test_another_outpost_is_another_instance(folder: Folder) -> None:
    """Control refuses an id that belongs to another outpost."""
    add(folder.open("one outpost"), "a")
    other = folder.open("another")
    assert other.instance == "id2"
    assert other.offer() == ()
    (sentence,) = folder.notes
    assert "1 reports of another outpost" in sentence


def test_an_older_copy_of_the_folder_is_noticed(folder: Folder) -> None:
    """Control has numbers that this log does not know: going on with them would lose what is new."""
    outbox, control = folder.open(), Control()
    add(outbox, "a")
    copy = folder.path.read_bytes()
    outbox.take(control.take(outbox.instance, outbox.offer()))
    add(outbox, "b")
    outbox.take(control.take(outbox.instance, outbox.offer()))
    folder.path.write_bytes(copy)
    old = folder.open()
    assert not old.take(control.take(old.instance, ()))
    assert old.instance != "id1"
    new = folder.open()
    assert new.instance == old.instance
    add(new, "c")
    assert names(new.offer()) == [(1, "a"), (2, "c")]


def test_the_log_stays_short(folder: Folder) -> None:
    outbox = folder.open()
    for _ in range(200):
        add(outbox, *["x" * 100] * 20)
        batch = outbox.offer()
        outbox.take(batch[-1].number)
        assert os.path.getsize(folder.path) < LONGEST_LOG + 10_000
    again = folder.open()
    add(again, "last")
    assert names(again.offer()) == [(4001, "last")]


def test_a_second_process_does_not_take_the_log_away(folder: Folder) -> None:
    first = folder.open()
    add(first, "a")
    second = OutboxFile(folder.path, lambda: "other", "m", folder.notes.append)
    add(second, "b")
    second.mend()
    assert second.instance == "other"
    assert names(second.offer()) == [(1, "b")]
    second.close()
    assert len(folder.notes) == 1
    add(first, "c")
    assert names(folder.open().offer()) == [(1, "a"), (2, "c")]


def test_only_its_owner_may_read_it(folder: Folder) -> None:
    folder.open()
    assert folder.path.stat().st_mode & 0o777 == 0o600


# --- when it is full ---


def filled(*reports: Waiting, most: int = 8) -> Outbox:
    outbox = Outbox(most=most)
    for report in reports:
        outbox.add(report)
    return outbox


def test_logins_of_one_user_are_merged_when_full() -> None:
    outbox = filled(*(logins(n % 2, time=float(n)) for n in range(9)))
    assert outbox.waiting == [
        Waiting("logins", 7.0, {"user": 1, "provider": 7, "away": True, "count": 4, "since": 0.0}),
        Waiting("logins", 8.0, {"user": 0, "provider": 7, "away": True, "count": 5, "since": -1.0}),
    ]


def test_the_oldest_logins_are_dropped_and_counted_before_anything_else() -> None:
    events = [Waiting("event", 0.5 + n, {"n": n}) for n in range(2)]
    outbox = filled(*events, *(logins(n, time=float(n), count=10) for n in range(7)))
    assert [one.body["n"] for one in outbox.waiting if one.kind == "event"] == [0, 1]
    assert [one.body["user"] for one in outbox.waiting if one.kind == "logins"] == [4, 5, 6]
    assert outbox.waiting[-1] == Waiting(LOST, 6.0, {"count": 40})
    assert outbox.lost == 40


def test_the_oldest_events_are_dropped_when_there_is_nothing_else() -> None:
    outbox = filled(*(Waiting("event", float(n), {"n": n}) for n in range(14)))
    kept = [one.body["n"] for one in outbox.waiting if one.kind == "event"]
    lost = sum(one.body["count"] for one in outbox.waiting if one.kind == LOST)
    assert kept == list(range(lost, 14))
    assert outbox.lost == lost > 0
    assert len(outbox.waiting) <= 8


def test_what_was_offered_is_firm() -> None:
    """Control may have it already: another report under its number would be taken for it."""
    outbox = filled(*(logins(1) for _ in range(3)))
    batch = outbox.offer()
    for n in range(20):
        outbox.add(logins(n))
    assert outbox.offer()[:3] == batch
    outbox.take(3)
    assert outbox.offer()[0].number == 4


def test_a_full_log_is_written_anew(folder: Folder) -> None:
    outbox = folder.open(most=2000)
    for n in range(2001):
        report = logins(n % 3, float(n))
        outbox.add(report.kind, report.time, report.body)
    again = folder.open()
    assert len(again) == 3
    assert sum(report.body["count"] for report in again.offer()) == 2001


# --- when the disk fails ---


def test_a_folder_that_cannot_be_written_is_told_once_and_reports_live_on(folder: Folder) -> None:
    folder.path.mkdir()
    outbox = folder.open()
    add(outbox, "a")
    outbox.mend()
    outbox.sync()
    assert names(outbox.offer()) == [(1, "a")]
    assert len(folder.notes) == 1
    folder.path.rmdir()
    outbox.mend()
    add(outbox, "b")
    assert names(folder.open().offer()) == [(1, "a"), (2, "b")]


def test_after_half_a_write_nothing_is_added_to_the_half(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = folder.open()
    add(outbox, "a")
    real = os.write
    writes = iter([5])

    def write(descriptor: int, content: bytes) -> int:
        for size in writes:
            return real(descriptor, content[:size])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        add(outbox, "b", "c")
    assert len(folder.notes) == 1
    assert "No space left" in folder.notes[0]
    add(outbox, "d")
    lines = folder.path.read_bytes().split(b"\n")
    assert [json.loads(line).get("body") for line in lines[1:-1]] == [{"name": "a"}]
    outbox.mend()
    assert names(folder.open().offer()) == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
