"""LDAP messages (RFC 4511 s4): requests from octets, responses to octets. Grammar and type are read together.

Octets that break the grammar raise RemoteProtocolError; a request that is well-formed and still impossible raises
`Refused`, whose result is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from protocols.ldap import ber, modify, search_request
from protocols.ldap.controls import Control
from protocols.ldap.prepare import text
from protocols.ldap.result import SUCCESS, Result, ResultCode
from protocols.ldap.search_request import SearchRequest

MAX_MESSAGE_ID = 2**31 - 1
MAX_CONTROLS = 256
"""Controls of one message. Real clients send up to four; this many are read in a quarter of a millisecond."""
CONTROLS = 0xA0
"""``[0]`` behind the operation."""
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"


class BindRequest(NamedTuple):
    """``[APPLICATION 0] SEQUENCE { version INTEGER, name LDAPDN, authentication CHOICE { simple [0], sasl [3] } }``"""

    version: int
    name: str
    password: bytes | None
    """Of a simple bind; None for every other authentication choice."""
    mechanism: str = ""
    """Of a SASL bind."""
    credentials: bytes = b""

    def __repr__(self) -> str:
        return f"BindRequest(version={self.version}, name={self.name!r})"


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """``[APPLICATION 14] SEQUENCE { entry LDAPDN, ava SEQUENCE { attributeDesc, assertionValue } }``"""

    entry: str
    attribute: str
    value: bytes


@dataclass(frozen=True, slots=True)
class UnbindRequest:
    """``[APPLICATION 2] NULL``"""


@dataclass(frozen=True, slots=True)
class AbandonRequest:
    """``[APPLICATION 16] MessageID``"""

    message_id: int


@dataclass(frozen=True, slots=True)
class ExtendedRequest:
    """``[APPLICATION 23] SEQUENCE { requestName [0] LDAPOID, requestValue [1] OCTET STRING OPTIONAL }``"""

    oid: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class UnservedRequest:
    """An operation that we know by its tag only: add, delete, modify DN."""


Request = (
    BindRequest
    | SearchRequest
    | CompareRequest
    | UnbindRequest
    | AbandonRequest
    | ExtendedRequest
    | modify.ModifyRequest
    | UnservedRequest
)

# --- requests ------------------------------------------------------------------------------------------------------


def _bind(octets: bytes, at: int, end: int) -> BindRequest:
    version, at = ber.integer(octets, at, end)
    name, at = ber.octet_string(octets, at, end)
    tag, start, stop = ber.header(octets, at, end)
    ber.ignore(octets, stop, end)
    if tag == 0xA3:
        mechanism, start = ber.octet_string(octets, start, stop)
        credentials = b""
        if start < stop and octets[start] == ber.OCTET_STRING:
            credentials, start = ber.octet_string(octets, start, stop)
        ber.ignore(octets, start, stop, ber.OCTET_STRING)
        return BindRequest(version, text(name), None, mechanism.decode("latin-1"), credentials)
    return BindRequest(version, text(name), octets[start:stop] if tag == 0x80 else None)


def _compare(octets: bytes, at: int, end: int) -> CompareRequest:
    entry, at = ber.octet_string(octets, at, end)
    at, stop = ber.expect(octets, at, end, ber.SEQUENCE)
    attribute, at = ber.octet_string(octets, at, stop)
    value, at = ber.octet_string(octets, at, stop)
    ber.ignore(octets, at, stop)
    ber.ignore(octets, stop, end)
    return CompareRequest(text(entry), attribute.decode("latin-1"), value)


def _abandon(octets: bytes, at: int, end: int) -> AbandonRequest:
    if not 0 < end - at <= 4:
        raise ber.Malformed("a message ID that is none")
    return AbandonRequest(int.from_bytes(octets[at:end], "big", signed=True))


def _extended(octets: bytes, at: int, end: int) -> ExtendedRequest:
    oid, at = ber.octet_string(octets, at, end, 0x80)
    value = None
    if at < end and octets[at] == 0x81:
        value, at = ber.octet_string(octets, at, end, 0x81)
    ber.ignore(octets, at, end, 0x80, 0x81)
    return ExtendedRequest(oid.decode("latin-1"), value)


def _unbind(octets: bytes, at: int, end: int) -> UnbindRequest:
    return UnbindRequest()


def _unserved(octets: bytes, at: int, end: int) -> UnservedRequest:
    return UnservedRequest()


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request: how to read it, and the tag of its response (0: it has none)."""

    name: str
    response: int
    decode: Callable[[bytes, int, int], Request]


OPERATIONS: dict[int, Operation] = {
    0x60: Operation("bind", 0x61, _bind),
    0x42: Operation("unbind", 0, _unbind),
    0x63: Operation("search", 0x65, search_request.decode),
    0x66: Operation("modify", 0x67, modify.decode),
    0x68: Operation("add", 0x69, _unserved),
    0x4A: Operation("delete", 0x6B, _unserved),
    0x6C: Operation("modify DN", 0x6D, _unserved),
    0x6E: Operation("compare", 0x6F, _compare),
    0x50: Operation("abandon", 0, _abandon),
    0x77: Operation("extended", 0x78, _extended),
}
"""Requests by the tag of their protocolOp."""
BIND, UNBIND, SEARCH, MODIFY, COMPARE, EXTENDED = (OPERATIONS[tag] for tag in (0x60, 0x42, 0x63, 0x66, 0x6E, 0x77))


class Envelope(NamedTuple):
    """``LDAPMessage ::= SEQUENCE { messageID, protocolOp CHOICE, controls [0] OPTIONAL }``, the operation unread."""

    message_id: int
    operation: Operation
    octets: bytes
    start: int
    stop: int
    controls: tuple[Control, ...]

    @property
    def content(self) -> bytes:
        """The encoded operation, without its tag."""
        return self.octets[self.start : self.stop]

    def request(self) -> Request:
        """Raises RemoteProtocolError or Refused."""
        return self.operation.decode(self.octets, self.start, self.stop)


def envelope(octets: bytes, at: int = 0, end: int | None = None) -> Envelope:
    """Reads one framed message, from ``at`` to ``end`` of what was received. Raises RemoteProtocolError."""
    at, end = ber.expect(octets, at, len(octets) if end is None else end, ber.SEQUENCE)
    message_id, at = ber.integer(octets, at, end)
    if not 0 < message_id <= MAX_MESSAGE_ID:
        raise ber.Malformed(f"{message_id} is no message ID of a request")
    tag, start, stop = ber.header(octets, at, end)
    operation = OPERATIONS.get(tag)
    if operation is None:
        raise ber.Malformed(f"tag {tag:#x} is no request")
    controls: tuple[Control, ...] = ()
    if stop < end:
        rest = stop
        if octets[stop] == CONTROLS:
            controls, rest = decode_controls(octets, stop, end)
        ber.ignore(octets, rest, end, CONTROLS)
    return Envelope(message_id, operation, octets, start, stop, controls)


def decode_controls(octets: bytes, at: int, end: int) -> tuple[tuple[Control, ...], int]:
    """``controls [0]`` at ``at``, and where they end. Raises RemoteProtocolError."""
    at, stop = ber.expect(octets, at, end, CONTROLS)
    controls: list[Control] = []
    while at < stop:
        start, at = ber.expect(octets, at, stop, ber.SEQUENCE)
        controls.append(_control(octets, start, at))
        if len(controls) > MAX_CONTROLS:
            raise ber.Malformed("too many controls")
    return tuple(controls), stop


def _control(octets: bytes, at: int, end: int) -> Control:
    oid, at = ber.octet_string(octets, at, end)
    critical = False
    if at < end and octets[at] == ber.BOOLEAN:
        critical, at = ber.boolean(octets, at, end)
    value = None
    if at < end and octets[at] == ber.OCTET_STRING:
        value, at = ber.octet_string(octets, at, end)
    ber.ignore(octets, at, end, ber.BOOLEAN, ber.OCTET_STRING)
    return Control(oid.decode("latin-1"), critical, value)


# --- responses -----------------------------------------------------------------------------------------------------


def encode_message(message_id: int, operation: bytes, controls: bytes = b"") -> bytes:
    """An LDAPMessage around an encoded protocolOp and encoded controls."""
    return ber.tlv(ber.SEQUENCE, ber.encode_integer(message_id) + operation + controls)


def encode_short_message(message_id: int, operation: bytes) -> bytes:
    """As `encode_message`, of at most 121 octets and a request's message ID."""
    size = message_id.bit_length() // 8 + 1
    return _SHORT_HEADS[size][len(operation)] + message_id.to_bytes(size, "big") + operation


_SHORT_HEADS = [
    [bytes((ber.SEQUENCE, 2 + size + length, ber.INTEGER, size)) for length in range(0x7A)] for size in range(5)
]
"""Octets of the message ID, and octets behind it, to what stands before them."""


def encode_controls(controls: Iterable[tuple[str, bytes]]) -> bytes:
    """``controls [0]`` of a response, none of them critical: OID and value."""
    encoded = b"".join(
        ber.tlv(ber.SEQUENCE, ber.tlv(ber.OCTET_STRING, oid.encode()) + ber.tlv(ber.OCTET_STRING, value))
        for oid, value in controls
    )
    return ber.tlv(0xA0, encoded) if encoded else b""


def encode_result(tag: int, result: Result, more: bytes = b"") -> bytes:
    """``LDAPResult ::= SEQUENCE { resultCode, matchedDN, diagnosticMessage, ... }`` under the response's own tag."""
    if result is SUCCESS and not more:
        return ber.tlv(tag, _SUCCESS)
    return ber.tlv(
        tag,
        ber.encode_integer(result.code, ber.ENUMERATED)
        + ber.tlv(ber.OCTET_STRING, result.matched_dn.encode())
        + ber.tlv(ber.OCTET_STRING, result.diagnostic.encode())
        + more,
    )


_SUCCESS = b"\x0a\x01\x00\x04\x00\x04\x00"


def encode_extended_result(result: Result, oid: str | None = None, value: bytes | None = None) -> bytes:
    """``[APPLICATION 24] SEQUENCE { COMPONENTS OF LDAPResult, responseName [10], responseValue [11] }``"""
    more = b"" if oid is None else ber.tlv(0x8A, oid.encode())
    return encode_result(0x78, result, more if value is None else more + ber.tlv(0x8B, value))


def encode_notice_of_disconnection(code: ResultCode, diagnostic: str) -> bytes:
    """The goodbye of RFC 4511 s4.4.1, a whole message."""
    return encode_message(0, encode_extended_result(Result(code, "", diagnostic), NOTICE_OF_DISCONNECTION))
