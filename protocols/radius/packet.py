"""A RADIUS packet (RFC 2865 sections 3 and 5): header, attributes found by offset, the exact octets kept for signing.

Attributes stay octets until somebody asks for one: a request has about ten and the answer needs three.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from protocols.errors import LocalProtocolError, RemoteProtocolError

HEADER = 20
MAX_LENGTH = 4096  # RFC 2865 section 3
MAX_ATTRIBUTES = 200  # real requests stay under 40; FreeRADIUS refuses more than 200 as well
MAX_VALUE = 253  # one octet counts the attribute's own two


class Code(IntEnum):
    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    ACCESS_CHALLENGE = 11
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


@dataclass(slots=True)
class Packet:
    """Never changed; not frozen, because it is made for every request and freezing costs three times as much."""

    octets: bytes
    """Exactly as many as the Length field says."""
    first: dict[int, int]
    """Attribute number to the offset of its first occurrence."""
    count: int
    """Of attributes."""

    @classmethod
    def parse(cls, datagram: bytes) -> Packet:
        """Octets behind Length are padding (RFC 2865 section 3). Raises RemoteProtocolError ``malformed``."""
        have = len(datagram)
        if have < HEADER:
            raise RemoteProtocolError(f"{have} octets are shorter than the header")
        length = datagram[2] << 8 | datagram[3]
        if not HEADER <= length <= MAX_LENGTH:
            raise RemoteProtocolError(f"Length {length} is outside {HEADER} to {MAX_LENGTH}")
        if length > have:
            raise RemoteProtocolError(f"Length {length}, but only {have} octets came")
        octets = datagram[:length]
        first: dict[int, int] = {}
        offset, count, last = HEADER, 0, length - 2
        while offset <= last:
            number, size = octets[offset], octets[offset + 1]
            if size < 2:
                raise RemoteProtocolError(f"attribute {number} at {offset} has length {size}")
            if number not in first:
                first[number] = offset
            offset += size
            count += 1
        if offset != length:
            raise RemoteProtocolError(f"the last attribute ends at {offset}, the packet at {length}")
        if count > MAX_ATTRIBUTES:
            raise RemoteProtocolError(f"{count} attributes are more than {MAX_ATTRIBUTES}")
        return cls(octets, first, count)

    @property
    def code(self) -> int:
        return self.octets[0]

    @property
    def identifier(self) -> int:
        return self.octets[1]

    @property
    def authenticator(self) -> bytes:
        return self.octets[4:20]

    def get(self, number: int) -> bytes | None:
        """The value of the first attribute with this number, or None."""
        offset = self.first.get(number)
        if offset is None:
            return None
        return self.octets[offset + 2 : offset + self.octets[offset + 1]]

    def offsets(self, number: int) -> list[int]:
        """Where each attribute with this number begins, in order."""
        found: list[int] = []
        octets, end = self.octets, len(self.octets)
        offset = self.first.get(number, end)
        while offset < end:
            if octets[offset] == number:
                found.append(offset)
            offset += octets[offset + 1]
        return found

    def encoded(self, number: int) -> bytes:
        """All attributes with this number, in order, each with its header: ready to be echoed."""
        if number not in self.first:
            return b""
        octets = self.octets
        return b"".join([octets[at : at + octets[at + 1]] for at in self.offsets(number)])

    def repeats(self, numbers: frozenset[int]) -> bool:
        """Does any of these attributes occur more than once?"""
        if len(self.first) == self.count:
            return False
        return any(len(self.offsets(number)) > 1 for number in numbers)


def attribute(number: int, value: bytes) -> bytes:
    """One encoded attribute. Raises LocalProtocolError when the value is longer than 253 octets."""
    if len(value) > MAX_VALUE:
        raise LocalProtocolError(f"attribute {number} cannot hold {len(value)} octets")
    return bytes((number, len(value) + 2)) + value
