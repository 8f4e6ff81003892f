"""Vendor-Specific attributes in their usual form (RFC 2865 section 5.26): a vendor, then numbers and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.errors import LocalProtocolError
from protocols.radius.dictionary import VENDOR_SPECIFIC
from protocols.radius.packet import MAX_VALUE, Packet, attribute

MICROSOFT = 311
HEAD = 4  # octets of a vendor's number
MORE = 0x80
"""Of the octet that says whether the value goes on: WiMAX' and RFC 6929's."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a vendor writes its attributes: octets of their numbers and of their lengths, and whether an octet follows
    that says if more of the value is to come."""

    number: int = 1
    length: int = 1
    continued: bool = False

    @property
    def octets(self) -> int:
        return self.number + self.length + self.continued


USUAL = Form()


def vendor_attribute(vendor: int, number: int, value: bytes, form: Form = USUAL) -> bytes:
    """A Vendor-Specific with one attribute; several, one behind the other, where the form can go on. Raises
    LocalProtocolError when the value is longer than 247 octets (in the usual form), and for a number without room."""
    if form is USUAL and number < 256:  # as what is below would write it
        return attribute(VENDOR_SPECIFIC, vendor.to_bytes(HEAD) + bytes((number, min(len(value) + 2, 255))) + value)
    if number >= 256**form.number:
        raise LocalProtocolError(f"the number {number} has more than {form.number} octets")
    name = vendor.to_bytes(HEAD), number.to_bytes(form.number)
    room = MAX_VALUE - HEAD - form.octets
    pieces = cut(value, room) if form.continued else [(value, False)]
    return b"".join(_one(*name, piece, form, goes_on) for piece, goes_on in pieces)


def _one(vendor: bytes, number: bytes, value: bytes, form: Form, goes_on: bool) -> bytes:
    size = min(form.octets + len(value), 256**form.length - 1).to_bytes(form.length)
    more = bytes((MORE * goes_on,)) if form.continued else b""
    return attribute(VENDOR_SPECIFIC, vendor + number + size + more + value)


def cut(value: bytes, room: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of at most so many octets, and whether another follows. Of nothing, one empty piece."""
    for at in range(0, max(len(value), 1), room):
        yield value[at : at + room], at + room < len(value)


def vendor_values(packet: Packet, vendor: int) -> Iterator[tuple[int, bytes]]:
    """Numbers and values of this vendor's attributes; what is malformed ends its attribute and is no fault."""
    octets = packet.octets
    head = vendor.to_bytes(HEAD)
    for start in packet.offsets(VENDOR_SPECIFIC):
        at, end = start + 2, start + octets[start + 1]
        if octets[at : at + HEAD] != head:
            continue
        at += HEAD
        while at + 2 <= end:
            number, size = octets[at], octets[at + 1]
            if size < 2 or at + size > end:
                break
            yield number, octets[at + 2 : at + size]
            at += size
