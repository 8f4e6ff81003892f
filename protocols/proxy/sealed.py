"""Tokens that only the holders of a site's secret can make or read: AES-256-GCM, bound to purpose and host (D15).

Browsers carry them, in cookies and in ``state``. Another purpose has another key; purpose, host and version are the
additional data, so that a token opens nowhere but where it was made for.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from binascii import Error, a2b_base64, b2a_base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = 1
"""Of what is inside: a token of another version is as good as none."""
NONCE_BYTES = 12
TAG_BYTES = 16
LONGEST_TOKEN = 6 * 1024
"""Characters. A state with the longest landing address fits; nothing longer is looked into."""

_STANDARD = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
"""To what `binascii` reads; what only other spellings have, to what nobody writes."""


class Sealer:
    """``secret``: what every outpost that serves the site knows, and nobody else. ``host``: where its tokens count.
    ``previous``: the secret before, whose tokens are still read; empty: there is none."""

    def __init__(self, secret: str, host: str, previous: str = "") -> None:
        self._secrets = [one.encode() for one in (secret, previous) if one]
        self._host = host.encode()
        self._ciphers: dict[str, tuple[bytes, list[AESGCM]]] = {}

    def seal(self, purpose: str, content: bytes, nonce: bytes) -> bytes:
        """``nonce``: 12 random bytes, used once. The token is base64url without padding (RFC 4648, 5)."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"{NONCE_BYTES} random bytes are needed")
        bound, (newest, *_) = self._cipher(purpose)
        return _text(nonce + newest.encrypt(nonce, content, bound))

    def open(self, purpose: str, token: bytes) -> bytes | None:
        """What was sealed; None for whatever was not made here, for this purpose and host."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            standard = token.translate(_STANDARD) + b"=" * (-len(token) % 4)
            sealed = a2b_base64(standard)
        except Error:
            return None
        if b2a_base64(sealed, newline=False) != standard:  # a lenient decoder takes many spellings
            return None
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            return None
        bound, ciphers = self._cipher(purpose)
        for cipher in ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
            except InvalidTag:
                continue
        return None

    def _cipher(self, purpose: str) -> tuple[bytes, list[AESGCM]]:
        """What is bound, and the ciphers, the newest secret's first."""
        found = self._ciphers.get(purpose)
        if found is None:
            bound = f"outpost proxy {purpose} {VERSION} ".encode() + self._host
            keys = [HKDF(SHA256(), 32, salt=None, info=bound).derive(secret) for secret in self._secrets]
            found = self._ciphers[purpose] = bound, [AESGCM(key) for key in keys]
        return found


def _text(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")
