"""Whatever visitors and applications send to the reverse proxy: nobody unknown gets in, and nobody hears of a fault."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.proxy.http1 import Waiting
from protocols.proxy.http1_client import ANSWER_ENDED, CONTINUE, AnswerReceived, Connection
from protocols.proxy.http1_requests import BodyReceived
from protocols.proxy.onward import plain
from tests.fuzz.test_http import streams as requests
from tests.outpost.listeners.http_connections import get
from tests.outpost.listeners.proxied import HOST, Proxied

ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nhello",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
]
fragments = st.sampled_from(
    [
        *ANSWERS,
        b"\r\n",
        b"\n",
        b"\0",
        b":",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 5\r\n",
        b"0\r\n\r\n",
        b"Connection: close\r\n",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An answer with a piece cut out and something else put in."""
    seed: bytes = draw(st.sampled_from(ANSWERS))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, min(len(seed), start + 10)))
    return seed[:start] + draw(st.binary(max_size=4) | fragments) + seed[end:]


answers = st.binary(max_size=200) | st.lists(fragments, max_size=6).map(b"".join) | mutated()


def read(pieces: list[bytes], upgrading: bool) -> list[object]:
    """What is heard of one answer, to its end; bodies are joined. Nothing is sent on after a refusal."""
    connection, heard = Connection(), list[object]()
    connection.request(b"GET", b"/", b"", 0, upgrading)
    body = b""
    try:
        for piece in pieces:
            connection.receive_data(piece)
            while not isinstance(event := connection.next_event(), Waiting):
                if isinstance(event, BodyReceived):
                    body += event.content
                else:
                    heard.append(event)
                if event is ANSWER_ENDED:
                    return [*heard, body]
        connection.receive_end()
        while not isinstance(event := connection.next_event(), Waiting):
            heard.append(event)
    except RemoteProtocolError:
        return [*[event for event in heard if event is not CONTINUE], "refused"]
    return [*heard, body]


@given(answers, st.lists(st.integers(0, 200), max_size=4), st.booleans())
def test_how_an_answer_is_cut_makes_no_difference(octets: bytes, cuts: list[int], upgrading: bool) -> None:
    places = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts)})
    pieces = [octets[start:end] for start, end in pairwise(places)]
    whole, cut = read([octets] if octets else [], upgrading), read(pieces, upgrading)
    if "refused" in whole or "refused" in cut:
        assert whole[-1] == cut[-1]
    else:
        assert whole == cut


@given(answers, st.booleans())
def test_whatever_an_application_says_the_visitor_gets_an_answer_or_none(octets: bytes, ends: bool) -> None:
    proxied = Proxied()
    visitor = proxied.ask()
    proxied.application.say(octets)
    if ends:
        proxied.application.close()
    assert proxied.telemetry.faults == []
    assert not visitor.received or visitor.received.startswith(b"HTTP/1.1 ")
    assert b"authentik_proxy" not in visitor.received


@example(b"GET / HTTP/1.1\r\nHost: proxied.example.com\r\nCookie: a=b\r\n\r\n")
@given(requests)
def test_whatever_a_stranger_sends_nobody_gets_in(octets: bytes) -> None:
    proxied = Proxied()
    visitor = proxied.visit()
    visitor.send(octets.replace(b"own.example", HOST.encode()).replace(b"Host: a", b"Host: " + HOST.encode()))
    assert proxied.applications == []
    assert proxied.telemetry.faults == []


names = st.text("abcdefghijklmnopqrstuvwxyz-_.~XAU", min_size=1, max_size=24) | st.sampled_from(
    ["Connection", "Cookie", "X-Authentik-Username", "X_Authentik_Username", "Transfer-Encoding", "Upgrade", "Expect"]
)
values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)


@given(st.lists(st.tuples(names, values), max_size=8))
def test_whatever_somebody_signed_in_sends_along_they_come_as_themselves(headers: list[tuple[str, str]]) -> None:
    proxied = Proxied()
    proxied.visit().send(get("/", ("Cookie", proxied.cookie()), *headers, host=HOST))
    assert proxied.telemetry.faults == []
    for application in proxied.applications:
        said = [value for name, value in application.fields if plain(name.encode()) == b"x-authentik-username"]
        assert said == ["alice"]
        assert "authentik_proxy" not in application.head


def test_an_answer_that_is_right_is_read() -> None:
    assert read([ANSWERS[0]], upgrading=False) == [
        AnswerReceived(200, [(b"Content-Length", b"5")], 5),
        ANSWER_ENDED,
        b"hello",
    ]
