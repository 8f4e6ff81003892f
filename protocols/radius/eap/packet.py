"""EAP packets (RFC 3748 section 4), and how they travel in RADIUS (RFC 3579 section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import pack

from protocols.errors import RemoteProtocolError
from protocols.radius.dictionary import EAP_MESSAGE
from protocols.radius.packet import MAX_VALUE, Packet, attribute

HEADER = 4
MOST_ATTRIBUTES = 16
"""EAP-Message attributes that one packet fills: 16 times 253 octets are almost all of its 4096."""


class Code(IntEnum):
    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class Type(IntEnum):
    IDENTITY = 1
    NOTIFICATION = 2
    NAK = 3
    GTC = 6
    TLS = 13
    TTLS = 21
    PEAP = 25
    MSCHAPV2 = 26
    TLV = 33
    EXPANDED = 254


EXPANDED_SIZE = 8
"""Octets of an expanded type: 254, its vendor in three, its number in four (RFC 3748 section 5.7)."""
EXPANDED_IETF = bytes((Type.EXPANDED, 0, 0, 0, 0, 0, 0))
"""All but the last octet of one that is an ordinary type."""
EXPANDED_NAK = bytes((0, 0, 0, 0, 0, 0, Type.NAK))


@dataclass(slots=True)
class Response:
    """Never changed; not frozen, as `protocols.radius.packet.Packet` is not."""

    identifier: int
    type: int
    data: bytes


def parse_response(octets: bytes) -> Response:
    """Octets behind Length are padding (RFC 3748 section 4). Raises RemoteProtocolError."""
    if len(octets) < HEADER:
        raise RemoteProtocolError(f"an EAP packet of {len(octets)} octets")
    code, identifier, length = octets[0], octets[1], octets[2] << 8 | octets[3]
    if code != Code.RESPONSE:
        raise RemoteProtocolError(f"EAP code {code} is none that a peer sends")
    if not HEADER < length <= len(octets):
        raise RemoteProtocolError(f"EAP length {length}, but {len(octets)} octets came")
    return Response(identifier, octets[HEADER], octets[HEADER + 1 : length])


def wanted_instead(answer: Response) -> bytes | None:
    """The types that a NAK asks for, legacy or expanded (RFC 3748 sections 5.3.1 and 5.3.2), without those of vendors;
    None for what is no NAK."""
    if answer.type == Type.NAK:
        return answer.data
    if answer.type != Type.EXPANDED or not answer.data.startswith(EXPANDED_NAK):
        return None
    listed = range(len(EXPANDED_NAK), len(answer.data), EXPANDED_SIZE)
    types = [answer.data[at : at + EXPANDED_SIZE] for at in listed]
    return bytes(one[-1] for one in types if len(one) == EXPANDED_SIZE and one.startswith(EXPANDED_IETF))


def request(identifier: int, kind: int, data: bytes) -> bytes:
    return pack("!BBHB", Code.REQUEST, identifier, HEADER + 1 + len(data), kind) + data


def response(identifier: int, kind: int, data: bytes) -> bytes:
    return pack("!BBHB", Code.RESPONSE, identifier, HEADER + 1 + len(data), kind) + data


def success(identifier: int) -> bytes:
    return pack("!BBH", Code.SUCCESS, identifier, HEADER)


def failure(identifier: int) -> bytes:
    return pack("!BBH", Code.FAILURE, identifier, HEADER)


def gathered(packet: Packet) -> bytes:
    """The EAP packet of a request, its fragments in order. Raises RemoteProtocolError."""
    if len(packet.first) == packet.count:  # no attribute repeats
        return packet.get(EAP_MESSAGE) or b""
    octets = packet.octets
    parts = [octets[at + 2 : at + octets[at + 1]] for at in packet.offsets(EAP_MESSAGE)]
    if len(parts) > MOST_ATTRIBUTES + 1:
        raise RemoteProtocolError(f"{len(parts)} EAP-Message attributes")
    return b"".join(parts)


def scattered(eap: bytes) -> bytes:
    """Encoded EAP-Message attributes that hold the packet."""
    if 0 < len(eap) <= MAX_VALUE:
        return attribute(EAP_MESSAGE, eap)
    return b"".join(attribute(EAP_MESSAGE, eap[at : at + MAX_VALUE]) for at in range(0, len(eap), MAX_VALUE))
