"""Response Authenticator (RFC 2865 section 3) and Message-Authenticator (RFC 3579 section 3.2).

MD5 is what the protocol prescribes; it is keyed by the shared secret here and protects nothing else.
"""

from __future__ import annotations

import hmac
from hashlib import md5
from struct import pack

from protocols.errors import LocalProtocolError
from protocols.radius.dictionary import MESSAGE_AUTHENTICATOR
from protocols.radius.packet import HEADER, MAX_LENGTH, Packet

ZEROS = bytes(16)
MESSAGE_AUTHENTICATOR_LENGTH = 18
_HEAD = bytes((MESSAGE_AUTHENTICATOR, MESSAGE_AUTHENTICATOR_LENGTH))
PLAIN_REPLY = HEADER + MESSAGE_AUTHENTICATOR_LENGTH
"""Octets of a reply that carries nothing but its Message-Authenticator."""


def message_authenticator_verifies(packet: Packet, secret: bytes) -> bool:
    """For a request that carries one. Other lengths than 18 never verify."""
    offset = packet.first[MESSAGE_AUTHENTICATOR]
    octets = packet.octets
    if octets[offset + 1] != MESSAGE_AUTHENTICATOR_LENGTH:
        return False
    start, end = offset + 2, offset + MESSAGE_AUTHENTICATOR_LENGTH
    expected = hmac.digest(secret, octets[:start] + ZEROS + octets[end:], "md5")
    return hmac.compare_digest(octets[start:end], expected)


def response_authenticator(head: bytes, request_authenticator: bytes, attributes: bytes, secret: bytes) -> bytes:
    """``head``: the reply's code, identifier and length, 4 octets."""
    return md5(head + request_authenticator + attributes + secret, usedforsecurity=False).digest()


def signed_reply(code: int, request: Packet, attributes: bytes, secret: bytes) -> bytes:
    """The reply to ``request``, its Message-Authenticator first, so that no chosen prefix can stand before it.

    ``attributes`` are encoded already. Raises LocalProtocolError when they do not fit into one packet.
    """
    length = PLAIN_REPLY + len(attributes)
    if length > MAX_LENGTH:
        raise LocalProtocolError(f"a reply of {length} octets is longer than {MAX_LENGTH}")
    head = pack("!BBH", code, request.identifier, length)
    asked = request.authenticator
    signature = hmac.digest(secret, head + asked + _HEAD + ZEROS + attributes, "md5")
    signed = _HEAD + signature + attributes
    return head + response_authenticator(head, asked, signed, secret) + signed
