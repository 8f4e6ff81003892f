"""Virtual list views (draft-ietf-ldapext-ldapv3-vlv-09): a window on a sorted result, by offset or by value."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from protocols.errors import RemoteProtocolError
from protocols.ldap import ber
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.search import Entry
from protocols.ldap.sorting import Order, Place


class ViewRequest(NamedTuple):
    """``SEQUENCE { beforeCount, afterCount, target CHOICE { byOffset [0] SEQUENCE { offset, contentCount },
    greaterThanOrEqual [1] }, contextID OCTET STRING OPTIONAL }``"""

    before: int
    after: int
    offset: int
    content: int
    """What the client believes the result to hold; 0: it does not know."""
    value: bytes | None
    """Begin at the first entry that is at or behind it; then offset and content mean nothing."""


class OutOfRange(Exception):
    """The offset is beyond the end."""


class Window(NamedTuple):
    start: int
    stop: int
    """Indices into the sorted result, ``stop`` excluded."""
    target: int
    """Position of the entry that was asked for, from 1."""


def decode(value: bytes | None) -> ViewRequest:
    """Raises Refused."""
    octets = value or b""
    try:
        at, end = ber.expect(octets, 0, len(octets), ber.SEQUENCE)
        before, at = ber.integer(octets, at, end)
        after, at = ber.integer(octets, at, end)
        tag, start, at = ber.header(octets, at, end)
        offset = count = 0
        wanted: bytes | None = None
        if tag == 0xA0:
            offset, start = ber.integer(octets, start, at)
            count, _ = ber.integer(octets, start, at)
        elif tag == 0x81:
            wanted = octets[start:at]
        else:
            raise ber.Malformed("a target of no kind")
        if before < 0 or after < 0 or offset < 0 or count < 0:
            raise ber.Malformed("a negative count")
    except RemoteProtocolError:
        raise Refused(ResultCode.PROTOCOL_ERROR, "The virtual list view control could not be decoded.") from None
    return ViewRequest(before, after, offset, count, wanted)


def encode(target: int, count: int, code: int) -> bytes:
    """Value of the response's control: ``SEQUENCE { targetPosition, contentCount, virtualListViewResult }``."""
    return ber.tlv(
        ber.SEQUENCE,
        ber.encode_integer(target) + ber.encode_integer(count) + ber.encode_integer(code, ber.ENUMERATED),
    )


def window(request: ViewRequest, found: Sequence[tuple[Place, Entry]], order: Order) -> Window:
    """``found`` is sorted. Raises Refused and OutOfRange."""
    count = len(found)
    if request.value is not None:
        reaches = order.reaches(request.value)
        target = 1 + bisect_left(found, True, key=lambda one: reaches(one[0]))
    elif request.offset <= 1:
        target = min(1, count)
    elif request.offset > (request.content or count):
        raise OutOfRange
    elif request.content in (0, count):
        target = request.offset
    else:  # the client's idea of the length is stretched to ours
        target = 1 + (count - 1) * (request.offset - 1) // (request.content - 1)
    return Window(max(target - 1 - request.before, 0), min(target + request.after, count), target)
