"""Response Authenticator (RFC 2865 section 3) and Message-Authenticator (RFC 3579 section 3.2).

MD5 is what the protocol prescribes; it is keyed by the shared secret here and protects nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from hmac import compare_digest
from struct import Struct

from protocols.errors import LocalProtocolError
from protocols.radius.dictionary import MESSAGE_AUTHENTICATOR
from protocols.radius.md5 import Digest, md5
from protocols.radius.packet import HEADER, MAX_LENGTH, Packet

ZEROS = bytes(16)
MESSAGE_AUTHENTICATOR_LENGTH = 18
_HEAD = bytes((MESSAGE_AUTHENTICATOR, MESSAGE_AUTHENTICATOR_LENGTH))
_UNSIGNED = _HEAD + ZEROS
_header = Struct(">BBH").pack
"""Code, identifier and length."""
PLAIN_REPLY = HEADER + MESSAGE_AUTHENTICATOR_LENGTH
"""Octets of a reply that carries nothing but its Message-Authenticator."""

MAX_KEYED = 4096
"""Shared secrets whose key is kept ready for HMAC: more than a table of NAS has, about 2 MB."""
_BLOCK = 64
_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


@lru_cache(MAX_KEYED)
def _keyed(secret: bytes) -> tuple[Digest, Digest]:
    """The inner and the outer digest of RFC 2104 section 4, which have taken in the key: half of the work."""
    key = secret if len(secret) <= _BLOCK else md5(secret).digest()
    padded = key.ljust(_BLOCK, b"\0")
    return (
        md5(padded.translate(_INNER)),
        md5(padded.translate(_OUTER)),
    )


def hmac_md5(secret: bytes, octets: bytes) -> bytes:
    """As ``hmac.digest``, which takes in the key each time and costs three times as much."""
    keyed_inner, keyed_outer = _keyed(secret)
    inner, outer = keyed_inner.copy(), keyed_outer.copy()
    inner.update(octets)
    outer.update(inner.digest())
    return outer.digest()


def message_authenticator_verifies(packet: Packet, secret: bytes) -> bool:
    """For a request that carries one. Other lengths than 18 never verify."""
    return signature_verifies(packet.octets, packet.first[MESSAGE_AUTHENTICATOR], secret)


def signature_verifies(octets: bytes, offset: int, secret: bytes) -> bool:
    """The same, of a packet whose Message-Authenticator begins there."""
    if octets[offset + 1] != MESSAGE_AUTHENTICATOR_LENGTH:
        return False
    start, end = offset + 2, offset + MESSAGE_AUTHENTICATOR_LENGTH
    expected = hmac_md5(secret, octets[:start] + ZEROS + octets[end:])
    return compare_digest(octets[start:end], expected)


def response_authenticator(head: bytes, request_authenticator: bytes, attributes: bytes, secret: bytes) -> bytes:
    """``head``: the reply's code, identifier and length, 4 octets."""
    return md5(head + request_authenticator + attributes + secret).digest()


def keyed_request_verifies(packet: Packet, secret: bytes) -> bool:
    """Is the Request Authenticator of an Accounting-Request the one of RFC 2866 section 3? And its
    Message-Authenticator, if it has one, which was made when that was still empty (RFC 5176 section 3.4)?"""
    octets = packet.octets
    head, attributes = octets[:4], octets[HEADER:]
    expected = response_authenticator(head, ZEROS, attributes, secret)
    if not compare_digest(expected, octets[4:HEADER]):
        return False
    if MESSAGE_AUTHENTICATOR not in packet.first:
        return True
    before = Packet(head + ZEROS + attributes, packet.first, packet.count)
    return message_authenticator_verifies(before, secret)


def plain_reply(code: int, asked: bytes, attributes: bytes, secret: bytes) -> bytes:
    """As `signed_reply`, without a Message-Authenticator: programs differ about how one is made for accounting, and
    some NAS drop an answer that has one."""
    length = HEADER + len(attributes)
    if length > MAX_LENGTH:
        raise LocalProtocolError(f"a reply of {length} octets is longer than {MAX_LENGTH}")
    head = _header(code, asked[1], length)
    return head + response_authenticator(head, asked[4:HEADER], attributes, secret) + attributes


def signed_reply(code: int, asked: bytes, attributes: bytes, secret: bytes) -> bytes:
    """The reply to a packet, its Message-Authenticator first, so that no chosen prefix can stand before it.

    ``attributes`` are encoded already. Raises LocalProtocolError when they do not fit into one packet.
    """
    length = PLAIN_REPLY + len(attributes)
    if length > MAX_LENGTH:
        raise LocalProtocolError(f"a reply of {length} octets is longer than {MAX_LENGTH}")
    head = _header(code, asked[1], length)
    before = head + asked[4:HEADER]
    signed = _HEAD + hmac_md5(secret, before + _UNSIGNED + attributes) + attributes
    return head + md5(before + signed + secret).digest() + signed  # as `response_authenticator` has it
