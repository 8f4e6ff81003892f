"""Class (RFC 2865 section 5.25): what a NAS sends back with its accounting, so that we know whose session it is.

It holds no secret, and is believed only from a NAS that knows its own.
"""

from __future__ import annotations

from protocols.radius.dictionary import CLASS
from protocols.radius.packet import Packet

PREFIX = b"outpost:user:"
MOST_DIGITS = 18


def class_of(user: int) -> bytes:
    """``user``: the pk."""
    return PREFIX + str(user).encode()


def user_of(packet: Packet) -> int | None:
    """The pk in the first Class of ours; None: there is none."""
    octets = packet.octets
    for at in packet.offsets(CLASS):
        value = octets[at + 2 : at + octets[at + 1]]
        digits = value.removeprefix(PREFIX)
        if value.startswith(PREFIX) and 0 < len(digits) <= MOST_DIGITS and digits.isdigit():
            return int(digits)
    return None
