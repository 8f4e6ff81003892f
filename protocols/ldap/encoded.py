"""A SearchResultEntry (RFC 4511 s4.5.2), encoded from the inside out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from protocols.ldap import ber


def encode_values(values: Iterable[str | bytes]) -> bytes:
    """``vals SET OF value``, without its own tag and length."""
    return b"".join(
        [
            ber.tlv(ber.OCTET_STRING, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
            for value in values
        ]
    )


def encode_attribute(name: str, values: bytes) -> bytes:
    """``PartialAttribute ::= SEQUENCE { type, vals SET OF value }``; the values come encoded."""
    return ber.tlv(ber.SEQUENCE, _attribute_type(name) + ber.tlv(ber.SET, values))


def encode_long_attribute(name: str, values: Iterable[bytes]) -> list[bytes]:
    """As `encode_attribute`; the values come in pieces, and the attribute stays so."""
    return ber.around(ber.SEQUENCE, (_attribute_type(name), *ber.around(ber.SET, values)))


@lru_cache(maxsize=4096)
def _attribute_type(name: str) -> bytes:
    return ber.tlv(ber.OCTET_STRING, name.encode())


def encode_entry(dn: str, attributes: Iterable[bytes]) -> bytes:
    """``[APPLICATION 4] SEQUENCE { objectName, attributes }``; the attributes come encoded."""
    return ber.tlv(_ENTRY, _object_name(dn) + ber.tlv(ber.SEQUENCE, b"".join(attributes)))


def encode_long_entry(dn: str, attributes: Iterable[bytes]) -> tuple[bytes, ...]:
    """As `encode_entry`; the attributes come in pieces, and the entry stays so."""
    return tuple(ber.around(_ENTRY, (_object_name(dn), *ber.around(ber.SEQUENCE, attributes))))


_ENTRY = 0x64


def _object_name(dn: str) -> bytes:
    return ber.tlv(ber.OCTET_STRING, dn.encode("utf-8", "replace"))
