"""The PROXY protocol (HAProxy's, versions 1 and 2): what a proxy says of a connection before anything else.

A stream of LDAP or TLS never begins like that, so that a proxy may say it or leave it.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from protocols.errors import RemoteProtocolError

V1, V2 = b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST_V1 = 107
"""Octets, the line's end included (section 2.1)."""
LONGEST_V2 = 4096
"""Octets behind the fixed part: addresses have at most 216; a client's certificate behind them has some thousands."""
_FIXED = 16
_LOCAL, _PROXIED = 0x20, 0x21
_SIZES = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16}
"""Family and transport to the octets of one address: IPv4 and IPv6, streams and datagrams."""


class Preamble(NamedTuple):
    """``client`` None: the peer itself is the client. ``size``: octets that it takes of the stream."""

    client: str | None
    size: int


NOTHING = Preamble(None, 0)


def read(octets: bytes) -> Preamble | None:
    """What a stream that begins with these begins with; None while that is not known. Raises RemoteProtocolError."""
    if octets.startswith(V1):
        return _version_1(octets)
    if octets.startswith(V2):
        return _version_2(octets)
    return None if V1.startswith(octets) or V2.startswith(octets) else NOTHING


def _version_1(octets: bytes) -> Preamble | None:
    end = octets.find(b"\r\n", 0, LONGEST_V1)
    if end < 0:
        if len(octets) >= LONGEST_V1:
            raise RemoteProtocolError("a PROXY line without an end")
        return None
    words = octets[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":
        return Preamble(None, end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6") or not all(map(_is_port, words[4:])):
        raise RemoteProtocolError("a PROXY line that is none")
    client, _ = (_address(word, words[1] == "TCP4") for word in words[2:4])
    return Preamble(client, end + 2)


def _version_2(octets: bytes) -> Preamble | None:
    if len(octets) < _FIXED:
        return None
    command, family, length = octets[12], octets[13], int.from_bytes(octets[14:16], "big")
    if command not in (_LOCAL, _PROXIED) or length > LONGEST_V2:
        raise RemoteProtocolError("a PROXY header of an unknown version or command, or too long")
    size = _FIXED + length
    if len(octets) < size:
        return None
    octets_of_address = _SIZES.get(family)
    if command == _LOCAL or octets_of_address is None:
        return Preamble(None, size)
    if length < 2 * octets_of_address + 4:
        raise RemoteProtocolError("a PROXY header without its addresses")
    source = octets[_FIXED : _FIXED + octets_of_address]
    return Preamble(_spelled(IPv4Address(source) if octets_of_address == 4 else IPv6Address(source)), size)


def _is_port(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 5 and int(word) < 0x10000


def _address(word: str, is_v4: bool) -> str:
    try:
        return _spelled(IPv4Address(word) if is_v4 else IPv6Address(word))
    except AddressValueError:
        raise RemoteProtocolError("a PROXY line whose addresses are none") from None


def _spelled(address: IPv4Address | IPv6Address) -> str:
    """IPv4 unmapped from IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
