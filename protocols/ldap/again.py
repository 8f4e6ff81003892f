"""Questions that come again, and answers that are given again, under another message ID (RFC 4511 s4.1.1.1)."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.messages import MAX_MESSAGE_ID, OPERATIONS, Envelope

BIND, SEARCH = 0x60, 0x63
"""Tags of what is asked again and again."""
LONGEST_QUESTION = 512
"""Octets of its content; what is longer is read each time."""
_LONGEST = LONGEST_QUESTION + 32
"""With all headers."""
_SHORT = 0x7F
"""What an element can hold if its length takes one octet (X.690 s8.1.3.4)."""


def question(octets: bytes) -> tuple[int, int, bytes] | None:
    """Message ID, tag and content of a bind or a search, if it is all that these octets hold, and comes without
    controls. None says nothing: `messages.envelope` has the word about the rest, and would say the same of this."""
    size = len(octets)
    if 8 < size <= _SHORT + 2 and octets[1] == size - 2 and octets[2] == ber.INTEGER and octets[0] == ber.SEQUENCE:
        start = octets[3] + 4
        if 4 < start <= 8 and start + 2 <= size and octets[start + 1] == size - start - 2:  # so do most clients write
            message_id, tag = int.from_bytes(octets[4:start], "big", signed=True), octets[start]
            return (message_id, tag, octets[start + 2 :]) if message_id > 0 and tag in (BIND, SEARCH) else None
    if size > _LONGEST:
        return None
    try:
        start, stop = ber.expect(octets, 0, size, ber.SEQUENCE)
        message_id, start = ber.integer(octets, start, stop)
        tag, start, end = ber.header(octets, start, stop)
    except RemoteProtocolError:
        return None
    if end != size or not 0 < message_id <= MAX_MESSAGE_ID or tag not in (BIND, SEARCH):
        return None
    return message_id, tag, octets[start:end]


def request_alone(octets: bytes) -> Envelope | None:
    """What `question` recognises, as `messages.envelope` would say it."""
    asked = question(octets)
    if asked is None:
        return None
    message_id, tag, content = asked
    return Envelope(message_id, OPERATIONS[tag], content, 0, len(content), ())


def operations(octets: bytes) -> tuple[bytes, ...]:
    """What whole messages of our own carry behind their message ID. Raises RemoteProtocolError for anything else."""
    found, at, end = list[bytes](), 0, len(octets)
    while at < end:
        start, stop = ber.expect(octets, at, end, ber.SEQUENCE)
        _, start = ber.integer(octets, start, stop)
        found.append(octets[start:stop])
        at = stop
    return tuple(found)


def encode_messages(message_id: int, operations: Iterable[bytes]) -> bytes:
    """The inverse of `operations`, under another message ID, which is a request's."""
    size = message_id.bit_length() // 8 + 1
    identifier = _INTEGERS[size] + message_id.to_bytes(size, "big")
    said = b""
    for operation in operations:
        length = 2 + size + len(operation)
        said += (_HEADS[length] if length < _USUAL else ber.head(ber.SEQUENCE, length)) + identifier + operation
    return said


_INTEGERS = tuple(ber.head(ber.INTEGER, size) for size in range(5))
_USUAL = 1024
_HEADS = tuple(ber.head(ber.SEQUENCE, length) for length in range(_USUAL))
"""Of most messages; the rest are made each time."""
