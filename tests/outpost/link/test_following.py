"""The outpost's end of the link: publishes what comes, comes back after every end, starts anew after a gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from outpost.authentication import LinkAway, LinkRevoked
from outpost.directory.dismantling import dismantled
from outpost.directory.draft import RECORD_COST, SLICE_COST, Slices
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import CredentialCache
from outpost.link import following as link
from outpost.link.following import RETRY_FIRST, RETRY_MOST, Link, Receive
from outpost.outcome import Decision, Password
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    Delta,
    Frame,
    Heartbeat,
    Hello,
    LdapSettings,
    ProviderRecord,
    Put,
    Report,
    Reports,
    ReportsTaken,
    Reuse,
    SnapshotChunk,
    UserRecord,
)
from protocols.link.replica import Standing
from tests.fakes import FakeGarbageCollector, an_identity, run, take_turns, turn

ALICE = UserRecord(1, "u1", "uid", "alice", "", "", "internal", True, 1, 1)
CHUNK = SnapshotChunk(5, "store", "c5", 0, True, (ALICE,))
QUESTION = Authenticate("q1", 1, "alice", {"kind": "password", "password": "x"}, "ldap", "127.0.0.1")


class Wire:
    """A transport whose streams a test feeds and ends."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.hellos: list[Hello] = []
        self.receive: Receive = lambda _: Deferred()
        self.stream: Deferred[None] = Deferred()
        self.answer: Frame | Exception = Authenticated("q1", "bad_credentials", "wrong_password", 5)
        self.asked: list[Frame] = []

    def follow(self, hello: bytes, receive: Receive) -> Deferred[None]:
        frame = codec.decode(hello)
        assert isinstance(frame, Hello)
        self.hellos.append(frame)
        self.receive = receive
        self.stream = Deferred()
        return self.stream

    async def ask(self, question: bytes) -> bytes:
        self.asked.append(codec.decode(question))
        if isinstance(self.answer, Exception):
            raise self.answer
        return codec.encode(self.answer)

    def begin(self, frame: Frame) -> Deferred[None]:
        """As a transport does it: what ``receive`` fails with ends the stream."""
        taken = self.receive(codec.encode(frame).rstrip(b"\n"))
        return taken.addErrback(self.stream.errback)

    def send(self, frame: Frame) -> None:
        take_turns(self.begin(frame), self.clock)


class Told:
    def __init__(self, directory: Directory) -> None:
        self.changes: list[Touched] = []
        directory.follow(lambda _, touched: self.changes.append(touched))


class Bench:
    def __init__(self) -> None:
        self.clock, self.directory = Clock(), Directory()
        self.wire = Wire(self.clock)
        self.collector = FakeGarbageCollector()
        self.faults: list[str] = []
        telemetry = Telemetry()
        telemetry.fault = self.faults.append  # type: ignore[method-assign, assignment]
        self.notes: list[str] = []
        telemetry.noted = self.notes.append  # type: ignore[method-assign, assignment]
        self.link = Link(
            self.wire,
            self.directory,
            telemetry,
            self.clock,
            lambda: 0.5,
            instance="i",
            hostname="h",
            version="v",
            now=self.clock.seconds,
            collector=self.collector,
        )
        self.running = Deferred.fromCoroutine(self.link.run())

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def bench() -> Any:
    made = Bench()
    yield made
    made.running.addErrback(lambda _: None)
    made.running.cancel()


def is_loaded(bench: Bench) -> bool:
    return bool(bench.link.loaded.called)


def test_the_first_snapshot_loads_the_directory(bench: Bench) -> None:
    assert not is_loaded(bench)
    bench.wire.send(CHUNK)
    assert is_loaded(bench)
    assert bench.directory.current.users[1] == ALICE
    assert bench.directory.current.revision == 5


def test_a_change_is_published_at_once(bench: Bench) -> None:
    told = Told(bench.directory)
    bench.wire.send(CHUNK)
    bob = UserRecord(2, "u2", "uid", "bob", "", "", "internal", True, 2, 1)
    bench.wire.send(Delta(5, 6, "c6", (Put(bob),)))
    assert bench.directory.current.users[2] == bob
    assert told.changes[-1] == Touched(users=frozenset({2}))


def test_after_the_stream_ends_it_comes_back_and_says_where_it_stands(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    bench.wire.stream.callback(None)
    assert len(bench.wire.hellos) == 1
    bench.wait(RETRY_FIRST)
    assert bench.wire.hellos[-1] == Hello("i", "h", "v", 1, "store", 5, "c5", some_providers=True, pins=True)


def test_it_waits_longer_each_time_and_never_too_long(bench: Bench) -> None:
    waits = []
    for _ in range(10):
        bench.wire.stream.errback(LinkAway())
        (call,) = bench.clock.getDelayedCalls()
        waits.append(call.getTime() - bench.clock.seconds())
        bench.wait(waits[-1])
    assert waits == sorted(waits)
    assert waits[-1] == RETRY_MOST
    bench.wire.send(CHUNK)
    bench.wire.stream.callback(None)
    (call,) = bench.clock.getDelayedCalls()
    assert call.getTime() - bench.clock.seconds() == RETRY_FIRST


@pytest.mark.parametrize(
    "gap",
    [Delta(4, 6, "c6", ()), Heartbeat(9), QUESTION],
    ids=lambda frame: type(frame).__name__,
)
def test_a_gap_keeps_the_directory_and_asks_for_everything(bench: Bench, gap: Frame) -> None:
    bench.wire.send(CHUNK)
    bench.wire.send(gap)
    assert bench.faults == ["the link"]
    assert bench.directory.current.users[1] == ALICE
    bench.wait(RETRY_MOST)
    assert bench.wire.hellos[-1] == Hello("i", "h", "v", some_providers=True, pins=True)


@pytest.fixture
def later_news(bench: Bench) -> list[str]:
    told: list[str] = []
    bench.link.on_connected(lambda: told.append("connected"))
    return told


def test_it_says_whether_control_is_there_and_when_it_was_heard(bench: Bench, later_news: list[str]) -> None:
    assert (bench.link.connected, bench.link.last_heard) == (False, 0.0)
    bench.wait(3)
    bench.wire.send(CHUNK)
    bench.wait(1)
    bench.wire.send(Heartbeat(5))
    assert (bench.link.connected, bench.link.last_heard, later_news) == (True, 4.0, ["connected"])
    assert bench.link.losses == 0
    bench.wire.stream.errback(LinkAway("gone"))
    bench.wait(RETRY_FIRST)
    assert (bench.link.connected, bench.link.last_heard, bench.link.losses) == (False, 4.0, 1)
    bench.wire.send(Heartbeat(5))
    assert later_news == ["connected"] * 2


def test_absence_is_told_once_and_the_return_too(bench: Bench) -> None:
    for _ in range(3):
        bench.wire.stream.errback(LinkAway("no route"))
        bench.wait(RETRY_MOST * 2)
    assert len(bench.notes) == 1
    assert "no route" in bench.notes[0]
    bench.wire.send(CHUNK)
    assert bench.notes[1:] == ["Control is there again."]


def test_an_answer_shows_that_control_is_there(bench: Bench) -> None:
    """An outpost that has waited long does not wait on when logins go through again."""
    for _ in range(8):
        bench.wire.stream.errback(LinkAway())
        bench.wait(RETRY_MOST)
    bench.wire.stream.errback(LinkAway())
    before = len(bench.wire.hellos)
    run(bench.link.ask(QUESTION))
    assert len(bench.wire.hellos) == before + 1
    assert bench.clock.getDelayedCalls() == []


def test_it_ends_when_it_is_stopped(bench: Bench) -> None:
    """A transport says of a cancelled request that control is away; that is no reason to come back."""
    bench.link.stop()
    bench.wire.stream.errback(LinkAway())
    assert bench.running.called
    assert bench.clock.getDelayedCalls() == []
    assert bench.notes == []


def test_whatever_a_transport_raises_it_comes_back(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    bench.wire.stream.errback(RuntimeError("a database that went away"))
    assert bench.faults == ["the link"]
    bench.wait(RETRY_MOST)
    assert len(bench.wire.hellos) == 2


def test_only_whole_news_of_the_directory_count_as_heard(bench: Bench) -> None:
    waiting = Deferred.fromCoroutine(bench.link.heard_within(3.0))
    bench.link.resume([CHUNK], heard=1.0)
    bench.wire.send(replace(CHUNK, revision=6, last=False))
    assert not is_loaded(bench)
    bench.wait(3)
    assert waiting.result is False
    bench.wire.send(replace(CHUNK, revision=6, index=1))
    assert is_loaded(bench)


def test_it_resumes_from_what_was_kept(bench: Bench) -> None:
    bench.link.resume([replace(CHUNK, last=False), replace(CHUNK, index=1, records=())], heard=1.5)
    assert bench.directory.current.users[1] == ALICE
    assert bench.link.last_heard == 1.5
    assert not is_loaded(bench)
    bench.wire.stream.errback(LinkAway())
    bench.wait(RETRY_MOST)
    assert bench.wire.hellos[-1] == Hello("i", "h", "v", 1, "store", 5, "c5", some_providers=True, pins=True)
    waiting = Deferred.fromCoroutine(bench.link.heard_within(3.0))
    bench.wire.send(Delta(5, 6, "c6", ()))
    assert waiting.result is True
    assert bench.directory.current.revision == 6


def test_half_a_kept_snapshot_is_none(bench: Bench) -> None:
    with pytest.raises(RemoteProtocolError):
        bench.link.resume([replace(CHUNK, last=False)], heard=1.5)
    assert not bench.directory.loaded
    assert bench.link.standing == Standing("", 0, "")


def test_a_restored_older_store_replaces_the_directory_and_empties_the_caches(bench: Bench) -> None:
    """Its revisions and credential versions count again from where they were: the same numbers mean other things."""
    provider = ProviderRecord(7, "dir", "ldap", "app", "App", "a1", "any", LdapSettings())
    cache = CredentialCache(b"k" * 32, bench.directory, bench.clock.seconds)
    bench.link.resume([replace(CHUNK, records=(ALICE, provider))], heard=1.0)
    cache.learn(Password("alice", "x"), 7, "p", Decision("accepted", an_identity("alice"), "q"), Reuse(600), 5)
    assert cache.known(Password("alice", "x"), 7, "p") is not None
    bench.wire.send(SnapshotChunk(4, "store", "another c4", 0, True, (replace(ALICE, username="ally"), provider)))
    assert bench.directory.current.revision == 4
    assert bench.directory.current.users[1].username == "ally"
    assert cache.known(Password("alice", "x"), 7, "p") is None
    assert cache.in_grace(Password("alice", "x"), 7, "p") is None
    assert bench.link.standing == Standing("store", 4, "another c4")


def test_reports_are_carried_and_their_number_comes_back(bench: Bench) -> None:
    bench.wire.answer = ReportsTaken(3)
    reports = Reports("i", (Report(3, "logins", 1.0, {}),))
    assert run(bench.link.report(reports)) == 3
    assert bench.wire.asked == [reports]
    bench.wire.answer = Heartbeat(5)
    with pytest.raises(RemoteProtocolError):
        run(bench.link.report(reports))


def test_a_question_is_answered(bench: Bench) -> None:
    assert run(bench.link.ask(QUESTION)) == bench.wire.answer
    assert bench.wire.asked == [QUESTION]


@pytest.mark.parametrize(
    ("answer", "error"), [(LinkAway(), LinkAway), (Heartbeat(5), RemoteProtocolError)], ids=["away", "no answer"]
)
def test_what_is_no_answer_is_not_taken_for_one(bench: Bench, answer: Any, error: type[Exception]) -> None:
    bench.wire.answer = answer
    with pytest.raises(error):
        run(bench.link.ask(QUESTION))


def test_a_revoked_outpost_forgets_everything_and_says_so_once(bench: Bench) -> None:
    told = Told(bench.directory)
    revoked: list[str] = []
    bench.link.on_revoked(lambda: revoked.append("told"))
    bench.wire.send(CHUNK)
    bench.wire.stream.errback(LinkRevoked())
    bench.wait(RETRY_MOST)
    bench.wire.stream.errback(LinkRevoked())
    assert not bench.directory.current.users
    assert told.changes[-1] == Touched(everything=True)
    assert revoked == ["told"]
    assert bench.wire.hellos[-1].revision == 0


def test_an_answer_that_it_is_revoked_counts_at_once(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    bench.wire.answer = LinkRevoked()
    with pytest.raises(LinkRevoked):
        run(bench.link.ask(QUESTION))
    assert not bench.directory.current.users


# --- in slices -----------------------------------------------------------------------------------------------------

MANY = tuple(replace(ALICE, pk=pk, uuid=f"u{pk}", username=f"user{pk}", ordinal=pk) for pk in range(1, 1001))
LARGE = SnapshotChunk(6, "store", "c6", 0, False, MANY)
REST = SnapshotChunk(6, "store", "c6", 1, True, (replace(ALICE, pk=2000, uuid="u2000", ordinal=2000),))


def test_a_large_snapshot_takes_many_turns_and_is_published_once(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    told = Told(bench.directory)
    taken = bench.wire.begin(LARGE)
    turns = 0
    while not taken.called:
        assert dict(bench.directory.current.users) == {1: ALICE}
        turn(bench.clock)
        turns += 1
    assert turns >= len(MANY) * RECORD_COST // SLICE_COST
    bench.wire.send(REST)
    assert len(bench.directory.current.users) == 1001
    assert told.changes[1:] == [Touched(everything=True)]


def test_a_search_that_began_before_ends_on_what_it_began_with(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    before = bench.directory.current
    bench.wire.send(LARGE)
    bench.wire.send(REST)
    assert dict(before.users) == {1: ALICE}
    assert before.indices.users.equal("uid", "user7") == frozenset()


def test_a_large_change_takes_many_turns_and_is_published_once(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    told = Told(bench.directory)
    taken = bench.wire.begin(Delta(5, 6, "c6", tuple(Put(user) for user in MANY)))
    turns = 0
    while not taken.called:
        assert bench.directory.current.revision == 5
        turn(bench.clock)
        turns += 1
    assert turns > 5
    assert bench.directory.current.revision == 6
    assert len(told.changes) == 2


def test_a_small_change_needs_no_turn(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    assert bench.wire.begin(Delta(5, 6, "c6", (Put(MANY[2]),))).called
    assert bench.directory.current.revision == 6


@pytest.mark.parametrize(
    "bad", [replace(REST, chain="another"), replace(REST, index=2), Delta(5, 7, "c7", ()), Heartbeat(5), QUESTION]
)
def test_what_goes_wrong_midway_publishes_nothing_and_everything_is_asked_for_again(bench: Bench, bad: Frame) -> None:
    bench.wire.send(CHUNK)
    told = Told(bench.directory)
    bench.wire.send(LARGE)
    if isinstance(bad, Heartbeat):  # says nothing while a snapshot is under way; the stream may still end
        bench.wire.send(bad)
        bench.wire.stream.errback(LinkAway("cut"))
    else:
        bench.wire.send(bad)
    assert dict(bench.directory.current.users) == {1: ALICE}
    bench.wait(RETRY_MOST)
    bench.wire.send(replace(REST, index=0))
    assert set(bench.directory.current.users) == {2000}
    assert len(told.changes) == 2


def test_a_stream_that_ends_between_slices_leaves_nothing_behind(bench: Bench) -> None:
    bench.wire.send(CHUNK)
    taken = bench.wire.receive(codec.encode(LARGE))
    taken.addErrback(lambda failure: failure.trap(CancelledError))
    turn(bench.clock)
    bench.wire.stream.errback(LinkAway("cut"))
    taken.cancel()
    bench.wait(RETRY_MOST)
    assert len(bench.wire.hellos) == 2
    assert dict(bench.directory.current.users) == {1: ALICE}
    assert bench.collector.done[-1] == "resume"


def test_a_revocation_between_slices_is_not_undone(bench: Bench) -> None:
    """The question's answer says so while the last of a snapshot is taken in."""
    bench.wire.send(CHUNK)
    bench.wire.send(LARGE)
    taken = bench.wire.begin(REST)
    bench.wire.answer = LinkRevoked("revoked")
    with pytest.raises(LinkRevoked):
        run(bench.link.ask(QUESTION))
    take_turns(taken, bench.clock)
    assert not bench.directory.current.users
    assert bench.link.standing == Standing("", 0, "")


@pytest.mark.parametrize("loaded", [True, False])
def test_after_a_revocation_the_parts_that_still_come_are_not_taken_for_a_snapshot(bench: Bench, loaded: bool) -> None:
    if loaded:
        bench.wire.send(CHUNK)
    bench.wire.send(LARGE)
    bench.wire.answer = LinkRevoked("revoked")
    with pytest.raises(LinkRevoked):
        run(bench.link.ask(QUESTION))
    bench.wire.send(REST)
    assert not bench.directory.current.users


def test_a_snapshot_unlike_the_one_before_is_freed_in_turns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "FREED_AT_ONCE", 500)
    freed: list[int] = []
    real = dismantled

    def seen(snapshot: Snapshot) -> Slices[None]:
        freed.append(len(snapshot.users))
        return real(snapshot)

    monkeypatch.setattr(link, "dismantled", seen)
    bench.wire.send(replace(LARGE, last=True))
    bench.wire.send(replace(LARGE, last=True, revision=7, chain="c7", records=MANY[:900]))
    assert freed == [0]
    other = tuple(replace(user, name="Another") for user in MANY)
    bench.wire.send(replace(LARGE, last=True, revision=8, chain="c8", records=other))
    assert freed == [0, 900]


def test_the_collector_rests_during_a_load_and_looks_at_nothing_of_it_after(bench: Bench) -> None:
    bench.wire.send(LARGE)
    assert bench.collector.done == ["postpone"]
    bench.wire.send(REST)
    assert bench.collector.done == ["postpone", "settle", "resume"]
    bench.wire.send(Delta(6, 7, "c7", (Put(ALICE), Put(MANY[1]))))
    assert bench.collector.done[-1] == "grown 1"
