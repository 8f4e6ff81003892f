"""The asking side of LDAP (RFC 4511), as far as another directory is asked: bind, StartTLS, search, unbind.

Requests to octets, responses from octets; what holds a connection stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.ldap import ber, filter_encoding, paging
from protocols.ldap.controls import PAGED_RESULTS
from protocols.ldap.filter import Filter
from protocols.ldap.messages import CONTROLS, NOTICE_OF_DISCONNECTION, decode_controls, encode_message
from protocols.ldap.prepare import text
from protocols.ldap.result import Refused
from protocols.ldap.search_request import Scope

START_TLS = "1.3.6.1.4.1.1466.20037"
"""RFC 4511, 4.14."""
BIND_RESPONSE, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x73, 0x78
UNBIND = b"\x42\x00"
NEVER_DEREFERENCE = 0
MOST_VALUES = 100_000
"""Of one entry: the members of the largest group that fits into a message."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``[APPLICATION 4] SearchResultEntry``; ``attributes`` by description in lower case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]
    spelled: tuple[str, ...] = ()
    """The descriptions as the server writes them, in the same order."""


@dataclass(frozen=True, slots=True)
class Reference:
    """``[APPLICATION 19] SearchResultReference``: elsewhere would be more. Nobody goes there."""


@dataclass(frozen=True, slots=True)
class Done:
    """The LDAPResult that ends an operation: bind, search or extended."""

    operation: int
    """The response's tag."""
    code: int
    diagnostic: str
    cookie: bytes = b""
    """Of a paged search: empty after the last page."""


def bind(message_id: int, name: str, password: bytes) -> bytes:
    """A simple bind. Raises ValueError without a password: that proves nothing, and servers call it a success (RFC
    4513, 5.1.2)."""
    if not password:
        raise ValueError("a simple bind needs a password")
    content = ber.encode_integer(3) + ber.tlv(ber.OCTET_STRING, name.encode()) + ber.tlv(0x80, password)
    return encode_message(message_id, ber.tlv(0x60, content))


def start_tls(message_id: int) -> bytes:
    return encode_message(message_id, ber.tlv(0x77, ber.tlv(0x80, START_TLS.encode())))


def unbind(message_id: int) -> bytes:
    return encode_message(message_id, UNBIND)


def search(
    message_id: int,
    base: str,
    filter: Filter,
    attributes: Sequence[str],
    *,
    scope: Scope = Scope.SUB,
    size_limit: int = 0,
    time_limit: int = 0,
    page: int = 0,
    cookie: bytes = b"",
) -> bytes:
    """``time_limit``: seconds; ``page``: entries of one answer (RFC 2696), 0 for all."""
    content = (
        ber.tlv(ber.OCTET_STRING, base.encode())
        + ber.encode_integer(scope, ber.ENUMERATED)
        + ber.encode_integer(NEVER_DEREFERENCE, ber.ENUMERATED)
        + ber.encode_integer(size_limit)
        + ber.encode_integer(time_limit)
        + ber.tlv(ber.BOOLEAN, b"\x00")
        + filter_encoding.encode(filter)
        + ber.tlv(ber.SEQUENCE, b"".join(ber.tlv(ber.OCTET_STRING, name.encode()) for name in attributes))
    )
    controls = _paged(page, cookie) if page else b""
    return encode_message(message_id, ber.tlv(0x63, content), controls)


def _paged(page: int, cookie: bytes) -> bytes:
    """Critical: a server that does not know it would cut off where its own limit is."""
    value = ber.tlv(ber.SEQUENCE, ber.encode_integer(page) + ber.tlv(ber.OCTET_STRING, cookie))
    said = ber.tlv(ber.OCTET_STRING, PAGED_RESULTS.encode()) + ber.tlv(ber.BOOLEAN, b"\xff")
    return ber.tlv(CONTROLS, ber.tlv(ber.SEQUENCE, said + ber.tlv(ber.OCTET_STRING, value)))


Response = Entry | Reference | Done


def response(octets: bytes) -> tuple[int, Response]:
    """Message ID, and what one framed message answers. Raises RemoteProtocolError, also for a goodbye."""
    at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
    message_id, at = ber.integer(octets, at, end)
    tag, start, stop = ber.header(octets, at, end)
    if message_id == 0:
        raise ber.Malformed(f"the server hangs up ({NOTICE_OF_DISCONNECTION})")
    if tag == SEARCH_ENTRY:
        return message_id, _entry(octets, start, stop)
    if tag == SEARCH_REFERENCE:
        return message_id, Reference()
    if tag not in (BIND_RESPONSE, SEARCH_DONE, EXTENDED_RESPONSE):
        raise ber.Malformed(f"tag {tag:#x} is no response that was asked for")
    code, at = ber.integer(octets, start, stop, ber.ENUMERATED)
    _matched, at = ber.octet_string(octets, at, stop)
    diagnostic, _ = ber.octet_string(octets, at, stop)
    return message_id, Done(tag, code, text(diagnostic), _cookie(octets, stop, end))


def _entry(octets: bytes, at: int, end: int) -> Entry:
    dn, at = ber.octet_string(octets, at, end)
    at, stop = ber.expect(octets, at, end, ber.SEQUENCE)
    attributes: dict[str, tuple[bytes, ...]] = {}
    spelled: dict[str, str] = {}
    left = MOST_VALUES
    while at < stop:
        start, at = ber.expect(octets, at, stop, ber.SEQUENCE)
        name, start = ber.octet_string(octets, start, at)
        start, last = ber.expect(octets, start, at, ber.SET)
        values = []
        while start < last:
            value, start = ber.octet_string(octets, start, last)
            values.append(value)
        left -= len(values)
        if left < 0:
            raise ber.Malformed(f"{text(dn)[:200]} has more than {MOST_VALUES} values")
        description = name.decode("latin-1")
        attributes[description.lower()] = tuple(values)
        spelled[description.lower()] = description
    return Entry(text(dn), attributes, tuple(spelled.values()))


def _cookie(octets: bytes, at: int, end: int) -> bytes:
    if at >= end or octets[at] != CONTROLS:
        return b""
    controls, _ = decode_controls(octets, at, end)
    found = next((control.value for control in controls if control.oid == PAGED_RESULTS), None)
    try:
        return paging.decode(found).cookie if found is not None else b""
    except Refused as refusal:
        raise ber.Malformed(str(refusal)) from None
