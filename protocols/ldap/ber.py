"""The Basic Encoding Rules as LDAP restricts them (RFC 4511 s5.1): definite lengths, low tag numbers.

Reading works on integer offsets into one ``bytes``; writing builds from the inside out. Everything malformed raises
RemoteProtocolError, and nothing is read beyond the end that the caller names.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import RemoteProtocolError

BOOLEAN, INTEGER, OCTET_STRING, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31

MAX_LENGTH_OCTETS = 4
"""A longer length field names more than 4 GiB, which every limit of ours refuses anyway."""
MAX_INTEGER_OCTETS = 8
"""No INTEGER of LDAP needs more than four; a non-minimal encoding may have a few zeros in front."""

_SHORT = tuple(bytes((n,)) for n in range(0x100))
_TWO = tuple((bytes((tag, 0x81)), bytes((tag, 0x82))) for tag in range(0x100))
"""Tag to the beginning of an element whose length takes one octet more, or two."""


class Malformed(RemoteProtocolError):
    """The octets are not BER, or not what the grammar wants there."""


def frame(buffer: bytes | bytearray, limit: int, at: int = 0) -> int | None:
    """Octets that the SEQUENCE at ``at`` takes, its header included; None while it is incomplete.

    Raises RemoteProtocolError as soon as the header shows that it is no SEQUENCE or longer than ``limit``.
    """
    have = len(buffer) - at
    if have < 2:
        if have and buffer[at] != SEQUENCE:
            raise Malformed("the stream does not hold LDAP messages")
        return None
    if buffer[at] != SEQUENCE:
        raise Malformed("the stream does not hold LDAP messages")
    size = 2 + buffer[at + 1]
    if size >= 0x82:
        octets = size - 0x82
        if not 0 < octets <= MAX_LENGTH_OCTETS:
            raise Malformed("a message of indefinite or absurd length")
        if have < 2 + octets:
            return None
        size = 2 + octets + int.from_bytes(buffer[at + 2 : at + 2 + octets], "big")
    if size > limit:
        raise RemoteProtocolError(f"a message of {size} octets; the limit is {limit}", "oversize")
    return size if have >= size else None


def header(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start and stop of the value of the element at ``at``; the next element begins at stop."""
    start = at + 2
    if start > end:
        raise Malformed("an element is missing")
    tag = octets[at]
    length = octets[at + 1]
    if length >= 0x80:
        count = length - 0x80
        start += count
        if not 0 < count <= MAX_LENGTH_OCTETS or start > end:
            raise Malformed("a length that is indefinite, absurd or cut off")
        length = int.from_bytes(octets[at + 2 : start], "big")
    stop = start + length
    if stop > end:
        raise Malformed("an element is longer than what contains it")
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag number that LDAP does not use")
    return tag, start, stop


def expect(octets: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Start and stop of the value of the element at ``at``, which must have ``tag``."""
    found, start, stop = header(octets, at, end)
    if found != tag:
        raise Malformed(f"tag {found:#x} where {tag:#x} belongs")
    return start, stop


def ignore(octets: bytes, at: int, end: int, *known: int) -> None:
    """What stands behind the parts of a SEQUENCE that are known: later versions may add some (RFC 4511 s4).

    Raises Malformed for octets that are no elements, and for a ``known`` tag, whose place was earlier.
    """
    while at < end:
        tag, _, at = header(octets, at, end)
        if tag in known:
            raise Malformed(f"tag {tag:#x} where it does not belong")


def integer(octets: bytes, at: int, end: int, tag: int = INTEGER) -> tuple[int, int]:
    """The INTEGER (or ENUMERATED) at ``at``, and where the next element begins."""
    if at + 2 < end and octets[at] == tag and 0 < octets[at + 1] <= MAX_INTEGER_OCTETS:
        stop = at + 2 + octets[at + 1]
        if stop <= end:  # nearly every one; the rest below would say the same
            return int.from_bytes(octets[at + 2 : stop], "big", signed=True), stop
    start, stop = expect(octets, at, end, tag)
    if not 0 < stop - start <= MAX_INTEGER_OCTETS:
        raise Malformed("an integer that is empty or too long")
    return int.from_bytes(octets[start:stop], "big", signed=True), stop


def boolean(octets: bytes, at: int, end: int, tag: int = BOOLEAN) -> tuple[bool, int]:
    start, stop = expect(octets, at, end, tag)
    if stop - start != 1:
        raise Malformed("a boolean is one octet")
    return octets[start] != 0, stop


def octet_string(octets: bytes, at: int, end: int, tag: int = OCTET_STRING) -> tuple[bytes, int]:
    """The OCTET STRING at ``at``, and where the next element begins."""
    if at + 2 <= end and octets[at] == tag and (stop := at + 2 + octets[at + 1]) <= end and stop < at + 0x82:
        return octets[at + 2 : stop], stop  # nearly every one; the rest below would say the same
    start, stop = expect(octets, at, end, tag)
    return octets[start:stop], stop


def tlv(tag: int, value: bytes) -> bytes:
    """One element."""
    length = len(value)
    if length < 0x80:
        return _SHORT[tag] + _SHORT[length] + value
    if length < 0x10000:  # nearly every other one; the rest below would say the same of longer ones
        return _TWO[tag][length >= 0x100] + length.to_bytes(1 + (length >= 0x100), "big") + value
    return head(tag, length) + value


def around(tag: int, pieces: Iterable[bytes]) -> list[bytes]:
    """One element whose value comes in pieces; a long one is not put together, which takes a millisecond a megabyte."""
    pieces = list(pieces)
    return [head(tag, sum(map(len, pieces))), *pieces]


def head(tag: int, length: int) -> bytes:
    """What stands before a value of this length."""
    if length < 0x80:
        return bytes((tag, length))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size


def encode_integer(number: int, tag: int = INTEGER) -> bytes:
    if 0 <= number < 0x80:
        return _SHORT[tag] + b"\x01" + _SHORT[number]
    size = (number + (number < 0)).bit_length() // 8 + 1
    return _SHORT[tag] + _SHORT[size] + number.to_bytes(size, "big", signed=True)
