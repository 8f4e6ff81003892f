from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.proxy.http1 import Waiting
from protocols.proxy.http1_client import (
    ANSWER_ENDED,
    CONTINUE,
    MAX_ANSWER_HEAD_BYTES,
    MAX_ANSWER_HEADERS,
    MAX_INTERIM,
    AnswerReceived,
    Connection,
    Event,
)
from protocols.proxy.http1_requests import BodyReceived
from tests.deliveries import deliveries

OK = b"HTTP/1.1 200 OK\r\n"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def asked(method: bytes = b"GET", length: int | None = 0, upgrading: bool = False) -> Connection:
    connection = Connection()
    connection.request(method, b"/", b"", length, upgrading)
    return connection


def events(connection: Connection) -> list[Event]:
    found: list[Event] = []
    while not isinstance(event := connection.next_event(), Waiting):
        if isinstance(event, BodyReceived) and found and isinstance(found[-1], BodyReceived):
            found[-1] = BodyReceived(found[-1].content + event.content)
        else:
            found.append(event)
    return found


def said(answer: bytes, method: bytes = b"GET", ends: bool = False) -> tuple[list[Event], bool]:
    """The events of an answer, the same in whatever pieces it comes; and whether another request may follow."""
    results = []
    for delivery in deliveries(answer, trailing=b""):
        connection = asked(method)
        for piece in delivery.pieces:
            connection.receive_data(piece)
        if ends:
            connection.receive_end()
        results.append((events(connection), connection.ready))
    assert all(result == results[0] for result in results)
    return results[0]


def is_refused(connection: Connection, pieces: Sequence[bytes]) -> bool:
    try:
        for piece in pieces:
            connection.receive_data(piece)
            events(connection)
    except RemoteProtocolError:
        return True
    return False


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "length", "body", "ready"),
    [
        (b"Content-Length: 3\r\n\r\nabc", 3, b"abc", True),
        (b"Content-Length: 0\r\n\r\n", 0, b"", True),
        (b"Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n", None, b"abc", True),
        (b"Connection: close\r\nContent-Length: 3\r\n\r\nabc", 3, b"abc", False),
    ],
)
def test_an_answer_ends_where_its_framing_says(answer: bytes, length: int | None, body: bytes, ready: bool) -> None:
    (head, *rest), may_follow = said(OK + answer)
    assert isinstance(head, AnswerReceived)
    assert (head.status, head.length) == (200, length)
    assert rest == [*([BodyReceived(body)] if body else []), ANSWER_ENDED]
    assert may_follow is ready


def test_an_answer_may_end_with_the_connection() -> None:
    (head, *rest), ready = said(OK + b"X: y\r\n\r\nabc", ends=True)
    assert (head, rest, ready) == (
        AnswerReceived(200, [(b"X", b"y")], None),
        [BodyReceived(b"abc"), ANSWER_ENDED],
        False,
    )


@pytest.mark.parametrize(
    "answer", [OK + b"Content-Length: 3\r\n\r\nab", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"", b"HT"]
)
def test_an_answer_cut_short_is_none(answer: bytes) -> None:
    connection = asked()
    connection.receive_data(answer)
    connection.receive_end()
    with pytest.raises(RemoteProtocolError):
        events(connection)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_a_body(status: bytes) -> None:
    (head, *rest), ready = said(b"HTTP/1.1 " + status + b"\r\nETag: 1\r\n\r\n")
    assert isinstance(head, AnswerReceived)
    assert (head.length, rest, ready) == (0, [ANSWER_ENDED], True)


def test_an_answer_to_head_has_no_body_whatever_it_announces() -> None:
    (head, *rest), ready = said(OK + b"Content-Length: 3\r\n\r\n", b"HEAD")
    assert isinstance(head, AnswerReceived)
    assert (head.length, rest, ready) == (3, [ANSWER_ENDED], False)


def test_interim_answers() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    found, ready = said(b"HTTP/1.1 100 Continue\r\n\r\n" + early + EMPTY)
    assert found == [CONTINUE, AnswerReceived(200, [(b"Content-Length", b"0")], 0), ANSWER_ENDED]
    assert ready
    connection = asked()
    connection.receive_data(b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1))
    with pytest.raises(RemoteProtocolError):
        events(connection)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: +3\r\n\r\nabc",
        OK + b"Content-Length : 3\r\n\r\nabc",
        OK + b"X: a\r\n b\r\n\r\n",
        OK + b"X: a\0b\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 999 x\r\n\r\n",
        b"HTTP/1.1 600 x\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        UPGRADED,
        b"GET / HTTP/1.1\r\n\r\n",
        OK + b"".join(b"X: y\r\n" for _ in range(MAX_ANSWER_HEADERS + 1)) + b"\r\n",
        OK + b"X: " + b"y" * MAX_ANSWER_HEAD_BYTES + b"\r\n\r\n",
    ],
)
def test_what_two_readers_could_cut_differently_is_refused(answer: bytes) -> None:
    for delivery in deliveries(answer, trailing=b""):
        connection = asked()
        assert is_refused(connection, delivery.pieces), delivery.name
        assert not connection.ready


def test_chunks_of_padding_are_refused() -> None:
    connection = asked()
    connection.receive_data(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    assert is_refused(connection, [b"1;" + b"x" * 1000 + b"\r\na\r\n"] * 1000)


def test_an_answer_too_many_answers_nobody() -> None:
    """Else it would be taken for the answer to the next request, which may be somebody else's."""
    connection = asked()
    connection.receive_data(OK + b"Content-Length: 0\r\n\r\n" + OK + b"Content-Length: 4\r\n\r\nevil")
    assert events(connection)[1:] == [ANSWER_ENDED]
    assert not connection.ready
    connection = asked()
    connection.receive_data(OK + b"Content-Length: 0\r\n\r\n")
    assert events(connection)[1:] == [ANSWER_ENDED]
    connection.receive_data(OK)
    with pytest.raises(RemoteProtocolError):
        events(connection)
    assert not connection.ready


def test_requests_are_framed() -> None:
    assert Connection().request(b"GET", b"/a", b"Host: b\r\n", 0) == b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
    assert Connection().request(b"POST", b"/", b"", 0).endswith(b"Content-Length: 0\r\n\r\n")
    connection = Connection()
    assert connection.request(b"PUT", b"/", b"", 3).endswith(b"Content-Length: 3\r\n\r\n")
    assert connection.send_body(b"abc") == b"abc"
    with pytest.raises(LocalProtocolError):
        connection.send_body(b"d")
    connection = Connection()
    assert connection.request(b"PUT", b"/", b"", None).endswith(b"Transfer-Encoding: chunked\r\n\r\n")
    assert connection.send_body(b"a" * 16) + connection.send_body(b"") == b"10\r\n%b\r\n" % (b"a" * 16)
    assert connection.finish() == b"0\r\n\r\n"


def test_a_body_shorter_than_announced_is_not_finished() -> None:
    connection = asked(b"PUT", 3)
    connection.send_body(b"ab")
    with pytest.raises(LocalProtocolError):
        connection.finish()


def test_one_request_at_a_time() -> None:
    connection = asked()
    with pytest.raises(LocalProtocolError):
        connection.request(b"GET", b"/", b"", 0)


def test_an_answer_before_the_end_of_the_request_is_the_last_one() -> None:
    connection = asked(b"POST", 10)
    connection.receive_data(OK + b"Content-Length: 0\r\n\r\n")
    assert events(connection)[-1] is ANSWER_ENDED
    assert not connection.ready


@pytest.mark.parametrize(
    ("head", "ready"),
    [
        (b"204 No Content\r\nContent-Length: 5", False),
        (b"204 No Content\r\nTransfer-Encoding: chunked", False),
        (b"304 Not Modified\r\nTransfer-Encoding: chunked", False),
        (b"204 No Content\r\nContent-Length: 0", True),
        (b"304 Not Modified\r\nContent-Length: 5", True),
    ],
)
def test_nothing_is_asked_behind_a_body_that_there_should_not_be(head: bytes, ready: bool) -> None:
    """It may come any time, and would be the next visitor's answer."""
    connection = asked()
    connection.receive_data(b"HTTP/1.1 %b\r\n\r\n" % head)
    assert events(connection)[-1] is ANSWER_ENDED
    assert connection.ready is ready


@pytest.mark.parametrize("behind", [b"hello", b"0\r\n\r\n", OK])
def test_what_comes_behind_an_answer_spoils_only_what_would_come_next(behind: bytes) -> None:
    connection = asked()
    connection.receive_data(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" + behind)
    assert events(connection)[-1] is ANSWER_ENDED
    assert not connection.ready


def test_another_protocol_is_handed_on_as_it_is() -> None:
    connection = asked(upgrading=True)
    connection.receive_data(UPGRADED + b"\x81\x00")
    head, *rest = events(connection)
    assert isinstance(head, AnswerReceived)
    assert (head.status, rest) == (101, [BodyReceived(b"\x81\x00")])
    assert connection.send_body(b"HTTP/1.1") == b"HTTP/1.1"
    connection.receive_data(OK)
    connection.receive_end()
    assert events(connection) == [BodyReceived(OK), ANSWER_ENDED]
    assert not connection.ready


def test_switching_needs_to_say_to_what() -> None:
    connection = asked(upgrading=True)
    connection.receive_data(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    with pytest.raises(RemoteProtocolError):
        events(connection)
