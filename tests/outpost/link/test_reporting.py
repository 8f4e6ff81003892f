"""What is in the outbox reaches control: at once when it is there, every minute, soon after something new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import Use
from outpost.link.outbox import OutboxFile
from outpost.link.reporting import SOON_SECONDS, TALLY_SECONDS, Reporting
from outpost.telemetry import Telemetry
from protocols.link.messages import Report, Reports


class Control:
    """A link that a test opens and closes, with what control keeps behind it."""

    def __init__(self) -> None:
        self.instance = ""
        self.connected = False
        self.sent: list[Reports] = []
        self.kept: list[Report] = []
        self.taken: dict[str, int] = {}
        self.fails: list[Exception] = []
        self.answers_up_to: int | None = None
        self._tell: list[Callable[[], None]] = []

    def on_connected(self, tell: Callable[[], None]) -> None:
        self._tell.append(tell)

    def come(self) -> None:
        self.connected = True
        for tell in self._tell:
            tell()

    async def report(self, reports: Reports) -> int:
        self.sent.append(reports)
        if self.fails:
            raise self.fails.pop()
        for report in reports.reports:
            if report.number > self.taken.get(reports.instance, 0):
                self.kept.append(report)
                self.taken[reports.instance] = report.number
        return self.taken.get(reports.instance, 0) if self.answers_up_to is None else self.answers_up_to


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path / "outbox.jsonl"
        self.control, self.clock = Control(), Clock()
        self.directory = Directory()
        self.uses: Counter[Use] = Counter()
        self.notes: list[str] = []
        self.failures: list[str] = []
        self.ids = iter(("first", "second", "third"))
        self.outbox = OutboxFile(self.path, lambda: next(self.ids), "", self.notes.append)
        self.waiting: list[Deferred[bool]] | None = None
        telemetry = Telemetry()
        telemetry.noted = self.notes.append  # type: ignore[method-assign, assignment]
        telemetry.failed = lambda where, _: self.failures.append(where)  # type: ignore[method-assign, assignment]
        self.reporting = Reporting(
            self.outbox,
            self.control,
            self.directory,
            self.uses,
            self.clock,
            self.in_thread,
            self.clock.seconds,
            telemetry,
        )
        self.reporting.start()

    def in_thread(self, work: Callable[[], bool]) -> Deferred[bool]:
        well = work()
        if self.waiting is None:
            return succeed(well)
        done: Deferred[bool] = Deferred()
        self.waiting.append(done)
        return done

    def report(self, **body: Any) -> None:
        self.reporting.report("event", body)

    @property
    def kept(self) -> list[tuple[int, str, dict[str, Any]]]:
        return [(report.number, report.kind, report.body) for report in self.control.kept]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.outbox.close()


def test_the_link_speaks_in_the_name_under_which_reports_are_numbered(bench: Bench) -> None:
    assert bench.control.instance == bench.outbox.instance == "first"


def test_what_happened_while_control_was_away_is_sent_when_it_comes(bench: Bench) -> None:
    bench.report(n=1)
    bench.clock.advance(SOON_SECONDS)
    bench.report(n=2)
    assert bench.control.sent == []
    bench.control.come()
    assert bench.kept == [(1, "event", {"n": 1}), (2, "event", {"n": 2})]
    assert len(bench.outbox) == 0


def test_something_new_is_sent_soon_and_together(bench: Bench) -> None:
    bench.control.come()
    sent = len(bench.control.sent)
    bench.report(n=1)
    bench.report(n=2)
    assert len(bench.control.sent) == sent
    bench.clock.advance(SOON_SECONDS)
    assert len(bench.control.sent) == sent + 1
    assert [n for n, _, _ in bench.kept] == [1, 2]


def test_uses_of_remembered_credentials_are_counted_by_the_minute(bench: Bench) -> None:
    bench.control.come()
    bench.uses[Use(7, 1, away=False)] += 3
    bench.uses[Use(7, 1, away=True)] += 2
    bench.clock.advance(TALLY_SECONDS)
    assert bench.uses == {}
    assert [body for _, _, body in bench.kept] == [
        {"user": 1, "provider": 7, "away": False, "count": 3, "since": 0.0},
        {"user": 1, "provider": 7, "away": True, "count": 2, "since": 0.0},
    ]
    assert {report.time for report in bench.control.kept} == {TALLY_SECONDS}
    bench.uses[Use(7, 2, away=False)] += 1
    bench.clock.advance(TALLY_SECONDS)
    assert bench.kept[2] == (3, "logins", {"user": 2, "provider": 7, "away": False, "count": 1, "since": TALLY_SECONDS})


def test_a_revision_is_told_soon_after_it_is_in_force_and_once(bench: Bench) -> None:
    bench.control.come()
    for revision in (4, 5):
        bench.directory.publish(Snapshot(revision=revision), Touched())
    sent = len(bench.control.sent)
    bench.clock.advance(SOON_SECONDS)
    assert [(told.revision, told.reports) for told in bench.control.sent[sent:]] == [(5, ())]
    bench.clock.advance(TALLY_SECONDS)
    assert len(bench.control.sent) == sent + 1


def test_a_revision_that_came_while_one_was_being_told_is_told_too(bench: Bench) -> None:
    bench.control.come()
    bench.waiting = []
    bench.directory.publish(Snapshot(revision=4), Touched())
    bench.clock.advance(SOON_SECONDS)
    bench.directory.publish(Snapshot(revision=5), Touched())
    bench.clock.advance(SOON_SECONDS)
    waiting, bench.waiting = bench.waiting, None
    for done in waiting:
        done.callback(True)
    assert [told.revision for told in bench.control.sent[-2:]] == [4, 5]


def test_a_revision_of_the_time_without_control_is_told_when_it_comes(bench: Bench) -> None:
    bench.directory.publish(Snapshot(revision=4), Touched())
    bench.clock.advance(SOON_SECONDS)
    bench.control.come()
    assert bench.control.sent[-1].revision == 4


def test_a_quiet_minute_sends_nothing(bench: Bench) -> None:
    bench.control.come()
    sent = len(bench.control.sent)
    bench.clock.advance(TALLY_SECONDS)
    assert len(bench.control.sent) == sent


def test_an_answer_that_is_lost_leads_to_no_repeat(bench: Bench) -> None:
    bench.control.come()
    bench.report(n=1)
    taken = dict(bench.control.taken)
    bench.control.fails = [LinkAway("the answer was lost")]
    bench.clock.advance(SOON_SECONDS)
    assert bench.control.sent[-1].reports[0].number == 1
    bench.control.taken = {**taken, "first": 1}
    bench.control.come()
    assert bench.kept == []
    assert len(bench.outbox) == 0


def test_what_fails_is_tried_again_within_the_minute(bench: Bench) -> None:
    bench.control.come()
    bench.control.fails = [LinkAway("away")]
    bench.report(n=1)
    bench.clock.advance(SOON_SECONDS)
    assert bench.kept == []
    bench.clock.advance(TALLY_SECONDS)
    assert bench.kept == [(1, "event", {"n": 1})]
    assert bench.failures == []


def test_a_fault_is_told_and_does_not_end_it(bench: Bench) -> None:
    bench.control.come()
    bench.control.fails = [RuntimeError("bug")]
    bench.report(n=1)
    bench.clock.advance(SOON_SECONDS)
    assert bench.failures == ["reporting"]
    bench.clock.advance(TALLY_SECONDS)
    assert bench.kept == [(1, "event", {"n": 1})]


def test_one_batch_at_a_time_and_only_after_the_disk_has_it(bench: Bench) -> None:
    bench.control.come()
    bench.waiting = []
    bench.report(n=1)
    bench.clock.advance(SOON_SECONDS)
    sent = len(bench.control.sent)
    bench.report(n=2)
    bench.clock.advance(TALLY_SECONDS)
    assert len(bench.waiting) == 1
    assert len(bench.control.sent) == sent
    waiting, bench.waiting = bench.waiting, None
    waiting[0].callback(True)
    assert [n for n, _, _ in bench.kept] == [1, 2]


def test_many_reports_go_in_batches(bench: Bench) -> None:
    for n in range(1200):
        bench.report(n=n)
    bench.control.come()
    assert [body["n"] for _, _, body in bench.kept] == list(range(1200))
    assert [len(reports.reports) for reports in bench.control.sent] == [0, 500, 500, 200]


def test_an_older_copy_of_the_data_folder_goes_on_under_a_new_id(bench: Bench) -> None:
    bench.control.taken["first"] = 40
    bench.report(n=1)
    bench.control.come()
    assert bench.control.instance == bench.outbox.instance == "second"
    assert bench.control.taken == {"first": 40, "second": 1}
    assert bench.kept == [(1, "event", {"n": 1})]
    assert len(bench.notes) == 1


@pytest.mark.parametrize("number", [0, 10**9], ids=["keeps nothing", "claims everything"])
def test_a_control_that_counts_wrong_is_not_asked_without_end(bench: Bench, number: int) -> None:
    bench.control.come()
    bench.control.answers_up_to = number
    bench.report(n=1)
    bench.clock.advance(SOON_SECONDS)
    assert len(bench.control.sent) == 2
    assert len(bench.outbox) == 1


def test_the_stop_counts_what_was_not_counted_and_keeps_it(bench: Bench) -> None:
    bench.uses[Use(7, 1, away=True)] += 1
    bench.report(n=1)
    bench.reporting.stop()
    assert bench.clock.getDelayedCalls() == []
    again = OutboxFile(bench.path, lambda: "new", "", bench.notes.append)
    assert [report.kind for report in again.offer()] == ["event", "logins"]
    assert again.instance == "first"
    again.close()


def kept(bench: Bench, number: int) -> list[bool]:
    """What is said about a report that has to be kept, as soon as it is."""
    said: list[bool] = []
    Deferred.fromCoroutine(bench.reporting.keep("accounting", {"n": number})).addCallback(said.append)
    return said


def test_what_has_to_be_kept_is_in_the_log_before_it_says_so(bench: Bench) -> None:
    bench.waiting = []
    first = kept(bench, 1)
    second, third = kept(bench, 2), kept(bench, 3)
    assert first == second == []
    bench.waiting.pop(0).callback(True)
    assert (first, second) == ([True], [])
    bench.waiting.pop(0).callback(True)  # those that came meanwhile, together
    assert second == third == [True]
    assert bench.waiting == []
    assert bench.path.read_text().count('"accounting"') == 3


def test_what_would_not_outlast_a_power_failure_is_not_kept(bench: Bench) -> None:
    bench.waiting = []
    said = kept(bench, 1)
    bench.waiting.pop().callback(False)
    assert said == [False]
    assert any("cannot be written" in note for note in bench.notes)


def test_a_thread_that_fails_keeps_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.outbox, "syncing", lambda: 1 / 0)
    assert kept(bench, 1) == [False]


def test_a_crowded_outbox_takes_nothing_that_somebody_else_keeps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.outbox, "_most", 4)
    assert [kept(bench, number) for number in range(4)] == [[True], [True], [True], [False]]
    assert len(bench.outbox) == 3
