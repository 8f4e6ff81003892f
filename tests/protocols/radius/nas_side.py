"""What a NAS does, written from the RFCs with hashlib alone and sharing no code with `protocols.radius`."""

from __future__ import annotations

import hashlib
import hmac
import struct

SECRET = b"xyzzy5461"
PEER = ("192.0.2.7", 1645)


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("BB", number, len(value) + 2) + value


def hidden(password: bytes, authenticator: bytes, secret: bytes = SECRET) -> bytes:
    """RFC 2865 5.2, octet by octet; the caller pads."""
    out, block = b"", authenticator
    for at in range(0, len(password), 16):
        stream = hashlib.md5(secret + block).digest()
        block = bytes(p ^ s for p, s in zip(password[at : at + 16], stream, strict=False))
        out += block
    return out


def padded(password: bytes) -> bytes:
    return password + b"\0" * (-len(password) % 16 or (16 if not password else 0))


def request(
    attributes: bytes,
    *,
    code: int = 1,
    identifier: int = 7,
    authenticator: bytes = bytes(range(16)),
    secret: bytes = SECRET,
    sign: str = "first",
) -> bytes:
    """A request with its Message-Authenticator ``first``, ``last`` or ``never``."""
    blank = attribute(80, bytes(16))
    body = {"first": blank + attributes, "last": attributes + blank, "never": attributes}[sign]
    packet = struct.pack("!BBH", code, identifier, 20 + len(body)) + authenticator + body
    if sign == "never":
        return packet
    at = 22 if sign == "first" else len(packet) - 16
    return packet[:at] + hmac.new(secret, packet, hashlib.md5).digest() + packet[at + 16 :]


def keyed(code: int, attributes: bytes, *, identifier: int = 7, secret: bytes = SECRET, sign: bool = False) -> bytes:
    """A request whose authenticator is made from the secret: Accounting (RFC 2866 section 3), and those of RFC 5176."""
    body = (attribute(80, bytes(16)) if sign else b"") + attributes
    head = struct.pack("!BBH", code, identifier, 20 + len(body))
    if sign:
        body = attribute(80, hmac.new(secret, head + bytes(16) + body, hashlib.md5).digest()) + attributes
    return head + hashlib.md5(head + bytes(16) + body + secret).digest() + body


def plain_reply(code: int, asked: bytes, attributes: bytes = b"", secret: bytes = SECRET) -> bytes:
    """The reply to a `keyed` request, without Message-Authenticator."""
    head = struct.pack("!BBH", code, asked[1], 20 + len(attributes))
    return head + hashlib.md5(head + asked[4:20] + attributes + secret).digest() + attributes


def pap(
    username: bytes = b"alice",
    password: bytes = b"correct horse",
    *,
    extra: bytes = b"",
    authenticator: bytes = bytes(range(16)),
    secret: bytes = SECRET,
    sign: str = "first",
    identifier: int = 7,
) -> bytes:
    attributes = attribute(1, username) + attribute(2, hidden(padded(password), authenticator, secret)) + extra
    return request(attributes, identifier=identifier, authenticator=authenticator, secret=secret, sign=sign)


def expected_reply(code: int, asked: bytes, attributes: bytes = b"", secret: bytes = SECRET) -> bytes:
    """The reply that RFC 2865 and 3579 prescribe, with Message-Authenticator first."""
    head = struct.pack("!BBH", code, asked[1], 38 + len(attributes))
    blank = head + asked[4:20] + attribute(80, bytes(16)) + attributes
    signed = attribute(80, hmac.new(secret, blank, hashlib.md5).digest()) + attributes
    return head + hashlib.md5(head + asked[4:20] + signed + secret).digest() + signed


def believes(reply: bytes, asked: bytes, secret: bytes = SECRET) -> bool:
    """Would a careful NAS take this for the answer to what it asked?"""
    if reply[1] != asked[1] or len(reply) != struct.unpack("!H", reply[2:4])[0] or reply[20:22] != b"\x50\x12":
        return False
    return reply == expected_reply(reply[0], asked, reply[38:], secret)
