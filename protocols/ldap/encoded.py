"""A SearchResultEntry (RFC 4511 s4.5.2), encoded from the inside out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache

from protocols.ldap import ber


def encode_values(values: Collection[str | bytes]) -> bytes:
    """``vals SET OF value``, without its own tag and length."""
    if len(values) == 1:  # most attributes
        (value,) = values
        return ber.tlv(ber.OCTET_STRING, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
    return b"".join(
        [
            ber.tlv(ber.OCTET_STRING, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
            for value in values
        ]
    )


def encode_attribute(name: str, values: bytes) -> bytes:
    """``PartialAttribute ::= SEQUENCE { type, vals SET OF value }``; the values come encoded."""
    described = _attribute_type(name)
    size = len(described) + 2 + len(values)
    if size < 0x80:  # nearly every one; the rest below would say the same
        return _SEQUENCES[size] + described + _SETS[len(values)] + values
    return ber.tlv(ber.SEQUENCE, described + ber.tlv(ber.SET, values))


_SEQUENCES, _SETS = (tuple(ber.head(tag, size) for size in range(0x80)) for tag in (ber.SEQUENCE, ber.SET))


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
