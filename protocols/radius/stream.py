"""RADIUS packets in a stream (RFC 6614 section 2.1, RFC 6613 section 2.4): each says itself how long it is."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.radius.packet import HEADER, MAX_LENGTH

SECRET = b"radsec"
"""Over TLS the shared secret protects nothing, and is always this (RFC 6614 section 2.3)."""


class PacketStream:
    """At most one packet is kept while the rest of it comes."""

    def __init__(self) -> None:
        self._left = b""

    def receive(self, octets: bytes) -> list[bytes]:
        """The packets that are whole now. Raises RemoteProtocolError: behind a wrong length nothing can be found."""
        octets, found = self._left + octets, []
        while len(octets) >= 4:
            length = int.from_bytes(octets[2:4])
            if not HEADER <= length <= MAX_LENGTH:
                raise RemoteProtocolError(f"Length {length} is outside {HEADER} to {MAX_LENGTH}")
            if len(octets) < length:
                break
            found.append(octets[:length])
            octets = octets[length:]
        self._left = octets
        return found

    @property
    def is_whole(self) -> bool:
        """Nothing is left of a packet that has begun."""
        return not self._left
