"""One poll of the reactor: who is read from, and what happens when that fails."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.tcp import Connection
from twisted.logger import capturedLogs

from outpost import reactor as lean
from outpost.listeners.direct import direct_end, direct_write
from outpost.reactor import LONGEST_HELD, LeanReactor
from outpost.up import LeanLoop, LoopReactor


class Selectable:
    """One end of a socket pair; ``peer`` is the other."""

    def __init__(self) -> None:
        self.own, self.peer = socket.socketpair()
        self.got: list[bytes] = []
        self.lost: list[BaseException] = []
        self.on_read: Any = lambda: None
        self.on_lost: Any = lambda: None

    def fileno(self) -> int:
        return self.own.fileno()

    def doRead(self) -> Any:
        self.got.append(self.own.recv(100))
        return self.on_read() if self.got[-1] else ConnectionDone()

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason.value)
        self.on_lost()

    def logPrefix(self) -> str:
        raise AssertionError("nobody needs the name")


@pytest.fixture
def reactor() -> Iterator[Any]:
    made: Any = LeanReactor()  # type: ignore[no-untyped-call]
    yield made
    made.removeAll()
    for internal in made._internalReaders:
        internal.connectionLost(None)
    made._poller.close()


@pytest.fixture
def selectables(reactor: Any) -> Iterator[list[Selectable]]:
    made = [Selectable(), Selectable()]
    for one in made:
        reactor.addReader(one)
    yield made
    for one in made:
        reactor.removeReader(one)
        one.own.close()
        one.peer.close()


def raising(error: BaseException) -> Any:
    def explode() -> None:
        raise error

    return explode


def test_waiting_does_not_go_by_the_time_of_day(reactor: Any) -> None:
    """Which an administrator may set, by hours."""
    loop = asyncio.new_event_loop()
    on_loop: Any = LoopReactor(loop)
    try:
        for one in (reactor, on_loop):
            before = monotonic()
            waiting = one.callLater(60, raising(AssertionError("nobody runs it")))
            assert before <= waiting.getTime() - 60 <= monotonic()
            waiting.cancel()
    finally:
        on_loop.removeAll()
        for internal in on_loop._internalReaders:
            internal.connectionLost(None)
        loop.close()


def test_on_a_loop_too_a_failing_read_ends_one_alone_and_nobody_needs_the_name() -> None:
    loop = LeanLoop()
    on_loop: Any = LoopReactor(loop)
    first, second = made = [Selectable(), Selectable()]
    failure = RuntimeError("a bug")
    first.on_read = raising(failure)
    try:
        for one in made:
            on_loop.addReader(one)
            one.peer.send(b"x")
        with capturedLogs():
            loop.run_until_complete(asyncio.sleep(0.01))
        assert ([one.got for one in made], first.lost, second.lost) == ([[b"x"]] * 2, [failure], [])
    finally:
        on_loop.removeAll()
        for internal in on_loop._internalReaders:
            internal.connectionLost(None)
        for one in made:
            one.own.close()
            one.peer.close()
        loop.close()


def test_whoever_is_ready_is_read_from(reactor: Any, selectables: list[Selectable]) -> None:
    first, second = selectables
    second.peer.send(b"here")
    reactor.doIteration(0)
    assert (first.got, second.got) == ([], [b"here"])


def test_a_failing_read_is_told_and_disconnects_it_alone(reactor: Any, selectables: list[Selectable]) -> None:
    first, second = selectables
    failure = RuntimeError("a bug")
    first.on_read = raising(failure)
    for one in selectables:
        one.peer.send(b"x")
    with capturedLogs() as events:
        reactor.doPoll(0)
    assert first.lost == [failure]
    assert second.got == [b"x"]
    assert not second.lost
    assert [event["failure"].value for event in events] == [failure]
    assert reactor.getReaders().count(first) == 0
    assert second in reactor.getReaders()


def test_a_failing_disconnection_is_told_and_the_others_go_on(reactor: Any, selectables: list[Selectable]) -> None:
    failure = RuntimeError("a bug in telling")
    for one in selectables:
        one.on_lost = raising(failure)
        one.peer.close()
    with capturedLogs() as events:
        reactor.doPoll(0)
    assert [type(one.lost[0]) for one in selectables] == [ConnectionDone, ConnectionDone]
    assert [event["failure"].value for event in events] == [failure, failure]


def test_an_interrupt_ends_the_poll(reactor: Any, selectables: list[Selectable]) -> None:
    selectables[0].on_lost = raising(KeyboardInterrupt())
    selectables[0].peer.close()
    with pytest.raises(KeyboardInterrupt):
        reactor.doPoll(0)


def test_what_another_has_closed_is_left_alone(reactor: Any, selectables: list[Selectable]) -> None:
    first, second = selectables
    first.on_read = lambda: reactor.removeReader(second)
    second.on_read = lambda: reactor.removeReader(first)
    for one in selectables:
        one.peer.send(b"x")
    reactor.doPoll(0)
    assert sorted([first.got, second.got]) == [[], [b"x"]]


class Poller:
    """Instead of epoll(7)."""

    def __init__(self, failure: OSError | None) -> None:
        self.failure = failure
        self.timeouts: list[float] = []

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        self.timeouts.append(timeout)
        if self.failure is not None:
            raise self.failure
        return []


def test_a_signal_ends_the_wait_and_other_errors_are_told(reactor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(reactor, "_poller", Poller(OSError(errno.EINTR, "a signal")))
        reactor.doPoll(1)
        patch.setattr(reactor, "_poller", Poller(OSError(errno.EBADF, "a bug")))
        with pytest.raises(OSError, match="a bug"):
            reactor.doPoll(1)


def test_without_a_timeout_it_waits_for_ever(reactor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        poller = Poller(None)
        patch.setattr(reactor, "_poller", poller)
        reactor.doPoll(None)
        reactor.doPoll(0.5)
        assert poller.timeouts == [-1, 0.5]


# --- what is written waits for the others --------------------------------------------------------------------------


class Conversation:
    """``heard`` is called with what comes."""

    def __init__(self, reactor: Any) -> None:
        self.own, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        self.lost: list[Any] = []
        self.heard: Any = lambda octets: None
        self.connection: Any = Connection(self.own, self, reactor)  # type: ignore[arg-type]
        self.connection.connected = True
        self.connection.startReading()
        self.write = direct_write(self.connection)

    def dataReceived(self, octets: bytes) -> None:
        self.heard(octets)

    def connectionLost(self, reason: Any) -> None:
        self.lost.append(reason)

    def got(self) -> bytes:
        try:
            return self.peer.recv(100)
        except BlockingIOError:
            return b""


@pytest.fixture
def three(reactor: Any) -> Iterator[list[Conversation]]:
    made = [Conversation(reactor) for _ in range(3)]
    yield made
    for one in made:
        one.connection.stopReading()
        one.own.close()
        one.peer.close()


def served(reactor: Any, those: list[Conversation]) -> list[list[bytes]]:
    """Each answers; what all had got by the end of each doing so."""
    seen: list[list[bytes]] = []

    def answer(one: Conversation, octets: bytes) -> None:
        one.write(octets)
        seen.append([other.got() for other in those])

    for one in those:
        one.heard = lambda octets, one=one: answer(one, octets)
        one.peer.send(b"x")
    reactor.doPoll(0)
    return seen


def test_one_alone_is_answered_at_once(reactor: Any, three: list[Conversation]) -> None:
    assert served(reactor, three[:1]) == [[b"x"]]


def test_several_are_answered_when_all_are_served(reactor: Any, three: list[Conversation]) -> None:
    assert served(reactor, three) == [[b""] * 3] * 3
    assert [one.got() for one in three] == [b"x"] * 3
    three[0].write(b"later")
    assert three[0].got() == b"later"


def test_nobody_waits_long_for_the_others(
    reactor: Any, three: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, LONGEST_HELD / 2, LONGEST_HELD, LONGEST_HELD * 1.5])
    monkeypatch.setattr(lean, "monotonic", lambda: next(now))
    seen = served(reactor, three)
    assert seen[:2] == [[b""] * 3] * 2
    assert sorted(seen[2]) == [b"", b"x", b"x"]
    assert sorted(one.got() for one in three) == [b"", b"", b"x"]


def test_what_was_said_keeps_its_order(reactor: Any, three: list[Conversation]) -> None:
    first, second, third = three

    def both(octets: bytes) -> None:
        second.write(octets)
        second.write(octets.upper())

    first.heard, third.heard = both, both
    first.peer.send(b"a")
    third.peer.send(b"a")
    reactor.doPoll(0)
    assert second.got() == b"aAaA"


def test_whoever_goes_still_gets_what_others_said(reactor: Any, three: list[Conversation]) -> None:
    """Their answer is held when their end is noticed."""
    first, second, _ = three
    first.heard = second.write
    first.peer.send(b"news")
    second.peer.shutdown(socket.SHUT_WR)
    reactor.doPoll(0)
    assert second.lost
    assert second.got() == b"news"


def test_whoever_is_written_to_gets_what_was_said_before_they_are_closed(
    reactor: Any, three: list[Conversation]
) -> None:
    first, second, _ = three
    first.heard = second.write
    second.heard = lambda octets: second.connection.loseConnection()
    first.peer.send(b"news")
    second.connection.startWriting()
    second.peer.send(b"x")
    reactor.doPoll(0)
    assert second.lost
    assert second.got() == b"news"


def test_whoever_is_told_to_go_hears_first_what_was_said(reactor: Any, three: list[Conversation]) -> None:
    first, second, _ = three

    def farewell(octets: bytes) -> None:
        second.write(b"answer")
        direct_end(second.connection)
        assert not second.lost

    second.heard = farewell
    first.peer.send(b"x")
    second.peer.send(b"x")
    reactor.doPoll(0)
    assert second.lost
    assert second.got() == b"answer"
    assert second.peer.recv(100) == b""


def test_a_write_that_fails_is_told_and_the_others_are_written(reactor: Any, three: list[Conversation]) -> None:
    failure = RuntimeError("a bug in writing")
    three[0].heard = lambda octets: reactor.held.append((raising_on_octets(failure), octets))
    three[1].heard = three[1].write
    for one in three[:2]:
        one.peer.send(b"x")
    with capturedLogs() as events:
        reactor.doPoll(0)
    assert [event["failure"].value for event in events] == [failure]
    assert three[1].got() == b"x"


def raising_on_octets(error: BaseException) -> Any:
    def explode(octets: Any) -> None:
        raise error

    return explode
