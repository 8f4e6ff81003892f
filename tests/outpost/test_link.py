"""The outpost's end of the link: publishes what comes, comes back after every end, starts anew after a gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory, Touched
from outpost.link import RETRY_FIRST, RETRY_MOST, Link
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
    Put,
    SnapshotChunk,
    UserRecord,
)
from tests.fakes import run

ALICE = UserRecord(1, "u1", "uid", "alice", "", "", "internal", True, 1, 1)
CHUNK = SnapshotChunk(5, "store", "c5", 0, True, (ALICE,))
QUESTION = Authenticate("q1", 1, "alice", {"kind": "password", "password": "x"}, "ldap", "127.0.0.1")


class Wire:
    """A transport whose streams a test feeds and ends."""

    def __init__(self) -> None:
        self.hellos: list[Hello] = []
        self.receive: Callable[[bytes], None] = lambda _: None
        self.stream: Deferred[None] = Deferred()
        self.answer: Frame | Exception = Authenticated("q1", "bad_credentials", "wrong_password", 5)
        self.asked: list[Frame] = []

    def follow(self, hello: bytes, receive: Callable[[bytes], None]) -> Deferred[None]:
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

    def send(self, frame: Frame) -> None:
        """As a transport does it: what ``receive`` raises ends the stream."""
        try:
            self.receive(codec.encode(frame).rstrip(b"\n"))
        except RemoteProtocolError as error:
            self.stream.errback(error)


class Told:
    def __init__(self, directory: Directory) -> None:
        self.changes: list[Touched] = []
        directory.follow(lambda _, touched: self.changes.append(touched))


class Bench:
    def __init__(self) -> None:
        self.wire, self.clock, self.directory = Wire(), Clock(), Directory()
        self.faults: list[str] = []
        telemetry = Telemetry()
        telemetry.fault = self.faults.append  # type: ignore[method-assign, assignment]
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
    assert bench.wire.hellos[-1] == Hello("i", "h", "v", incarnation="store", revision=5, chain="c5")


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
    assert bench.wire.hellos[-1] == Hello("i", "h", "v")


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
