"""What a proxy says in front of a connection, in whatever pieces it comes, and what is none of that."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import RemoteProtocolError
from protocols.proxy import preamble
from protocols.proxy.preamble import LONGEST_V1, LONGEST_V2, NOTHING, V1, V2, Preamble

REST = bytes.fromhex("300c020101600702010304008000")


def version_2(command: int, family: int, addresses: bytes, more: bytes = b"") -> bytes:
    body = addresses + more
    return V2 + bytes((command, family)) + len(body).to_bytes(2, "big") + body


def addresses(source: str, destination: str) -> bytes:
    return ip_address(source).packed + ip_address(destination).packed + b"\x15\xb3\x01\x85"


SAID: dict[bytes, str | None] = {
    b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 389\r\n": "192.0.2.7",
    b"PROXY TCP6 2001:DB8::7 2001:db8::1 5555 389\r\n": "2001:db8::7",
    b"PROXY TCP6 ::ffff:192.0.2.7 ::1 5555 389\r\n": "192.0.2.7",
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n": None,
    version_2(0x21, 0x11, addresses("192.0.2.7", "198.51.100.1")): "192.0.2.7",
    version_2(0x21, 0x21, addresses("2001:db8::7", "2001:db8::1")): "2001:db8::7",
    version_2(0x21, 0x21, addresses("::ffff:192.0.2.7", "::1")): "192.0.2.7",
    version_2(0x21, 0x11, addresses("192.0.2.7", "198.51.100.1"), b"\x03\x00\x04abcd"): "192.0.2.7",
    version_2(0x20, 0x00, b""): None,
    version_2(0x20, 0x11, addresses("192.0.2.7", "198.51.100.1")): None,
    version_2(0x21, 0x31, b"\x00" * 216): None,
    version_2(0x21, 0x00, b""): None,
}


@pytest.mark.parametrize(("octets", "client"), SAID.items())
def test_what_is_said_is_read_however_it_comes(octets: bytes, client: str | None) -> None:
    for end in range(len(octets)):
        assert preamble.read(octets[:end]) is None
    for rest in (b"", b"\x30", REST, octets):
        assert preamble.read(octets + rest) == Preamble(client, len(octets))


@pytest.mark.parametrize(
    "octets", [REST, b"\x16\x03\x01", b"GET / HTTP/1.1", b"POST", b"PROXX", b"\r\n\r\nQUIT", b"\x00"]
)
def test_everything_else_says_nothing(octets: bytes) -> None:
    assert preamble.read(octets) == NOTHING


@pytest.mark.parametrize(
    "octets",
    [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5555\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5555 389 1\r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.1 5555 389\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 5555 389\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 5555 389\r\n",
        b"PROXY TCP4 192.0.2.777 198.51.100.1 5555 389\r\n",
        b"PROXY TCP4 192.0.2.7 localhost 5555 389\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 389\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 389\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 \N{ARABIC-INDIC DIGIT ONE} 389\r\n".encode(),
        b"PROXY UDP4 192.0.2.7 198.51.100.1 5555 389\r\n",
        b"PROXY \r\n",
        b"PROXY " + b"x" * LONGEST_V1,
        version_2(0x22, 0x11, addresses("192.0.2.7", "198.51.100.1")),
        version_2(0x11, 0x11, addresses("192.0.2.7", "198.51.100.1")),
        version_2(0x21, 0x11, b"\x00" * 11),
        version_2(0x21, 0x21, addresses("192.0.2.7", "198.51.100.1")),
        V2 + b"\x21\x11" + (LONGEST_V2 + 1).to_bytes(2, "big"),
    ],
)
def test_what_is_broken_is_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        preamble.read(octets)


@given(st.sampled_from([V1, V1 + b"TCP4 ", V2, V2 + b"\x21\x11\x00\x0c", b""]), st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused_within_the_bounds(start: bytes, more: bytes) -> None:
    octets = start + more
    try:
        found = preamble.read(octets)
    except RemoteProtocolError:
        return
    if found is None:
        assert len(octets) < LONGEST_V2 + 16
    else:
        assert found.size <= len(octets)
