"""User-Password (RFC 2865 section 5.2): hidden by a key stream of MD5 blocks, each chained to the hidden one before."""

from __future__ import annotations

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.radius.md5 import md5

BLOCK = 16
MAX_PASSWORD = 128  # RFC 2865 section 5.2
_number = int.from_bytes


def reveal(hidden: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """The password without its padding; noise when the secret is wrong.

    Raises RemoteProtocolError when ``hidden`` is not 16, 32, ... 128 octets long.
    """
    size = len(hidden)
    if not BLOCK <= size <= MAX_PASSWORD or size % BLOCK:
        raise RemoteProtocolError(f"a User-Password of {size} octets")
    stream = md5(secret + authenticator).digest()
    for at in range(BLOCK, size, BLOCK):
        stream += md5(secret + hidden[at - BLOCK : at]).digest()
    return (_number(stream) ^ _number(hidden)).to_bytes(size).rstrip(b"\0")


def hide(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """The value of a User-Password attribute. Raises LocalProtocolError for more than 128 octets."""
    if len(password) > MAX_PASSWORD:
        raise LocalProtocolError(f"a password of {len(password)} octets cannot be sent")
    padded = password.ljust(max(BLOCK, -(-len(password) // BLOCK) * BLOCK), b"\0")
    hidden, before = b"", authenticator
    for at in range(0, len(padded), BLOCK):
        stream = md5(secret + before).digest()
        before = bytes(a ^ b for a, b in zip(padded[at : at + BLOCK], stream, strict=True))
        hidden += before
    return hidden
