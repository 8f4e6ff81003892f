"""How packets are laid out: a NAS says the same things in the same order, with names of a few lengths.

Whether a packet is laid out as another was is one comparison; walking from attribute to attribute is one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from protocols.radius.dictionary import VENDOR_SPECIFIC
from protocols.radius.packet import HEADER, Packet

MOST_LAYOUTS = 2048  # remembered; a NAS has one for each length of its people's names. About 5 MB when full
MOST_ATTRIBUTES = 24  # of a packet that is remembered; passwords come with about ten
SELDOM = 8  # one in so many takes the place of another layout of its length: remembering costs what some eight save


Heads = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    heads: Callable[[bytes], Heads]
    said: Heads
    """What they were of the packet that was remembered."""
    first: dict[int, int]
    count: int


class Layouts:
    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Layout] = {}
        """By address of the NAS and length of the packet."""
        self._others = 0
        """How often a packet was laid out otherwise than the one of its length."""

    def __len__(self) -> int:
        return len(self._known)

    def parse(self, datagram: bytes, address: str) -> Packet:
        """As `Packet.parse`. With the heads of a packet that was well formed, where that had them, a datagram of its
        length is so, too: each head says where the next one stands."""
        known = self._known.get((address, len(datagram)))
        if known is not None and known.heads(datagram) == known.said:
            return Packet(datagram, known.first, known.count)
        packet = Packet.parse(datagram)
        if packet.count <= MOST_ATTRIBUTES:
            self._remember(packet, address)
        return packet

    def _remember(self, packet: Packet, address: str) -> None:
        if (address, len(packet.octets)) in self._known:
            self._others += 1
            if self._others % SELDOM:
                return
        octets, look = packet.octets, heads(packet.octets)
        if len(self._known) >= MOST_LAYOUTS:
            self._known.clear()
        self._known[address, len(octets)] = _Layout(look, look(octets), packet.first, packet.count)


def heads(octets: bytes) -> Callable[[bytes], Heads]:
    """Of a well-formed packet: what looks, in one of its length, at what says how it is laid out, where that stands in
    this one. These are its code, its Length, the number and size of each attribute, and whose the vendors' ones are."""
    form, at = f">BxH{HEADER - 4}x", HEADER
    while at < len(octets):
        size = octets[at + 1]
        head = 6 if octets[at] == VENDOR_SPECIFIC and size >= 6 else 2
        form += f"{head}B{size - head}x"
        at += size
    return Struct(form).unpack
