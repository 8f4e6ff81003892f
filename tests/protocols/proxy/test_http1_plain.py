"""What comes whole and alone is read as what comes in pieces, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.proxy.http1 import NEED_DATA, PAUSED, REQUEST_ENDED, Connection, RequestReceived
from protocols.proxy.http1_plain import MAX_SHAPE_BYTES, MAX_SHAPES, PlainReader

WHOLE = [
    b"GET / HTTP/1.1\r\nHost: a\r\n",
    b"GET /x?y=z HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-two:2\r\nX-Three:  3\r\nX-Four: 4 \r\nX-Five:\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + b"".join(b"X-%d:1\r\n" % n for n in range(9)),
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\n" + b"".join(b"X-%d:1\r\n" % n for n in range(8)),
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A:1\r\nX-A:  2\r\nX-B:1\r\n" + b"".join(b"X-%d:1\r\n" % n for n in range(7)),
    b"GET / HTTP/1.1\r\nX-A: 1\r\n",
    b"GET / HTTP/1.0\r\nHost: a\r\nX-A: GET / HTTP/1.1\r\nX-B: 1\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\nX-A: GET / HTTP/1.1\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n",
    b"GET /a  HTTP/1.1\r\nHost: a\r\n",
    b"GET /#a HTTP/1.1\r\nHost: a\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\n X-B: 2\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\nX-B: 2\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\rX-B: 2\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n folded\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: \x00\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: \xe9\r\n",
    b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(99)),
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100)),
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 32_700 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 33_000 + b"\r\n",
]


def seen_of(pieces: Iterable[bytes]) -> list[object]:
    """What a server gets to see that answers each request at its end, and what it answers."""
    connection, seen = Connection(), list[object]()
    for piece in pieces:
        connection.receive_data(piece)
        try:
            while (event := connection.next_event()) not in (NEED_DATA, PAUSED):
                seen.append(event._replace(octets=b"") if isinstance(event, RequestReceived) else event)
                if event is REQUEST_ENDED:
                    seen.append(connection.respond(200, b"", b"x"))
        except RemoteProtocolError as error:
            seen.append(error.answer)
        seen.append(connection.must_close)
    return [one for at, one in enumerate(seen) if not at or one != seen[at - 1]]


@pytest.mark.parametrize("head", WHOLE)
def test_a_request_that_comes_whole_is_read_as_one_that_does_not(head: bytes) -> None:
    """Twice, since what reads the one kind leaves a state to what reads the other. The last octet of its own: never
    whole."""
    request = head + b"\r\n"
    cut = [octets for part in (request, request) for octets in (part[:-1], part[-1:])]
    wanted = [one for one in seen_of(cut) if one is not False]
    for pieces in ([request, request], [request, *cut[2:]], [*cut[:2], request]):
        assert [one for one in seen_of(pieces) if one is not False] == wanted


NAMES = b"Host|host|X-A|x-a|X_A|X.A|Content-Length|Transfer-Encoding|Connection|Expect|Upgrade||\xe9|X(".split(b"|")
VALUES = b"a||0|chunked|upgrade|close|a b|a\x0b|\x0c|a\x85|\xa0a|\x7f|\x01|GET / HTTP/1.1".split(b"|")
numbered = st.integers(0, 30).map(lambda number: b"X-%d" % number)
header = st.tuples(
    numbered | st.sampled_from(NAMES),
    st.sampled_from((b": ", b":", b":", b":  ", b":\t", b" : ", b":\r\n ")),
    st.sampled_from(VALUES),
    st.sampled_from((*[b"\r\n"] * 12, b"\n", b"\r", b"\r\r\n")),
).map(b"".join)


@given(st.sampled_from((b"/", b"/a?b", b"/ ", b"/\t", b"/\x80", b'/"\\', b"/a b")), st.lists(header, max_size=40))
def test_whatever_comes_whole_is_read_as_in_pieces(target: bytes, headers: list[bytes]) -> None:
    request = b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (target, b"".join(headers))
    wanted = [one for one in seen_of([request[:-1], request[-1:]]) if one is not False]
    assert [one for one in seen_of([request]) if one is not False] == wanted


def test_kinds_of_requests_that_are_remembered_are_bounded() -> None:
    connection = Connection()
    for number in range(MAX_SHAPES + 10):
        connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\nX-%d: 1\r\n\r\n" % number)
        assert isinstance(connection.next_event(), RequestReceived)
        connection.respond(200, b"")
    assert len(PlainReader.shapes) <= MAX_SHAPES
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n%s: 1\r\n\r\n" % (b"x" * MAX_SHAPE_BYTES))
    assert isinstance(connection.next_event(), RequestReceived)
    assert all(len(name) < MAX_SHAPE_BYTES for shape in PlainReader.shapes for name in shape)
