from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

from outpost.listeners.exchange import Exchange
from outpost.listeners.http import (
    BODY_TIMEOUT,
    HEAD_TIMEOUT,
    IDLE_TIMEOUT,
    LINGER_TIMEOUT,
    SEND_TIMEOUT,
    STREAM_TIMEOUT,
)
from outpost.listeners.limits import SWEEP_INTERVAL
from tests.deliveries import deliveries
from tests.outpost.listeners.http_connections import DATE, Listener, RecordingTelemetry, get

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/http1.json").read_text())
POST = b"POST / HTTP/1.1\r\nHost: own.example\r\nContent-Length: 3\r\n\r\n"


class Echo:
    """Answers with the target and the body when the request has ended."""

    body_limit = 1000

    def open(self, exchange: Exchange) -> Taker:
        return Taker(exchange)


class Taker:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.body = b""
        self.lost = 0

    def body_received(self, content: bytes) -> None:
        self.body += content

    def body_ended(self) -> None:
        self.exchange.respond(200, b"", self.exchange.request.target + b" " + self.body)

    def connection_lost(self) -> None:
        self.lost += 1

    def writing_paused(self) -> None:
        raise AssertionError

    def writing_resumed(self) -> None:
        raise AssertionError


class Later:
    """Keeps exchanges for the test to answer."""

    body_limit = 1000

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.takers: list[Quiet] = []

    def open(self, exchange: Exchange) -> Quiet:
        taker = Quiet(exchange)
        self.exchanges.append(exchange)
        self.takers.append(taker)
        return taker


class Quiet(Taker):
    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.paces: list[str] = []

    def body_ended(self) -> None:
        pass

    def writing_paused(self) -> None:
        self.paces.append("paused")

    def writing_resumed(self) -> None:
        self.paces.append("resumed")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    expected = [f"{one['target']} {one['body']}".encode("latin-1") for one in vector["requests"]]
    for delivery in deliveries(vector["sent"].encode("latin-1")):
        visitor = Listener(fallback=Echo()).connect()
        visitor.send(*delivery.pieces)
        head = any(one["method"] == "HEAD" for one in vector["requests"])
        answers = visitor.answers() if not head else []
        if not head:
            assert [answer.body for answer in answers if answer.status == 200] == expected, delivery.name
        refused = [answer.status for answer in answers if answer.status != 200]
        if delivery.trailing and not vector["closes"]:
            assert visitor.closed
            assert head or refused == [400], delivery.name
        else:
            assert visitor.closed == vector["closes"], delivery.name
            assert refused == ([] if vector["refused"] is None else [vector["refused"]]), delivery.name


def test_routes_by_path() -> None:
    class Named(Echo):
        def __init__(self, name: bytes) -> None:
            self.name = name

        def open(self, exchange: Exchange) -> None:  # type: ignore[override]
            exchange.respond(200, b"", self.name)

    listener = Listener([(b"/tree/", Named(b"tree")), (b"/leaf", Named(b"leaf"))], Named(b"rest"))
    for target, name in [
        ("/tree/", b"tree"),
        ("/tree/a?b", b"tree"),
        ("/tree", b"rest"),
        ("/leaf", b"leaf"),
        ("/leaf?x=/", b"leaf"),
        ("/leaf/", b"rest"),
        ("/leafy", b"rest"),
        ("//tree/", b"rest"),
        ("/?/tree/", b"rest"),
        ("*", b"rest"),
    ]:
        assert listener.connect().ask(get(target, method="OPTIONS")).body == name, target


def test_nothing_else_is_404() -> None:
    visitor = Listener().connect()
    answer = visitor.ask(get("/"))
    assert (answer.status, answer.headers["Date"]) == (404, DATE)
    assert not visitor.closed


def test_one_write_for_each_answer() -> None:
    visitor = Listener(fallback=Echo()).connect()
    visitor.send(get("/1") + get("/2"))
    assert len(visitor.wire.writes) == 2


def test_answers_leave_in_the_order_of_requests() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(get("/1") + get("/2"), get("/3"))
    assert [exchange.path for exchange in route.exchanges] == [b"/1"]
    assert not visitor.reads(), "nothing more is taken in while an answer is due"
    route.exchanges[0].respond(200, b"", b"1")
    assert [exchange.path for exchange in route.exchanges] == [b"/1", b"/2"]
    route.exchanges[1].respond(200, b"", b"2")
    route.exchanges[2].respond(200, b"", b"3")
    assert [answer.body for answer in visitor.answers()] == [b"1", b"2", b"3"]
    assert visitor.reads()


def test_a_finished_exchange_cannot_write_into_the_next_answer() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(get("/1") + get("/2"))
    first = route.exchanges[0]
    first.respond(200, b"", b"1")
    first.respond(200, b"", b"again")
    first.begin(200, b"", None, b"again", last=False)
    first.send(b"again", last=True)
    first.fail()
    first.inform_continue()
    assert first.gone
    assert [answer.body for answer in visitor.answers()] == [b"1"]


def test_a_client_that_left_is_told_to_the_route_once_and_gets_nothing() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(get("/"))
    visitor.leave()
    assert route.takers[0].lost == 1
    assert route.exchanges[0].gone
    route.exchanges[0].respond(200, b"", b"late")
    assert visitor.received == b""


def test_a_route_that_raises_answers_500_and_never_2xx() -> None:
    class Broken(Echo):
        def open(self, exchange: Exchange) -> Taker:
            raise RuntimeError("broken")

    telemetry = RecordingTelemetry()
    visitor = Listener(fallback=Broken(), telemetry=telemetry).connect()
    assert visitor.ask(get("/")).status == 500
    assert telemetry.faults == ["http route"]


def test_a_taker_that_raises_breaks_the_connection_off() -> None:
    class Broken(Taker):
        def body_ended(self) -> None:
            raise RuntimeError("broken")

    class Opens(Echo):
        def open(self, exchange: Exchange) -> Taker:
            return Broken(exchange)

    telemetry = RecordingTelemetry()
    visitor = Listener(fallback=Opens(), telemetry=telemetry).connect()
    visitor.send(get("/"))
    assert visitor.wire.disconnected or visitor.closed
    assert visitor.received == b""
    assert telemetry.faults == ["http"]


def test_a_failure_behind_a_begun_answer_breaks_off() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(get("/"))
    route.exchanges[0].begin(200, b"", 10, b"half", last=False)
    route.exchanges[0].fail()
    assert visitor.closed
    assert visitor.received.endswith(b"half")


def test_a_body_beyond_the_routes_limit() -> None:
    visitor = Listener(fallback=Echo()).connect()
    visitor.send(POST.replace(b"3", b"1001"))
    assert [answer.status for answer in visitor.answers()] == [413]
    assert visitor.wire.half_closed, "the client may still be sending: only our side is closed first"


def test_an_answer_before_the_body_does_not_wait_for_it() -> None:
    class Quick(Echo):
        def open(self, exchange: Exchange) -> None:  # type: ignore[override]
            exchange.respond(401, b"", b"no")

    listener = Listener(fallback=Quick())
    visitor = listener.connect()
    answer = visitor.ask(POST)
    assert (answer.status, answer.headers["Connection"]) == (401, "close")
    assert visitor.wire.half_closed
    visitor.send(b"abc" + get("/ignored"))
    assert len(visitor.answers()) == 1
    listener.pass_time(LINGER_TIMEOUT + 1)
    assert visitor.wire.disconnected


def test_reading_pauses_while_the_body_is_not_taken() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(POST)
    route.exchanges[0].pause_body()
    visitor.send(b"abc")
    assert not visitor.reads()
    assert route.takers[0].body == b""
    route.exchanges[0].resume_body()
    assert visitor.reads()
    assert route.takers[0].body == b"abc"


def test_streaming_tells_when_the_client_is_slow() -> None:
    route = Later()
    listener = Listener(fallback=route)
    visitor = listener.connect()
    visitor.send(get("/"))
    route.exchanges[0].begin(200, b"", None, b"a", last=False)
    assert visitor.watches()
    visitor.connection.pauseProducing()
    visitor.connection.resumeProducing()
    listener.pass_time(SEND_TIMEOUT + 1)
    assert not visitor.closed
    route.exchanges[0].send(b"b", last=True)
    assert route.takers[0].paces == ["paused", "resumed"]
    assert visitor.received.endswith(b"\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


def test_a_client_that_takes_nothing_is_cut() -> None:
    route = Later()
    listener = Listener(fallback=route)
    visitor = listener.connect()
    visitor.send(get("/"))
    route.exchanges[0].begin(200, b"", None, b"a", last=False)
    visitor.connection.pauseProducing()
    listener.pass_time(STREAM_TIMEOUT - 1)
    assert route.takers[0].lost == 0
    listener.pass_time(2)
    assert visitor.closed
    assert route.takers[0].lost == 1


def test_a_connection_that_switches_protocols_carries_octets() -> None:
    route = Later()
    visitor = Listener(fallback=route).connect()
    visitor.send(get("/", ("Connection", "Upgrade"), ("Upgrade", "websocket")) + b"\x81\x00")
    assert visitor.received == b""
    route.exchanges[0].switch(b"Upgrade: websocket\r\n")
    visitor.send(b"GET / HTTP/1.1\r\n\r\n")
    assert visitor.received == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    assert route.takers[0].body == b"\x81\x00GET / HTTP/1.1\r\n\r\n"
    route.exchanges[0].send(b"\x88\x00", last=False)
    route.exchanges[0].send(b"", last=True)
    assert visitor.received.endswith(b"\r\n\r\n\x88\x00")
    assert visitor.closed


def test_a_host_may_be_somebody_elses_before_any_path_is_ours() -> None:
    own, other = Later(), Later()
    listener = Listener([(b"/-/", own)], hosted=lambda exchange: other if exchange.request.host == b"other" else None)
    listener.connect().send(get("/-/health", host="other"))
    listener.connect().send(get("/-/health"))
    assert (len(own.exchanges), len(other.exchanges)) == (1, 1)


@pytest.mark.parametrize(
    ("sent", "patience"),
    [(b"", HEAD_TIMEOUT), (b"GET / HT", HEAD_TIMEOUT), (POST, BODY_TIMEOUT), (POST + b"abc", IDLE_TIMEOUT)],
    ids=["nothing", "half a head", "no body", "no second request"],
)
def test_patience_ends(sent: bytes, patience: float) -> None:
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    if sent:
        visitor.send(sent)
    listener.pass_time(patience - 1)
    assert not visitor.closed
    listener.pass_time(2)
    assert visitor.closed


def test_a_head_byte_by_byte_gets_no_more_time() -> None:
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    for byte in (b"GET / HTTP/1.1\r\nHost: own.example\r\nX: " + b"y" * 1000)[: int(HEAD_TIMEOUT) + 2]:
        if not visitor.closed:
            visitor.send(bytes([byte]))
        listener.pass_time(1)
    assert visitor.closed


def test_a_slow_body_gets_time_with_each_piece() -> None:
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    visitor.send(POST)
    for byte in (b"a", b"b"):
        listener.pass_time(BODY_TIMEOUT - 1)
        visitor.send(byte)
    listener.pass_time(BODY_TIMEOUT - 1)
    visitor.send(b"c")
    assert visitor.answers()[0].body == b"/ abc"


def test_a_route_that_thinks_has_all_the_time() -> None:
    route = Later()
    listener = Listener(fallback=route)
    visitor = listener.connect()
    visitor.send(get("/"))
    listener.pass_time(1000)
    assert not visitor.closed


def test_connections_are_bounded_in_all_and_from_one_address() -> None:
    telemetry = RecordingTelemetry()
    listener = Listener(telemetry=telemetry, fallback=Echo(), most_connections=3, most_of_host=2)
    first, second, third = (listener.connect("192.0.2.1") for _ in range(3))
    assert (first.closed, second.closed, third.closed) == (False, False, True)
    third.send(get("/"))
    assert third.received == b""
    assert not listener.connect("192.0.2.2").closed
    assert listener.connect("192.0.2.3").closed
    assert telemetry.discards["http", "too_many_connections"] == 2
    first.leave()
    assert listener.connect("192.0.2.3").ask(get("/")).status == 200


def test_a_proxy_brings_more_connections_than_one_host_may() -> None:
    listener = Listener(fallback=Echo(), most_connections=3, most_of_host=1, brings_others="192.0.2.1".__eq__)
    assert not any(listener.connect("192.0.2.1").closed for _ in range(3))
    assert listener.connect("192.0.2.1").closed


def test_a_closed_connection_is_freed_without_looking_for_cycles() -> None:
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    visitor.send(get("/"))
    reader = weakref.ref(visitor.connection.http._reader)
    visitor.leave()
    gc.disable()
    try:
        del visitor
        assert reader() is None
    finally:
        gc.enable()


def test_nothing_is_left_behind_by_connections_that_ended() -> None:
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    visitor.send(get("/"))
    visitor.leave()
    assert len(listener.factory.connections) == 0
    listener.clock.advance(SWEEP_INTERVAL)
    assert not listener.clock.getDelayedCalls()


def test_a_client_that_takes_no_answers_gets_no_further_ones_and_is_cut() -> None:
    """Or its pipelined requests, a few bytes each, would fill the memory with answers."""
    listener = Listener(fallback=Echo())
    visitor = listener.connect()
    visitor.connection.pauseProducing()
    visitor.send(get("/") * 5)
    assert visitor.received == b""
    assert not visitor.reads()
    visitor.connection.resumeProducing()
    assert visitor.received.count(b"HTTP/1.1 200") == 5
    assert visitor.reads()
    visitor.connection.pauseProducing()
    visitor.send(get("/"))
    listener.pass_time(SEND_TIMEOUT + 1)
    assert visitor.closed
    assert visitor.received.count(b"HTTP/1.1 200") == 5


def test_several_framings_are_refused() -> None:
    visitor = Listener(fallback=Echo()).connect()
    visitor.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert visitor.received.startswith(b"HTTP/1.1 400")


# --- on the way down ------------------------------------------------------------------------------------------------


def test_when_draining_an_answer_in_hand_is_finished_and_is_the_last() -> None:
    route = Later()
    listener = Listener(fallback=route)
    visitor, idle = listener.connect(), listener.connect()
    visitor.send(get("/1"))
    listener.factory.drain()
    assert [listener.factory.busy, visitor.closed, idle.closed] == [True, False, True]
    route.exchanges[0].respond(200, b"", b"1")
    assert [answer.body for answer in visitor.answers()] == [b"1"]
    assert [listener.factory.busy, visitor.closed] == [False, True]


def test_an_answer_without_end_is_not_waited_for() -> None:
    route = Later()
    listener = Listener(fallback=route)
    visitor = listener.connect()
    visitor.send(get("/1"))
    route.exchanges[0].begin(200, b"", None, b"part", last=False)
    listener.factory.drain()
    assert not listener.factory.busy
