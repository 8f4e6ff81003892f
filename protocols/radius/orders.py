"""What we ask of a NAS about a session that it has (RFC 5176): to end it (Disconnect), or to change it (CoA)."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from ipaddress import ip_address

from protocols.errors import RemoteProtocolError
from protocols.radius.authenticators import (
    MESSAGE_AUTHENTICATOR_LENGTH,
    ZEROS,
    hmac_md5,
    message_authenticator_verifies,
    response_authenticator,
)
from protocols.radius.dictionary import (
    ACCT_SESSION_ID,
    CALLING_STATION_ID,
    ERROR_CAUSE,
    EVENT_TIMESTAMP,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
)
from protocols.radius.packet import HEADER, MAX_VALUE, Code, Packet, attribute
from protocols.radius.session_names import octets_of
from protocols.radius.value_names import names_of

PORT = 3799
DISCONNECT, COA = "disconnect", "coa"
REQUESTS = {DISCONNECT: Code.DISCONNECT_REQUEST, COA: Code.COA_REQUEST}
ACKS = {DISCONNECT: Code.DISCONNECT_ACK, COA: Code.COA_ACK}
NAKS = {DISCONNECT: Code.DISCONNECT_NAK, COA: Code.COA_NAK}
TRIES = (2.0, 2.0, 4.0, 4.0)
"""Seconds that an answer is waited for after each sending; the same octets go out each time (section 2.3)."""
NOT_FOUND = "Session-Context-Not-Found"
"""Error-Cause of a NAS that has no such session (any more)."""


@dataclass(frozen=True, slots=True)
class Named:
    """Which session, by what its NAS has told of it. Never by User-Name: a NAS may know the outer name alone."""

    nas_name: str
    session: str
    """By its name in `session_names`."""
    calling_station: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    acknowledged: bool
    cause: str = ""
    """Error-Cause by name, if it was refused and says why."""


def order(kind: str, identifier: int, named: Named, further: bytes, secret: bytes, now: int) -> bytes:
    """The request. ``further``: encoded attributes that are to change; ``now``: seconds since the epoch.

    The Message-Authenticator is made first, over a header without authenticator (section 3.4), the Request
    Authenticator then over all (section 2.3).
    """
    attributes = _named(named) + attribute(EVENT_TIMESTAMP, now.to_bytes(4)) + further
    head = bytes((REQUESTS[kind], identifier))
    head += (HEADER + MESSAGE_AUTHENTICATOR_LENGTH + len(attributes)).to_bytes(2)
    unsigned = attribute(MESSAGE_AUTHENTICATOR, ZEROS) + attributes
    signed = attribute(MESSAGE_AUTHENTICATOR, hmac_md5(secret, head + ZEROS + unsigned)) + attributes
    return head + response_authenticator(head, ZEROS, signed, secret) + signed


def answer(datagram: bytes, kind: str, asked: bytes, secret: bytes) -> Answer:
    """``asked``: the octets that it answers. Raises RemoteProtocolError for what does not verify or answers another."""
    packet = Packet.parse(datagram)
    octets = packet.octets
    if packet.identifier != asked[1] or packet.code not in (ACKS[kind], NAKS[kind]):
        raise RemoteProtocolError(f"code {packet.code} is no answer to {kind}", "unexpected_code")
    expected = response_authenticator(octets[:4], asked[4:HEADER], octets[HEADER:], secret)
    if not compare_digest(expected, packet.authenticator):
        raise RemoteProtocolError("the Response Authenticator does not verify", "bad_response_authenticator")
    if MESSAGE_AUTHENTICATOR in packet.first:
        before = Packet(octets[:4] + asked[4:HEADER] + octets[HEADER:], packet.first, packet.count)
        if not message_authenticator_verifies(before, secret):
            raise RemoteProtocolError("the Message-Authenticator does not verify", "bad_message_authenticator")
    if packet.code == ACKS[kind]:
        return Answer(True)
    number = int.from_bytes(packet.get(ERROR_CAUSE) or b"")
    return Answer(False, names_of("Error-Cause").get(number, str(number) if number else ""))


def _named(named: Named) -> bytes:
    found = _nas(named.nas_name) if named.nas_name else b""
    found += attribute(ACCT_SESSION_ID, octets_of(named.session)[:MAX_VALUE])
    if named.calling_station:
        found += attribute(CALLING_STATION_ID, named.calling_station.encode()[:MAX_VALUE])
    return found


def _nas(name: str) -> bytes:
    """As the NAS has named itself: by a name, or by an address."""
    try:
        address = ip_address(name)
    except ValueError:
        return attribute(NAS_IDENTIFIER, name.encode()[:MAX_VALUE])
    return attribute(NAS_IP_ADDRESS if address.version == 4 else NAS_IPV6_ADDRESS, address.packed)
