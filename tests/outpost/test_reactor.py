"""One poll of the reactor: who is read from, and what happens when that fails."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.logger import capturedLogs

from outpost.reactor import LeanReactor


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
