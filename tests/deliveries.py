"""The ways in which a stream may hand over the same bytes. Every parser is fed all, and must not tell them apart.

for delivery in deliveries(message):
    parser = Parser()
    for piece in delivery.pieces:
        parser.receive_data(piece)
    assert events(parser) == expected
    assert parser.left_over == delivery.trailing
"""

from __future__ import annotations

from dataclasses import dataclass

TRAILING = b"\x00\xff\x30"
"""Begins no complete message in any of our languages."""


@dataclass(frozen=True, slots=True)
class Delivery:
    name: str
    pieces: tuple[bytes, ...]
    trailing: bytes = b""
    """Bytes behind the message, contained in the pieces; the parser must leave them for whoever comes next."""

    def __str__(self) -> str:
        return self.name


def deliveries(message: bytes, trailing: bytes = TRAILING) -> tuple[Delivery, ...]:
    """Whole, byte by byte, in halves, and whole with trailing bytes. With ``trailing=b""`` the last one is left out."""
    half = len(message) // 2
    ways = (
        Delivery("whole", (message,)),
        Delivery("byte by byte", tuple(message[at : at + 1] for at in range(len(message)))),
        Delivery("halves", (message[:half], message[half:])),
    )
    if not trailing:
        return ways
    return (*ways, Delivery("with trailing bytes", (message + trailing,), trailing))
