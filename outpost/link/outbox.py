"""Reports on their way to control: numbered, kept until acknowledged, through a kill at any point (DESIGN D7).

The file is a log of lines, which says everything again from the top:
``{"instance", "mark", "taken", "offered"}``, then ``{"kind", "time", "body"}`` for each report, ``{"offered": n}``
before those up to n are sent, and ``{"taken": n}`` when control has them. A report's number is its place, counted from
``taken``, and is firm once offered; before that, a full outbox may still merge and drop.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from protocols.link.messages import Report
from settings.folders import sync_folder

FILE = "outbox.jsonl"
LOGINS, LOST = "logins", "reports_lost"
MOST_REPORTS = 20_000
"""About 4 MB. A full outbox merges the counts of logins over time, then drops the oldest and counts what it dropped."""
BATCH = 500
"""Reports in one frame: control takes them in one transaction, a fraction of a second."""
LONGEST_LOG = 256 * 1024
"""Bytes of lines about reports that control has taken before the file begins anew."""


@dataclass(frozen=True, slots=True)
class Waiting:
    kind: str
    time: float
    body: dict[str, Any]


class Outbox:
    """The reports in memory. ``taken``, ``offered``: numbers of the last ones that control has, and that were sent."""

    def __init__(self, taken: int = 0, offered: int = 0, most: int = MOST_REPORTS) -> None:
        self.taken = taken
        self.offered = max(offered, taken)
        self.waiting: list[Waiting] = []
        self.lost = 0
        """Reports that were dropped for want of room."""
        self._most = most

    def add(self, report: Waiting) -> bool:
        """False: that was one too many, others were merged or dropped, and a log of it must begin anew."""
        self.waiting.append(report)
        if len(self.waiting) <= self._most:
            return True
        firm = self.offered - self.taken
        # A quarter is freed at once, so that the file is not written anew for every report.
        before = _lost(self.waiting[firm:])
        self.waiting[firm:] = _thinned(self.waiting[firm:], self._most * 3 // 4 - firm)
        self.lost += _lost(self.waiting[firm:]) - before
        return False

    def offer(self) -> tuple[Report, ...]:
        """The next reports to send, oldest first; their numbers are firm from now on."""
        batch = tuple(
            Report(self.taken + place, one.kind, one.time, one.body)
            for place, one in enumerate(islice(self.waiting, BATCH), 1)
        )
        self.offered = max(self.offered, self.taken + len(batch))
        return batch

    def take(self, number: int) -> None:
        """Control has everything up to ``number``. Raises ValueError when that was never offered."""
        if number > self.offered:
            raise ValueError(f"report {number} was never sent")
        if number > self.taken:
            del self.waiting[: number - self.taken]
            self.taken = number


def _thinned(waiting: list[Waiting], most: int) -> list[Waiting]:
    """At most that many: logins of one user merged over time; if that is not enough, without the oldest logins; and if
    that is not enough, without the oldest of all. What was dropped is one report that says how many."""
    merged: dict[object, Waiting] = {}
    lost = 0
    for place, one in enumerate(waiting):
        if one.kind == LOST:
            lost += one.body["count"]
            continue
        key = _key(one) if one.kind == LOGINS else place
        merged[key] = _together(merged.pop(key), one) if key in merged else one
    kept = sorted(merged.values(), key=lambda one: one.time)
    excess = len(kept) + 1 - max(most, 1)
    if excess > 0:
        order = sorted(range(len(kept)), key=lambda place: (kept[place].kind != LOGINS, place))
        gone = set(order[:excess])
        lost += sum(kept[place].body.get("count", 1) for place in gone)
        kept = [one for place, one in enumerate(kept) if place not in gone]
    if lost:
        kept.append(Waiting(LOST, waiting[-1].time, {"count": lost}))
    return kept


def _lost(waiting: Iterable[Waiting]) -> int:
    """What those among them tell of that tell what was dropped."""
    return sum(one.body["count"] for one in waiting if one.kind == LOST)


def _key(logins: Waiting) -> tuple[object, ...]:
    return logins.body["provider"], logins.body["user"], logins.body["away"]


def _together(earlier: Waiting, later: Waiting) -> Waiting:
    count = earlier.body["count"] + later.body["count"]
    return Waiting(LOGINS, later.time, {**later.body, "since": earlier.body["since"], "count": count})


class OutboxFile:
    """An `Outbox` and its log. ``new_id`` gives an id for this instance when the log has none that serves.

    ``mark`` tells which outpost this is: another one starts anew, because ids belong to outposts. ``complain`` is told
    once, in a sentence, when the log cannot be written; reports then live in memory alone.
    """

    def __init__(
        self,
        path: Path,
        new_id: Callable[[], str],
        mark: str,
        complain: Callable[[str], None],
        most: int = MOST_REPORTS,
    ) -> None:
        self._path = path
        self._new_id = new_id
        self._mark = mark
        self._complain = complain
        self._most = most
        self._descriptor = -1
        self._length = 0
        self._complained = False
        self.instance = new_id()
        self._outbox = Outbox(most=most)
        self._lock = self._locked()
        if self._lock >= 0:
            self._load()
            self._begin_anew()

    def __len__(self) -> int:
        return len(self._outbox.waiting)

    @property
    def lost(self) -> int:
        """Reports that were dropped, since this process began."""
        return self._outbox.lost

    @property
    def is_crowded(self) -> bool:
        """What somebody else would keep is not taken in any more: the rest is for what nobody else has."""
        return len(self._outbox.waiting) >= self._most * 3 // 4

    def add(self, kind: str, time: float, body: dict[str, Any]) -> None:
        report = Waiting(kind, time, body)
        if self._outbox.add(report):
            self._append(_report(report))
        else:
            self._begin_anew()

    def offer(self) -> tuple[Report, ...]:
        """The next reports; they may be sent after `sync`."""
        before = self._outbox.offered
        batch = self._outbox.offer()
        if self._outbox.offered != before:
            self._append({"offered": self._outbox.offered})
        return batch

    def take(self, number: int) -> bool:
        """False: control has more than we ever sent, so our log is an old copy; what waits is numbered anew."""
        before = self._outbox.taken
        try:
            self._outbox.take(number)
        except ValueError:
            self.instance = self._new_id()
            old, self._outbox = self._outbox, Outbox(most=self._most)
            self._outbox.waiting, self._outbox.lost = old.waiting, old.lost
            self._begin_anew()
            return False
        if self._outbox.taken != before:
            self._append({"taken": self._outbox.taken})
        if self._length > LONGEST_LOG and not self._outbox.waiting:
            self._begin_anew()
        return True

    def mend(self) -> None:
        """Tries again to write a log that could not be written; for now and then, all of it is written."""
        if self._descriptor < 0 and self._lock >= 0:
            self._begin_anew()

    def syncing(self) -> Callable[[], bool]:
        """What makes everything so far last through a power failure, and says whether it does; for a thread, as it may
        take tens of milliseconds. The log may begin anew meanwhile."""
        try:
            descriptor = os.dup(self._descriptor) if self._descriptor >= 0 else -1
        except OSError:
            descriptor = -1

        def sync() -> bool:
            if descriptor < 0:
                return False
            try:
                os.fsync(descriptor)
                sync_folder(self._path.parent)
            except OSError:
                return False
            finally:
                os.close(descriptor)
            return True

        return sync

    def sync(self) -> None:
        """As `syncing`, at once."""
        self.synced(self.syncing()())

    def synced(self, well: bool) -> None:
        """What `syncing` said."""
        if not well and self._descriptor >= 0:
            self._failed("it cannot be made to last")

    def close(self) -> None:
        self._close_log()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- the log ---

    def _locked(self) -> int:
        """A second process in the same folder, started by mistake, must not take the log away from the first."""
        lock = -1
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if lock >= 0:
                os.close(lock)
            self._failed("another process uses it" if isinstance(error, BlockingIOError) else error.strerror)
            return -1
        return lock

    def _close_log(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _load(self) -> None:
        """As far as the log can be read: a line that a crash has cut off, and what follows it, was never sent."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except OSError:
            lines = []
        try:
            head = json.loads(lines[0])
            instance, mark = str(head["instance"]), str(head["mark"])
            outbox = Outbox(int(head["taken"]), int(head["offered"]), self._most)
        except (IndexError, ValueError, KeyError, TypeError):
            return
        _replay(outbox, lines[1:])
        if outbox.offered - outbox.taken > max(len(outbox.waiting), BATCH):
            return
        while len(outbox.waiting) < outbox.offered - outbox.taken:
            outbox.waiting.append(Waiting(LOST, 0.0, {"count": 1}))  # their numbers may be taken: no hole, no repeat
        if mark == self._mark:
            self.instance, self._outbox = instance, outbox
        elif outbox.waiting:
            self._complain(
                f"{self._path.name} held {len(outbox.waiting)} reports of another outpost; they are dropped."
            )

    def _begin_anew(self) -> None:
        outbox = self._outbox
        head = {"instance": self.instance, "mark": self._mark, "taken": outbox.taken, "offered": outbox.offered}
        content = b"".join(map(_line, [head, *map(_report, outbox.waiting)]))
        draft = self._path.with_name(self._path.name + ".new")
        if self._lock < 0:
            return
        self._close_log()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            _write_all(self._descriptor, content)
            if outbox.waiting:
                os.fsync(self._descriptor)
            draft.replace(self._path)
            self._length = len(content)
        except OSError as error:
            self._failed(error.strerror)

    def _append(self, value: dict[str, Any]) -> None:
        if self._descriptor < 0:
            return
        line = _line(value)
        try:
            _write_all(self._descriptor, line)
            self._length += len(line)
        except OSError as error:
            self._failed(error.strerror)

    def _failed(self, reason: str | None) -> None:
        """The log may end in half a line, so it is not added to; `mend` tries a new one."""
        self._close_log()
        if not self._complained:
            self._complained = True
            self._complain(f"{self._path.name} cannot be written ({reason}); a restart would lose reports.")


def _replay(outbox: Outbox, lines: Iterable[bytes]) -> None:
    for line in lines:
        try:
            value = json.loads(line)
            if "offered" in value:
                outbox.offered = max(outbox.offered, int(value["offered"]))
            elif "taken" in value:
                outbox.take(int(value["taken"]))
            else:
                outbox.waiting.append(Waiting(str(value["kind"]), float(value["time"]), dict(value["body"])))
        except (ValueError, KeyError, TypeError):
            return


def _report(report: Waiting) -> dict[str, Any]:
    return {"kind": report.kind, "time": report.time, "body": report.body}


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
