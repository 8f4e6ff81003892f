"""How packets are laid out: a NAS says the same things in the same order, with names of a few lengths.

Whether a packet is laid out as another was is one comparison; walking from attribute to attribute is one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from protocols.radius.packet import HEADER, Packet

MOST_LAYOUTS = 2048  # remembered; a NAS has one for each length of its people's names. About 5 MB when full
MOST_ATTRIBUTES = 24  # of a packet that is remembered; passwords come with about ten


@dataclass(frozen=True, slots=True)
class _Layout:
    heads: Callable[[bytes], tuple[int, ...]]
    """The packet's length, and the number and size of each attribute, where they stood in that packet."""
    said: tuple[int, ...]
    """What they were."""
    first: dict[int, int]
    count: int


class Layouts:
    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Layout] = {}
        """By address of the NAS and length of the packet."""

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
        octets, form, at = packet.octets, f">2xH{HEADER - 4}x", HEADER
        while at < len(octets):
            form += f"2B{octets[at + 1] - 2}x"
            at += octets[at + 1]
        heads: Callable[[bytes], tuple[int, ...]] = Struct(form).unpack
        if len(self._known) >= MOST_LAYOUTS:
            self._known.clear()
        self._known[address, len(octets)] = _Layout(heads, heads(octets), packet.first, packet.count)
