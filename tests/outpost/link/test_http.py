"""The link over HTTP: the long stream, questions, several addresses, and who is believed to be control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed, ResponseNeverReceived
from twisted.web.http import PotentialDataLoss

from outpost.authentication import LinkAway, LinkRevoked
from outpost.link.http import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    MOST_SAID,
    SILENCE_SECONDS,
    HttpTransport,
    Refused,
    _Stream,
)
from outpost.link.trust import ControlPolicy, Trust
from protocols.errors import RemoteProtocolError
from protocols.link.codec import MAX_FRAME
from protocols.link.http import HELLO_HEADER, PATH

A, B = "http://a.example:9000", "http://b.example:9000"


def outcome(deferred: Deferred[Any]) -> Any:
    """What it fired with, result or exception; None while it has not."""
    found: list[Any] = []

    def see(result: Any) -> Any:
        found.append(result.value if isinstance(result, Failure) else result)
        return None if isinstance(result, Failure) else result

    deferred.addBoth(see)
    return found[0] if found else None


# --- the stream ---


class Streaming:
    def __init__(self) -> None:
        self.clock, self.transport = Clock(), StringTransport()
        self.lines: list[bytes] = []
        self.given_up: list[bytes] = []
        self.stream = _Stream(self.clock, self.receive)
        self.stream.makeConnection(self.transport)  # type: ignore[no-untyped-call]

    def receive(self, line: bytes) -> Deferred[None]:
        if line == b"bad":
            return fail(RemoteProtocolError("no frame"))
        self.lines.append(line)
        if line == b"long":
            self.taking: Deferred[None] = Deferred(lambda _: self.given_up.append(line))
            return self.taking
        return succeed(None)

    def end(self, reason: Exception) -> Any:
        self.stream.connectionLost(Failure(reason))
        return outcome(self.stream.ended)


def test_lines_come_whole_however_they_are_cut() -> None:
    streaming = Streaming()
    for part in (b"on", b"e\ntwo\nth", b"ree", b"\n"):
        streaming.stream.dataReceived(part)
    assert streaming.lines == [b"one", b"two", b"three"]


@pytest.mark.parametrize("reason", [ResponseDone(), PotentialDataLoss()])
def test_an_orderly_end_is_no_error(reason: Exception) -> None:
    streaming = Streaming()
    ended: list[object] = []
    streaming.stream.ended.addCallback(ended.append)
    streaming.stream.connectionLost(Failure(reason))
    assert ended == [None]
    assert streaming.clock.getDelayedCalls() == []


def test_a_broken_connection_is_control_away() -> None:
    streaming = Streaming()
    assert isinstance(streaming.end(ConnectionLost()), LinkAway)
    assert streaming.clock.getDelayedCalls() == []


def test_a_broken_answer_is_told_in_plain_words() -> None:
    away = Streaming().end(ResponseFailed([Failure(ConnectionLost("cable pulled"))]))
    assert "cable pulled" in str(away)
    assert "Failure" not in str(away)


def test_silence_is_control_away_even_if_the_connection_never_ends() -> None:
    """Over TLS, closing waits for the other side, which is not there."""
    streaming = Streaming()
    streaming.clock.advance(SILENCE_SECONDS - 1)
    streaming.stream.dataReceived(b"heartbeat\n")
    streaming.clock.advance(SILENCE_SECONDS - 1)
    assert outcome(streaming.stream.ended) is None
    streaming.clock.advance(1)
    assert streaming.transport.disconnecting
    streaming.stream.dataReceived(b"too late\n")
    assert streaming.lines == [b"heartbeat"]
    streaming.stream.connectionLost(Failure(ConnectionLost()))


def test_silence_is_said_in_words() -> None:
    streaming = Streaming()
    streaming.clock.advance(SILENCE_SECONDS)
    away = outcome(streaming.stream.ended)
    assert isinstance(away, LinkAway)
    assert "45 seconds" in str(away)


def test_what_is_no_frame_ends_the_stream_and_what_follows_is_not_read() -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"good\nbad\ngood\n")
    streaming.stream.dataReceived(b"good\n")
    assert streaming.transport.disconnecting
    assert streaming.lines == [b"good"]
    assert isinstance(streaming.end(ConnectionDone()), RemoteProtocolError)


def test_a_line_without_end_ends_the_stream() -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"x" * (MAX_FRAME + 1))
    assert streaming.transport.disconnecting
    assert isinstance(streaming.end(ConnectionDone()), RemoteProtocolError)


def test_whoever_stops_following_closes_the_connection() -> None:
    streaming = Streaming()
    streaming.stream.ended.addErrback(lambda _: None)
    streaming.stream.ended.cancel()
    assert streaming.transport.disconnecting


# --- requests, over a reactor in memory ---


class Wire:
    """An outpost's transport whose connections a test accepts, answers and ends, in order."""

    def __init__(self, *hosts: str) -> None:
        self.reactor = _Resolving()
        self.transport = HttpTransport(hosts or (A,), "token-1", self.reactor, ControlPolicy(Trust()))
        self.served = 0

    def ask(self, question: bytes = b"question\n") -> Deferred[bytes]:
        return Deferred.fromCoroutine(self.transport.ask(question))

    def follow(self, receive: Callable[[bytes], None] = lambda _: None) -> Deferred[None]:
        def taken(line: bytes) -> Deferred[None]:
            receive(line)
            return succeed(None)

        return Deferred.fromCoroutine(self.transport.follow(b'{"hello": 1}\n', taken))

    @property
    def tried(self) -> list[str]:
        return [client[0] for client in self.reactor.tcpClients]

    def accept(self) -> tuple[Any, StringTransport]:
        """The newest connection attempt succeeds."""
        factory = self.reactor.tcpClients[-1][2]
        protocol: Any = factory.buildProtocol(None)
        transport = StringTransport()
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        protocol.makeConnection(transport)
        return protocol, transport

    def refuse(self) -> None:
        client = self.reactor.tcpClients[-1]
        client[2].clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectError("refused")))


class _Resolving(MemoryReactorClock):
    """Names stand for themselves: addresses are not what these tests are about."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.nameResolver: Any = self

    def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> Any:
        from twisted.internet.address import IPv4Address

        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", name, 0))
        receiver.resolutionComplete()


def answer(protocol: Any, body: bytes, status: bytes = b"200 OK") -> None:
    protocol.dataReceived(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def settle(wire: Wire) -> Wire:
    """Short timers: an address is given up, a connection goes back to be used again."""
    wire.reactor.advance(0.5)
    return wire


def test_a_question_carries_the_token_and_brings_the_answer() -> None:
    wire = Wire()
    asked = wire.ask(b"question\n")
    protocol, transport = settle(wire).accept()
    sent = transport.value()
    assert sent.startswith(b"POST " + PATH.encode() + b" HTTP/1.1\r\n")
    assert b"Authorization: Bearer token-1\r\n" in sent
    assert sent.endswith(b"\r\n\r\nquestion\n")
    answer(protocol, b"answer\n")
    assert outcome(asked) == b"answer\n"


def test_controls_name_may_be_of_any_script() -> None:
    for begin in (Wire.ask, Wire.follow):
        wire = Wire("http://bücher.example:9000")
        begin(wire)
        _, transport = settle(wire).accept()
        assert b"Host: xn--bcher-kva.example:9000\r\n" in transport.value()
        assert wire.tried == ["xn--bcher-kva.example"]


def test_what_control_would_have_us_keep_is_not_kept() -> None:
    wire = Wire()
    wire.ask()
    protocol, transport = settle(wire).accept()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n1\n")
    settle(wire)
    transport.clear()
    wire.ask()
    assert b"ookie" not in transport.value()


def test_a_kept_connection_is_used_again() -> None:
    wire = Wire()
    wire.ask()
    protocol, transport = settle(wire).accept()
    answer(protocol, b"1\n")
    settle(wire)
    transport.clear()
    second = wire.ask(b"second\n")
    assert transport.value().endswith(b"second\n")
    answer(protocol, b"2\n")
    assert outcome(second) == b"2\n"
    assert len(wire.tried) == 1


def test_a_kept_connection_that_control_closed_is_no_reason_to_fail() -> None:
    """Control was started anew in between: the first login afterwards must not be told that it is away."""
    wire = Wire()
    wire.ask()
    protocol, _ = settle(wire).accept()
    answer(protocol, b"1\n")
    settle(wire)
    second = wire.ask()
    protocol.connectionLost(Failure(ConnectionDone()))
    assert outcome(second) is None
    fresh, _ = settle(wire).accept()
    answer(fresh, b"2\n")
    third = wire.ask()
    answer(fresh, b"3\n")
    assert outcome(third) is not None


def test_a_connection_that_dies_twice_is_control_away() -> None:
    wire = Wire()
    asked = wire.ask()
    for _ in range(2):
        protocol, _ = settle(wire).accept()
        protocol.connectionLost(Failure(ConnectionDone()))
    assert isinstance(outcome(asked), LinkAway)
    assert len(wire.tried) == 2


def test_the_hello_travels_in_a_header() -> None:
    wire = Wire()
    lines: list[bytes] = []
    following = wire.follow(lines.append)
    protocol, transport = settle(wire).accept()
    assert b"GET " + PATH.encode() in transport.value()
    assert HELLO_HEADER.encode() + b": %7B%22hello%22%3A%201%7D%0A\r\n" in transport.value()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nframe\n\r\n")
    assert lines == [b"frame"]
    wire.reactor.advance(SILENCE_SECONDS)
    assert isinstance(outcome(following), LinkAway)


def test_a_refusal_is_told_in_controls_words() -> None:
    wire = Wire()
    asked = wire.ask()
    protocol, _ = settle(wire).accept()
    answer(protocol, b"This token belongs to no outpost,\n or was revoked.\n", b"403 Forbidden")
    refused = outcome(asked)
    assert isinstance(refused, Refused)
    assert str(refused) == "control answered 403: This token belongs to no outpost, or was revoked."


def test_an_answer_without_end_is_not_read_on() -> None:
    """Whoever stands in control's place could fill our memory."""
    wire = Wire()
    asked = wire.ask()
    protocol, transport = settle(wire).accept()
    protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_FRAME + 2))
    part = b"x" * (MAX_FRAME // 4)
    for _ in range(4):
        protocol.dataReceived(part)
    assert not asked.called
    protocol.dataReceived(b"x")
    assert isinstance(outcome(asked), RemoteProtocolError)
    assert transport.disconnecting


def test_of_a_refusal_without_end_the_beginning_is_told() -> None:
    wire = Wire()
    asked = wire.ask()
    protocol, transport = settle(wire).accept()
    protocol.dataReceived(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 1000000\r\n\r\nNobody is home. \xff")
    assert not asked.called
    protocol.dataReceived(b"x" * MOST_SAID)
    assert str(outcome(asked)).startswith("control answered 502: Nobody is home. \ufffdxxx")
    assert transport.disconnecting


def test_revocation_is_controls_own_word() -> None:
    wire = Wire()
    asked = wire.ask()
    protocol, _ = settle(wire).accept()
    protocol.dataReceived(b"HTTP/1.1 403 Forbidden\r\nX-Outpost-Revoked: 1\r\nContent-Length: 8\r\n\r\nRevoked\n")
    assert isinstance(outcome(asked), LinkRevoked)


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Content Too Large"])
def test_what_is_wrong_with_the_question_is_not_absence(status: bytes) -> None:
    """Or one that nobody can answer would count as control being away, and what is known only by grace would do."""
    wire = Wire()
    asked = wire.ask()
    protocol, _ = settle(wire).accept()
    answer(protocol, b"no\n", status)
    assert isinstance(outcome(asked), RemoteProtocolError)


def test_a_redirect_is_not_followed() -> None:
    """The token would go to wherever it points."""
    wire = Wire()
    asked = wire.ask()
    protocol, _ = settle(wire).accept()
    protocol.dataReceived(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(outcome(asked), Refused)
    assert wire.tried == ["a.example"]


def test_the_next_address_is_tried_and_stays_the_first() -> None:
    wire = Wire(A, B)
    asked = wire.ask()
    settle(wire).refuse()
    protocol, _ = settle(wire).accept()
    answer(protocol, b"1\n")
    assert outcome(asked) == b"1\n"
    assert wire.tried == ["a.example", "b.example"]
    wire.follow().addErrback(lambda _: None)
    assert settle(wire).tried[2:] == ["b.example"]


def test_when_no_address_answers_control_is_away() -> None:
    wire = Wire(A, B)
    asked = wire.ask()
    settle(wire).refuse()
    settle(wire).refuse()
    away = outcome(asked)
    assert isinstance(away, LinkAway)
    assert str(away).startswith(B)


def test_questions_under_way_do_not_hide_an_address_from_one_another() -> None:
    """Each goes through all addresses, whatever the others find meanwhile."""
    wire = Wire(A, B)
    first, second = wire.ask(), wire.ask()
    settle(wire)
    for client, connector in list(zip(wire.reactor.tcpClients, wire.reactor.connectors, strict=True)):
        client[2].clientConnectionFailed(connector, Failure(ConnectError("refused")))
    settle(wire)
    assert wire.tried == ["a.example", "a.example", "b.example", "b.example"]
    first.addErrback(lambda _: None)
    second.addErrback(lambda _: None)


def test_no_address_is_control_away() -> None:
    transport = HttpTransport((), "t", MemoryReactorClock(), ControlPolicy(Trust()))
    assert isinstance(outcome(Deferred.fromCoroutine(transport.ask(b""))), LinkAway)


def test_a_machine_that_is_gone_holds_up_one_question_at_a_time() -> None:
    """It refuses nothing: without this, everyone would wait, and the known no less than the others."""
    wire = Wire()
    first = wire.ask()
    settle(wire).reactor.advance(CONNECT_SECONDS + 0.1)
    wire.refuse()
    assert isinstance(outcome(first), LinkAway)
    sounding, other = wire.ask(), wire.ask()
    settle(wire)
    assert outcome(sounding) is None
    assert isinstance(outcome(other), LinkAway)
    assert len(wire.tried) == 2
    protocol, _ = wire.accept()
    answer(protocol, b"back\n")
    assert outcome(sounding) == b"back\n"
    settle(wire)
    both = wire.ask(), wire.ask()
    settle(wire)
    assert [outcome(one) for one in both] == [None, None]


@pytest.mark.parametrize("started", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], ids=["head", "body"])
def test_an_answer_that_does_not_come_is_control_away(started: bytes) -> None:
    wire = Wire()
    asked = wire.ask()
    protocol, transport = settle(wire).accept()
    if started:
        protocol.dataReceived(started)
    wire.reactor.advance(ANSWER_SECONDS)
    if transport.disconnecting:
        protocol.connectionLost(Failure(ConnectionDone()))
    settle(wire)
    assert isinstance(outcome(asked), LinkAway)
    assert len(wire.tried) == 1


def test_what_a_person_can_act_on_is_shown() -> None:
    from outpost.link.http import plainly

    wrapped = ResponseNeverReceived([Failure(ResponseNeverReceived([Failure(ValueError("certificate expired"))]))])
    assert plainly(wrapped) == "certificate expired"
    assert plainly(ValueError()) == "ValueError"
    assert plainly(ResponseNeverReceived([Failure(CancelledError())])) == "no answer in time"


# --- a line that takes long ---


def test_nothing_is_read_while_a_line_is_taken_in() -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"one\nlong\nthree\n")
    assert streaming.lines == [b"one", b"long"]
    assert streaming.transport.producerState == "paused"
    streaming.stream.dataReceived(b"four\n")  # what was read already
    streaming.taking.callback(None)
    assert streaming.lines == [b"one", b"long", b"three", b"four"]
    assert streaming.transport.producerState == "producing"


def test_what_came_before_the_end_is_taken_in_first() -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"long\nlast\n")
    streaming.stream.connectionLost(Failure(ResponseDone()))
    ended: list[object] = []
    streaming.stream.ended.addCallback(ended.append)
    assert ended == []
    streaming.taking.callback(None)
    assert streaming.lines == [b"long", b"last"]
    assert ended == [None]
    assert streaming.clock.getDelayedCalls() == []


def test_a_line_that_proves_bad_late_ends_the_stream() -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"long\nnever\n")
    streaming.taking.errback(RemoteProtocolError("a gap"))
    assert isinstance(outcome(streaming.stream.ended), RemoteProtocolError)
    assert streaming.lines == [b"long"]
    assert streaming.transport.disconnecting


@pytest.mark.parametrize("silent", [True, False])
def test_whoever_gives_up_the_stream_gives_up_the_line(silent: bool) -> None:
    streaming = Streaming()
    streaming.stream.dataReceived(b"long\nnever\n")
    if silent:
        streaming.clock.advance(SILENCE_SECONDS)
    else:
        streaming.stream.ended.cancel()
    assert isinstance(outcome(streaming.stream.ended), LinkAway if silent else CancelledError)
    assert streaming.given_up == [b"long"]
    streaming.stream.connectionLost(Failure(ConnectionDone()))
    assert streaming.lines == [b"long"]
    assert streaming.clock.getDelayedCalls() == []
