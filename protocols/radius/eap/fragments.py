"""How TLS messages are cut up in EAP (RFC 5216 section 2.1.5 and 3): a flags octet, perhaps a length, a piece."""

from __future__ import annotations

from struct import pack

from protocols.errors import RemoteProtocolError

LENGTH_INCLUDED, MORE, START = 0x80, 0x40, 0x20
MAX_MESSAGE = 65_536  # octets of one flight, hostapd's bound; nothing is allocated before it has come
LENGTH_OCTETS = 4
SMALLEST = 64  # octets of a piece; a NAS that announces less is not believed


class Incoming:
    """Puts a peer's message together."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._announced: int | None = None

    def receive(self, data: bytes) -> bytes | None:
        """The whole message, or None while more of it is to come. Raises RemoteProtocolError."""
        if not data:
            raise RemoteProtocolError("a TLS method's response without flags")
        flags, piece = data[0], data[1:]
        if flags & LENGTH_INCLUDED:
            piece = self._announce(piece)
        if flags & MORE and not piece:
            raise RemoteProtocolError("an empty fragment that announces more")
        self._size += len(piece)
        if self._size > (MAX_MESSAGE if self._announced is None else self._announced):
            raise RemoteProtocolError(f"{self._size} octets of TLS are more than announced, or than {MAX_MESSAGE}")
        self._parts.append(piece)
        return None if flags & MORE else self._whole()

    def _announce(self, piece: bytes) -> bytes:
        if len(piece) < LENGTH_OCTETS:
            raise RemoteProtocolError("a TLS length that is cut short")
        announced = int.from_bytes(piece[:LENGTH_OCTETS])
        if announced > MAX_MESSAGE or self._announced not in (None, announced):
            raise RemoteProtocolError(f"a TLS message of {announced} octets is announced")
        self._announced = announced
        return piece[LENGTH_OCTETS:]

    def _whole(self) -> bytes:
        if self._announced not in (None, self._size):
            raise RemoteProtocolError(f"{self._announced} octets of TLS were announced, and {self._size} came")
        whole = b"".join(self._parts)
        self._parts, self._size, self._announced = [], 0, None
        return whole


class Outgoing:
    """Cuts our messages; ``size``: octets of a piece. ``version``: of PEAP or TTLS, in the lowest flag bits."""

    def __init__(self, size: int, version: int = 0) -> None:
        self._size = max(size, SMALLEST)
        self._version = version
        self._left = b""

    def __bool__(self) -> bool:
        """Is there more to be sent once the peer has acknowledged?"""
        return bool(self._left)

    @property
    def start(self) -> bytes:
        return bytes((START | self._version,))

    @property
    def acknowledgement(self) -> bytes:
        return bytes((self._version,))

    def first(self, message: bytes) -> bytes:
        """The type data that begins a message; an empty one is an acknowledgement."""
        self._left = message
        if len(message) <= self._size:
            return self.next()
        piece = self._cut()
        return bytes((LENGTH_INCLUDED | MORE | self._version,)) + pack("!I", len(message)) + piece

    def next(self) -> bytes:
        piece = self._cut()
        return bytes(((MORE if self._left else 0) | self._version,)) + piece

    def _cut(self) -> bytes:
        piece, self._left = self._left[: self._size], self._left[self._size :]
        return piece


def is_acknowledgement(data: bytes) -> bool:
    """``data``: of a Response; nothing but flags, which say nothing."""
    return len(data) == 1 and not data[0] & (LENGTH_INCLUDED | MORE | START)
