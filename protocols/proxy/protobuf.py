"""Protocol buffers as bytes (the wire format of version 3): as much of it as short messages need.

A message is its fields, numbers to values in the order in which they came; what a number means, its reader knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocols.errors import RemoteProtocolError

MAX_FIELDS = 2000
"""Of one message; a request with a hundred headers has some three hundred."""
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
"""Wire types; groups (3 and 4) are not of version 3."""
MAX_VARINT_BYTES = 10


class BadMessage(RemoteProtocolError):
    """Not the wire format, or more than is taken."""


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Raises BadMessage."""
    at, count = 0, 0
    while at < len(message):
        count += 1
        if count > MAX_FIELDS:
            raise BadMessage("too many fields")
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise BadMessage("a field has number 0")
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _varint(message, at)
        elif kind in (EIGHT, FOUR):
            length = 8 if kind == EIGHT else 4
        else:
            raise BadMessage("an unknown kind of field")
        if length > len(message) - at:
            raise BadMessage("a field ends after its message")
        yield number, message[at : at + length]
        at += length


class Parts(dict[int, list[bytes]]):
    """Of one message every field that holds bytes, text or messages. Raises BadMessage."""

    def __init__(self, message: bytes) -> None:
        for number, value in fields(message):
            if isinstance(value, bytes):
                self.setdefault(number, []).append(value)

    def all(self, number: int) -> list[bytes]:
        return self.get(number, [])

    def last(self, number: int) -> bytes:
        """What counts of a field that is there once; empty if it is not there."""
        return self[number][-1] if number in self else b""


def parts(message: bytes, number: int) -> list[bytes]:
    """Every value of one field. Raises BadMessage."""
    return Parts(message).all(number)


def part(message: bytes, *path: int) -> bytes:
    """The value at the end of a path of fields, each the last of its number, as the format has it; empty if it is not
    there. Raises BadMessage."""
    for number in path:
        message = Parts(message).last(number)
    return message


def number(field: int, value: int) -> bytes:
    """A field that is a whole number; 0 is what is not written."""
    return _written(field << 3 | VARINT) + _written(value) if value else b""


def content(field: int, value: bytes) -> bytes:
    """A field that is bytes, text or a message, written even if it is empty."""
    return _written(field << 3 | BYTES) + _written(len(value)) + value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(MAX_VARINT_BYTES):
        if at >= len(message):
            raise BadMessage("a number ends after its message")
        octet = message[at]
        at += 1
        value |= (octet & 0x7F) << (7 * index)
        if octet < 0x80:
            return value, at
    raise BadMessage("a number is too long")


def _written(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
