"""Whatever strangers send: the only error is the one that says so, and how the bytes were cut makes no difference."""

from __future__ import annotations

import json
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.proxy.basic import NotCredentials, basic_credentials
from protocols.proxy.decision import HostTable, Site, decide
from protocols.proxy.forwarded import ForwardedRequest, nginx
from protocols.proxy.headers import identity_fields
from protocols.proxy.hosts import normalised
from protocols.proxy.http1 import (
    NEED_DATA,
    PAUSED,
    REQUEST_ENDED,
    BodyReceived,
    Connection,
    RequestReceived,
    field_lines,
)
from protocols.proxy.trust import ForwardingError, TrustedPeers, address, by_name, origin
from tests.fakes import an_identity

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/proxy/http1.json").read_text())
SEEDS = [vector["sent"].encode("latin-1") for vector in VECTORS]

fragments = st.sampled_from(
    [
        *SEEDS,
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b":",
        b"\0",
        b"GET / HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Upgrade: h2c\r\nConnection: upgrade\r\n",
        b"Expect: 100-continue\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A vector with a piece cut out and something else put in."""
    seed: bytes = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, min(len(seed), start + 10)))
    instead: bytes = draw(st.binary(max_size=4) | fragments)
    return seed[:start] + instead + seed[end:]


streams = st.binary(max_size=200) | st.lists(fragments, max_size=8).map(b"".join) | mutated()


def serve(pieces: list[bytes]) -> list[object]:
    """What a server that answers each request at its end gets to see; bodies are joined."""
    connection, seen = Connection(), list[object]()
    for piece in pieces:
        connection.receive_data(piece)
        try:
            while (event := connection.next_event()) is not NEED_DATA and event is not PAUSED:
                if isinstance(event, RequestReceived):
                    seen += [event._replace(octets=b""), b""]  # kept of what comes whole alone
                elif isinstance(event, BodyReceived):
                    body = seen.pop()
                    assert isinstance(body, bytes)
                    seen.append(body + event.content)
                elif event is REQUEST_ENDED:
                    seen.append(event)
                    connection.respond(200, b"")
        except RemoteProtocolError as error:
            seen.append(error.answer)
        if connection.must_close:
            break
    return seen


@given(streams, st.data())
def test_the_cut_makes_no_difference(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = serve([stream])
    assert serve([piece for piece in pieces if piece]) == whole
    assert serve([stream[at : at + 1] for at in range(len(stream))]) == whole


TOKENS = st.sampled_from(
    [
        "https://",
        "http://",
        "app.example.com",
        "/",
        "//",
        ":",
        "443",
        "@",
        "[::1]",
        "?",
        "#",
        "%",
        "%00",
        "%2e",
        "\\",
        "é",
        " ",
    ]
)
texts = st.text(max_size=40) | st.lists(TOKENS, max_size=8).map("".join)
NAMES = (
    b"x-original-url",
    b"x-original-uri",
    b"x-original-method",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-for",
    b"authorization",
)
header_lists = st.lists(
    st.tuples(st.sampled_from(NAMES), texts.map(lambda text: text.encode("latin-1", "replace"))), max_size=5
)


@given(texts, header_lists)
def test_metadata_is_read_or_refused(host: str, headers: list[tuple[bytes, bytes]]) -> None:
    table = HostTable([Site(1, "p", "a", "A", "forward_domain", "https://app.example.com", "example.com")])
    with suppress(ForwardingError):
        forwarded = nginx(host, by_name(headers))
        assert normalised(forwarded.host, forwarded.scheme) == forwarded.host
        assert forwarded.target.startswith("/")
        assert forwarded.target.isascii()
        assert forwarded.target.isprintable()
        assert "#" not in forwarded.target
        assert forwarded.method.isupper()
        decide(table, forwarded, by_name(headers))


@given(texts, texts)
def test_the_host_table_knows_what_to_do_with_any_site(external_host: str, cookie_domain: str) -> None:
    table = HostTable([Site(1, "p", "a", "A", "forward_domain", external_host, cookie_domain)])
    assert table.find("app.invalid") is None
    table.contradicts(ForwardedRequest("https", "app.invalid", "/", "GET", "other.invalid"))


@given(texts, header_lists)
def test_an_origin_is_found_or_refused(host: str, headers: list[tuple[bytes, bytes]]) -> None:
    with suppress(ForwardingError):
        found = origin("127.0.0.1", "http", host, headers, TrustedPeers([ip_network("127.0.0.0/8")]))
        assert found.scheme in ("http", "https")
        assert address(found.client) is not None


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda rest: b"Basic " + rest))
def test_basic_credentials_are_read_or_refused(authorization: bytes) -> None:
    with suppress(NotCredentials):
        username, _ = basic_credentials(authorization)
        assert username
        assert ":" not in username


@given(st.text(max_size=30), st.lists(st.text(max_size=10), max_size=4))
def test_any_identity_makes_exactly_one_line_for_each_header(name: str, groups: list[str]) -> None:
    fields = identity_fields(an_identity(name, groups=tuple(groups)))
    assert field_lines(fields).count(b"\r\n") == 6
    values = dict(fields)
    assert values[b"X-Authentik-Groups"].count(b"|") == max(len(groups) - 1, 0)
    for value in values.values():
        assert value == value.strip()
        assert all(byte >= 0x20 and byte != 0x7F for byte in value)
