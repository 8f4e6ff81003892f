"""The alert for a peer whose handshake was good, and who is not let in: access_denied (RFC 8446 section 6.2).

OpenSSL sends alerts about what it finds wrong itself, and has no call for this one.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import digest as hmac
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
"""Octets, of every suite here."""
_SECOND = (1).to_bytes(8)
"""Sequence number of the record behind our Finished."""


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


ENDINGS_1_2: dict[str, tuple[str, int, int, Callable[[bytes], _Aead]]] = {
    "AES128-GCM-SHA256": ("sha256", 16, 4, AESGCM),
    "AES256-GCM-SHA384": ("sha384", 32, 4, AESGCM),
    "CHACHA20-POLY1305": ("sha256", 32, NONCE, ChaCha20Poly1305),
}
"""OpenSSL's names of suites of TLS 1.2 end so: the hash, octets of the key, octets of the nonce that are secret, the
cipher."""


def sealed_1_2(suite: str, master: bytes, randoms: bytes) -> bytes:
    """As the record behind our Finished (RFC 5246 section 6.2.3.3; RFC 5288, RFC 7905); empty for a suite that is not
    known. ``randoms``: the server's, and the client's."""
    known = next((known for ending, known in ENDINGS_1_2.items() if suite.endswith(ending)), None)
    if known is None:
        return b""
    digest, size, fixed, cipher = known
    keys = _prf(digest, master, b"key expansion" + randoms, 2 * (size + fixed))
    key, iv = keys[size : 2 * size], keys[2 * size + fixed :]
    explicit = _SECOND[: NONCE - fixed]
    nonce = iv + explicit if explicit else (int.from_bytes(iv) ^ 1).to_bytes(NONCE)
    sealing = cipher(key).encrypt(nonce, _BODY, _SECOND + _ALERT + _VERSION + len(_BODY).to_bytes(2))
    return _ALERT + _VERSION + (len(explicit) + len(sealing)).to_bytes(2) + explicit + sealing


def _prf(digest: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 section 5; ``seed``: with its label."""
    found, chained = b"", seed
    while len(found) < size:
        chained = hmac(secret, chained, digest)
        found += hmac(secret, chained + seed, digest)
    return found[:size]
