"""Search filters to BER (RFC 4511 s4.5.1.7), for asking; `filter` reads them."""

from __future__ import annotations

from protocols.ldap import ber
from protocols.ldap.filter import (
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
    Unrecognised,
)

_ASSERTIONS: dict[type[Filter], int] = {Equality: 0xA3, GreaterOrEqual: 0xA5, LessOrEqual: 0xA6, Approx: 0xA8}


def encode(filter: Filter) -> bytes:
    """Raises ValueError for what has no encoding."""
    match filter:
        case And(parts) | Or(parts):
            return ber.tlv(0xA0 if isinstance(filter, And) else 0xA1, b"".join(map(encode, parts)))
        case Not(part):
            return ber.tlv(0xA2, encode(part))
        case Present(attribute):
            return ber.tlv(0x87, attribute.encode())
        case Substrings(attribute, initial, middle, final):
            ends = ((0x80, initial), *((0x81, piece) for piece in middle), (0x82, final))
            pieces = b"".join(ber.tlv(tag, piece) for tag, piece in ends if piece is not None)
            return ber.tlv(0xA4, ber.tlv(ber.OCTET_STRING, attribute.encode()) + ber.tlv(ber.SEQUENCE, pieces))
        case Extensible():
            return ber.tlv(0xA9, _extensible(filter))
        case Unrecognised(tag):
            raise ValueError(f"a filter of the kind {tag:#x} cannot be written")
    described, value = filter.attribute.encode(), filter.value
    content = ber.tlv(ber.OCTET_STRING, described) + ber.tlv(ber.OCTET_STRING, value)
    return ber.tlv(_ASSERTIONS[type(filter)], content)


def _extensible(filter: Extensible) -> bytes:
    named = ((0x81, filter.rule), (0x82, filter.attribute))
    content = b"".join(ber.tlv(tag, text.encode()) for tag, text in named if text is not None)
    return content + ber.tlv(0x83, filter.value) + (ber.tlv(0x84, b"\xff") if filter.dn_attributes else b"")
