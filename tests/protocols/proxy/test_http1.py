from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.proxy.http1 import (
    MAX_HELD_BYTES,
    NEED_DATA,
    PAUSED,
    REQUEST_ENDED,
    BodyReceived,
    Connection,
    RequestReceived,
    field_lines,
)
from protocols.proxy.http1_plain import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES
from protocols.proxy.http1_requests import MAX_CHUNK_OVERHEAD, MAX_RAW_HEAD_BYTES
from tests.deliveries import deliveries

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/http1.json").read_text())
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


@dataclass
class Visit:
    requests: list[dict[str, Any]] = field(default_factory=list)
    refused: int | None = None
    closes: bool = False


def text(content: bytes) -> str:
    return content.decode("latin-1")


def serve(pieces: tuple[bytes, ...]) -> Visit:
    """Answers each request when it has ended, and tells what came."""
    connection, visit = Connection(), Visit()
    for piece in pieces:
        connection.receive_data(piece)
        try:
            drain(connection, visit)
        except RemoteProtocolError as error:
            visit.refused = int(error.answer.split()[1])
        visit.closes = connection.must_close
        if visit.closes:
            break
    return visit


def drain(connection: Connection, visit: Visit) -> None:
    while True:
        event = connection.next_event()
        if event is NEED_DATA or event is PAUSED:
            return
        if isinstance(event, RequestReceived):
            visit.requests.append(
                {
                    "method": text(event.method),
                    "target": text(event.target),
                    "version": event.version,
                    "headers": [[text(name), text(value)] for name, value in event.headers],
                    "body": "",
                    "keep_alive": event.keep_alive,
                }
            )
        elif isinstance(event, BodyReceived):
            visit.requests[-1]["body"] += text(event.content)
        elif event is REQUEST_ENDED:
            connection.respond(200, b"")


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    for delivery in deliveries(vector["sent"].encode("latin-1")):
        visit = serve(delivery.pieces)
        whole = [one for one in visit.requests if vector["refused"] is None or one in vector["requests"]]
        assert whole == vector["requests"], delivery.name
        if delivery.trailing and not vector["closes"]:
            assert (visit.refused, visit.closes) == (400, True), delivery.name
        else:
            assert (visit.refused, visit.closes) == (vector["refused"], vector["closes"]), delivery.name


def received(connection: Connection, data: bytes) -> RequestReceived:
    connection.receive_data(data)
    event = connection.next_event()
    assert isinstance(event, RequestReceived)
    return event


def test_pipelined_requests_wait_for_the_answer() -> None:
    connection = Connection()
    assert received(connection, GET + GET.replace(b"/ ", b"/2 ")).target == b"/"
    assert connection.next_event() is REQUEST_ENDED
    assert connection.next_event() is PAUSED
    assert connection.holds_more
    connection.receive_data(GET.replace(b"/ ", b"/3 "))
    connection.respond(200, b"")
    second = connection.next_event()
    assert isinstance(second, RequestReceived)
    assert second.target == b"/2"
    connection.respond(200, b"")
    third = connection.next_event()
    assert isinstance(third, RequestReceived)
    assert third.target == b"/3"
    assert not connection.holds_more


def test_an_upgrade_is_answered_as_whatever_else() -> None:
    """Who does not ask for a switch has none: the answer has the status that it was given."""
    connection = Connection()
    asked = GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert received(connection, asked).upgrade == b"websocket"
    assert connection.respond(200, b"").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_request_is_there_before_its_body() -> None:
    connection = Connection()
    assert received(connection, POST).body_length == 3
    assert connection.next_event() is NEED_DATA
    assert connection.respond(200, b"").startswith(b"HTTP/1.1 200 OK\r\n")
    assert connection.must_close


def test_reading_on_while_paused_is_our_mistake() -> None:
    connection = Connection()
    received(connection, GET)
    connection.receive_data(bytes(MAX_HELD_BYTES))
    with pytest.raises(LocalProtocolError):
        connection.receive_data(b"x")


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (GET.replace(b"GET", b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        (GET.replace(b"1.1", b"1.0"), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
        (
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        ),
        (POST + b"abc", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (POST, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
    ],
    ids=["GET", "HEAD", "1.0", "1.0 kept alive", "unread body that has come", "body that has not come"],
)
def test_whole_answers(request_bytes: bytes, answer: bytes) -> None:
    connection = Connection()
    received(connection, request_bytes)
    assert connection.respond(200, b"", b"ok") == answer
    assert connection.must_close == (b"close" in answer)
    if not connection.must_close:
        assert received(connection, GET).target == b"/"


def test_no_body_and_no_length_with_204_and_304() -> None:
    for status in (204, 304):
        connection = Connection()
        received(connection, GET)
        assert connection.respond(status, b"", b"ignored").partition(b"\r\n")[2] == b"\r\n"


def test_streamed_answers() -> None:
    connection = Connection()
    received(connection, GET)
    assert connection.begin(200, b"A: b\r\n") == b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert connection.send_body(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
    assert connection.send_body(b"") == b""
    assert connection.finish() == b"0\r\n\r\n"
    received(connection, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert connection.begin(200, b"") == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    assert connection.send_body(b"x") + connection.finish() == b"x"
    assert connection.must_close


def test_head_of_a_streamed_answer_has_no_body() -> None:
    connection = Connection()
    received(connection, GET.replace(b"GET", b"HEAD"))
    assert connection.begin(200, b"") == b"HTTP/1.1 200 OK\r\n\r\n"
    assert connection.send_body(b"x") + connection.finish() == b""
    assert not connection.must_close


def test_announced_length_is_kept() -> None:
    for content in (b"four", b"xx"):
        connection = Connection()
        received(connection, GET)
        connection.begin(200, b"", 3)
        with pytest.raises(LocalProtocolError):  # noqa: PT012
            connection.send_body(content)
            connection.finish()


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: x", b"a\nb", b"a\rb", b"a\0b"])
def test_a_field_is_one_line(value: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        field_lines([(b"X", value)])
    with pytest.raises(LocalProtocolError):
        field_lines([(value, b"X")])


def test_answers_need_a_request() -> None:
    connection = Connection()
    with pytest.raises(LocalProtocolError):
        connection.respond(200, b"")
    with pytest.raises(LocalProtocolError):
        connection.send_body(b"x")
    with pytest.raises(LocalProtocolError):
        connection.finish()
    received(connection, GET)
    with pytest.raises(LocalProtocolError):
        connection.begin(100, b"")
    connection.begin(200, b"")
    with pytest.raises(LocalProtocolError):
        connection.begin(200, b"")


def test_continue_is_told_once_and_only_to_who_waits() -> None:
    connection = Connection()
    waits = POST.replace(b"Content", b"Expect: 100-Continue\r\nContent")
    received(connection, waits)
    assert connection.inform_continue() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert connection.inform_continue() == b""
    connection.receive_data(b"abc")
    assert connection.next_event() == BodyReceived(b"abc")
    for other in (POST, waits + b"abc", waits.replace(b"1.1", b"1.0")):
        connection = Connection()
        received(connection, other)
        assert connection.inform_continue() == b""


def test_declared_body_beyond_the_limit_is_refused_before_it_comes() -> None:
    connection = Connection()
    received(connection, POST)
    connection.limit_body(3)
    with pytest.raises(RemoteProtocolError) as refused:
        connection.limit_body(2)
    assert refused.value.answer == (
        b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 25\r\nConnection: close\r\n\r\nRequest Entity Too Large\n"
    )
    assert connection.must_close


def test_chunked_body_beyond_the_limit_is_refused_where_it_passes_it() -> None:
    connection = Connection()
    received(connection, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.limit_body(3)
    connection.receive_data(b"3\r\nabc\r\n1\r\nd\r\n")
    assert connection.next_event() == BodyReceived(b"abc")
    with pytest.raises(RemoteProtocolError) as refused:
        connection.next_event()
    assert refused.value.answer.startswith(b"HTTP/1.1 413 ")


def test_no_second_answer_when_the_body_breaks_off_behind_a_begun_one() -> None:
    connection = Connection()
    received(connection, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.begin(200, b"")
    connection.receive_data(b"nonsense")
    with pytest.raises(RemoteProtocolError) as refused:
        connection.next_event()
    assert refused.value.answer == b""
    assert connection.must_close


def head_of(size: int) -> bytes:
    """A head whose counted bytes are exactly ``size``."""
    filler = size - len(b"/") - len(b"host") - 1 - 4 - len(b"x") - 4
    return b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"v" * filler + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("fits", "exceeds", "status"),
    [
        (head_of(MAX_HEAD_BYTES), head_of(MAX_HEAD_BYTES + 1), 431),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (MAX_HEADERS - 1) + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * MAX_HEADERS + b"\r\n",
            431,
        ),
        (
            b"GET /" + b"a" * (MAX_TARGET_BYTES - 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            414,
        ),
    ],
    ids=["head", "headers", "target"],
)
def test_bounds_of_a_head(fits: bytes, exceeds: bytes, status: int) -> None:
    for delivery in deliveries(fits, trailing=b""):
        visit = serve(delivery.pieces)
        assert (len(visit.requests), visit.refused) == (1, None)
    for delivery in deliveries(exceeds, trailing=b""):
        visit = serve(delivery.pieces)
        assert (len(visit.requests), visit.refused) == (0, status)


@pytest.mark.parametrize("start", [b"", b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX"])
def test_a_head_that_never_ends(start: bytes) -> None:
    more = b"\r\n" if not start else b"a"
    pieces = (start or b"\r\n", *([more * 1024] * (MAX_RAW_HEAD_BYTES // 1024 + 1)))
    assert serve(pieces).refused == 431


@pytest.mark.parametrize(
    "padding", [b"1;" + b"e" * 4096, b"0\r\n" + b"T: " + b"e" * 4096], ids=["extension", "trailer"]
)
def test_padding_around_chunks_is_bounded(padding: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    rest = [b"e" * 4096] * ((MAX_CHUNK_OVERHEAD + MAX_RAW_HEAD_BYTES) // 4096 + 1)
    assert serve((head, padding, *rest)).refused == 400


def test_one_byte_chunks_are_allowed() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    visit = serve((head, *([b"1\r\nx\r\n" * 1000] * 100), b"0\r\n\r\n"))
    assert visit.refused is None
    assert len(visit.requests[0]["body"]) == 100_000


def test_a_head_of_too_many_headers_is_refused_before_its_end() -> None:
    """A kept header costs some thirty times its bytes, and heads that never end may be many."""
    connection = Connection()
    connection.receive_data(b"GET / HTTP/1.1\r\n" + b"a:\r\n" * (MAX_HEADERS + 2))
    with pytest.raises(RemoteProtocolError) as refused:
        connection.next_event()
    assert refused.value.answer.startswith(b"HTTP/1.1 431")
