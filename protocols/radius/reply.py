"""Attributes of an answer, from names and values as people write them to octets (RFC 2865, 2868, 3162, 8044)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count

from protocols.errors import LocalProtocolError
from protocols.radius.definitions import LEARNED, LONG_EXTENDED, OF_VENDORS, Definition, defined, generic, is_built_in
from protocols.radius.dictionary import DataType
from protocols.radius.mppe import salted
from protocols.radius.packet import MAX_VALUE, attribute
from protocols.radius.values import octets_of
from protocols.radius.vendor import HEAD, MORE, cut, vendor_attribute

MOST_OCTETS = 3000  # of one answer's chosen attributes; keys, EAP and Proxy-State need the rest of the 4,096
MAX_TAG = 0x1F  # RFC 2868 section 3
MAX_VENDOR_VALUE = 247
MAX_HIDDEN = 239  # beside it stand its length, salt and tag, and all is filled up to whole blocks of 16

Hide = Callable[[bytes], bytes]
"""What hides a value in one answer: salt and all."""


def hiding(secret: bytes, authenticator: bytes, random: Callable[[int], bytes]) -> Hide:
    """For one answer. ``random`` gives so many random octets; ``authenticator``: of the request."""
    salts = _salts(random)

    def hide(value: bytes) -> bytes:
        salt = next(salts)
        return salt + salted(value, secret, authenticator, salt)

    return hide


def _salts(random: Callable[[int], bytes]) -> Iterator[bytes]:
    """No two of one packet may be alike (RFC 2868 section 3.5), which chance alone does not promise."""
    for number in count(int.from_bytes(random(2))):
        yield (number & 0x7FFF | 0x8000).to_bytes(2)


def encoded(name: str, value: str | int, tag: int, hide: Hide) -> bytes:
    """One attribute. Raises ValueError with a sentence for people."""
    definition = defined(name)
    if tag and not definition.tagged:
        raise ValueError(f"{definition.name} takes no tag.")
    if not 0 <= tag <= MAX_TAG:
        raise ValueError(f"The tag of {definition.name} lies between 0 and {MAX_TAG}.")
    octets = octets_of(definition, value)
    if not octets:
        raise ValueError(f"{definition.name} needs a value.")
    if len(octets) > _longest(definition):
        raise ValueError(f"The value of {definition.name} is too long: {len(octets)} octets.")
    if definition.hidden:
        octets = hide(octets)
    if definition.tagged:
        octets = _with_tag(definition, octets, tag)
    try:
        return _placed(definition, octets)
    except (LocalProtocolError, OverflowError, ValueError) as error:
        raise ValueError(f"{definition.name}: {error}.") from error


def _longest(definition: Definition) -> int:
    """Octets that a value may have before it is hidden."""
    if definition.hidden:
        return MAX_HIDDEN
    if definition.form.continued or (not definition.vendor and definition.number in LONG_EXTENDED):
        return MOST_OCTETS
    return MAX_VENDOR_VALUE if definition.vendor else MAX_VALUE - bool(definition.below)


def _placed(definition: Definition, octets: bytes) -> bytes:
    """With its number, and those of the attributes around it. Raises what does not fit."""
    if definition.vendor:
        inside = _nested(definition.below, octets)
        return vendor_attribute(definition.vendor, definition.number, inside, definition.form)
    if definition.below:
        return _extended(definition.number, definition.below, octets)
    return attribute(definition.number, octets)


def _extended(number: int, below: tuple[int, ...], octets: bytes) -> bytes:
    """RFC 6929 section 2: one of a vendor says which, and a long one may go on in others."""
    first, *inside = below
    if first == OF_VENDORS:
        vendor, own, *inside = inside
        octets = vendor.to_bytes(HEAD) + bytes((own,)) + _nested(inside, octets)
    else:
        octets = _nested(inside, octets)
    if number not in LONG_EXTENDED:
        return attribute(number, bytes((first,)) + octets)
    pieces = cut(octets, MAX_VALUE - 2)
    return b"".join(attribute(number, bytes((first, MORE * goes_on)) + piece) for piece, goes_on in pieces)


def _nested(numbers: Sequence[int], octets: bytes) -> bytes:
    """In attributes inside an attribute. Raises LocalProtocolError."""
    for number in reversed(numbers):
        octets = attribute(number, octets)
    return octets


def portable(name: str, value: str | int, tag: int) -> tuple[str, str | int, int]:
    """The same in words that need no dictionary, for an outpost that has none. Raises ValueError with a sentence."""
    one = LEARNED.get(name.lower())
    return (name, value, tag) if one is None else told(one, value, tag)


def told(one: Definition, value: str | int, tag: int) -> tuple[str, str | int, int]:
    """As `portable`."""
    if is_built_in(one):
        return one.name, one.values.get(str(value).strip().lower(), value), tag
    octets = octets_of(one, value)
    if one.tagged and not one.hidden:
        octets, tag = _with_tag(one, octets, tag), 0
    return written(one), f"0x{octets.hex()}", tag


def written(one: Definition) -> str:
    """The name that every outpost knows it by."""
    if is_built_in(one):
        return one.name
    return generic(one) + ("+*" if one.tagged and one.hidden else "*" if one.hidden else "")


def check(name: str, value: str | int, tag: int) -> int:
    """The octets that it takes. Raises ValueError with a sentence."""
    return len(encoded(name, value, tag, hiding(b"secret", bytes(16), bytes)))


def _with_tag(definition: Definition, octets: bytes, tag: int) -> bytes:
    """Numbers give up an octet for it; texts have one in front only if there is one (RFC 2868 section 3)."""
    if definition.type in (DataType.INTEGER, DataType.ENUM):
        if octets[0]:
            raise ValueError(f"{definition.name} has room for 24 bits beside its tag.")
        return bytes((tag,)) + octets[1:]
    return bytes((tag,)) + octets if tag or definition.hidden else octets
