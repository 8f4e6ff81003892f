"""The alert for a peer whose handshake was good, and who is not let in: access_denied (RFC 8446 section 6.2).

OpenSSL sends alerts about what it finds wrong itself, and has no call for this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

FATAL, ACCESS_DENIED = 2, 49
_ALERT, _APPLICATION_DATA, _VERSION = b"\x15", b"\x17", b"\3\3"
_BODY = bytes((FATAL, ACCESS_DENIED))
PLAIN = _ALERT + _VERSION + len(_BODY).to_bytes(2) + _BODY
"""For a peer that has not heard our ChangeCipherSpec."""
TAG, NONCE = 16, 12
"""Octets, of every suite of TLS 1.3."""


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


SUITES: dict[str, tuple[Callable[[], HashAlgorithm], int, Callable[[bytes], _Aead]]] = {
    "TLS_AES_128_GCM_SHA256": (SHA256, 16, AESGCM),
    "TLS_AES_256_GCM_SHA384": (SHA384, 32, AESGCM),
    "TLS_CHACHA20_POLY1305_SHA256": (SHA256, 32, ChaCha20Poly1305),
}
"""RFC 8446 section B.4: the hash, octets of the key, the cipher."""


def sealed(suite: str, secret: bytes) -> bytes:
    """As the first record under ``secret``, server_application_traffic_secret_0 (RFC 8446 sections 5.2, 7.1 and 7.3).

    Raises KeyError for a suite that is not known.
    """
    digest, size, cipher = SUITES[suite]

    def expanded(label: bytes, length: int) -> bytes:
        named = b"tls13 " + label
        info = length.to_bytes(2) + bytes((len(named),)) + named + b"\0"
        return HKDFExpand(digest(), length, info).derive(secret)

    inner = _BODY + _ALERT
    head = _APPLICATION_DATA + _VERSION + (len(inner) + TAG).to_bytes(2)
    return head + cipher(expanded(b"key", size)).encrypt(expanded(b"iv", NONCE), inner, head)
