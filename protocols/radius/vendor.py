"""Vendor-Specific attributes in their usual form (RFC 2865 section 5.26): a vendor, then numbers and values."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from protocols.radius.dictionary import VENDOR_SPECIFIC
from protocols.radius.packet import Packet, attribute

MICROSOFT = 311
HEAD = 4  # octets of a vendor's number


def vendor_attribute(vendor: int, number: int, value: bytes) -> bytes:
    """A Vendor-Specific with one attribute. Raises LocalProtocolError when the value is longer than 247 octets."""
    return attribute(VENDOR_SPECIFIC, pack("!IB", vendor, number) + bytes((min(len(value) + 2, 255),)) + value)


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
