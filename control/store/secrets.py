"""Fields sealed at rest (DESIGN D17): AES-256-GCM, ``v1.<key id>.<base64 of nonce and ciphertext>``.

The associated text names table, column and row, so that a sealed value moved to another place does not open.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rules.secret_key import check_secret_key

VERSION = "v1"
NONCE_BYTES = 12
"""NIST SP 800-38D, 8.2.2: random nonces of 96 bits."""
KEY_ID_BYTES = 4


class CannotOpen(Exception):
    """No key of the ring opens this value: it was changed, moved, or written with another key."""


class KeyRing:
    """Keys derived from ``secret_keys``: the first seals, any opens. ``random`` gives that many bytes.

    Raises ValueError with a sentence for a key that is short, an example, or contains ``$(``.
    """

    def __init__(self, secret_keys: Sequence[str], random: Callable[[int], bytes]) -> None:
        if not secret_keys:
            raise ValueError("SECRET_KEY is not set.")
        for secret_key in secret_keys:
            wrong = check_secret_key(secret_key)
            if wrong is not None:
                raise ValueError(wrong)
        self._random = random
        self._ciphers: dict[str, AESGCM] = {}
        for secret_key in secret_keys:
            key_id = _derive(secret_key, "key id", KEY_ID_BYTES).hex()
            self._ciphers.setdefault(key_id, AESGCM(_derive(secret_key, f"field/{VERSION}/{key_id}", 32)))
        self._sealing_id = next(iter(self._ciphers))

    def seal(self, text: str, table: str, column: str, pk: int | str) -> str:
        nonce = self._random(NONCE_BYTES)
        sealed = self._ciphers[self._sealing_id].encrypt(nonce, text.encode(), _place(table, column, pk))
        return f"{VERSION}.{self._sealing_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, table: str, column: str, pk: int | str) -> str:
        """Raises CannotOpen."""
        try:
            version, key_id, encoded = sealed.split(".")
            octets = base64.b64decode(encoded, validate=True)
            if version != VERSION or len(octets) <= NONCE_BYTES:
                raise CannotOpen(f"{table}.{column} of {pk!r} is not sealed as {VERSION}")
            cipher = self._ciphers[key_id]
            text = cipher.decrypt(octets[:NONCE_BYTES], octets[NONCE_BYTES:], _place(table, column, pk))
        except (KeyError, ValueError, binascii.Error, InvalidTag) as error:
            raise CannotOpen(f"{table}.{column} of {pk!r} does not open with this SECRET_KEY") from error
        return text.decode()


def _derive(secret_key: str, purpose: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(secret_key.encode())


def _place(table: str, column: str, pk: int | str) -> bytes:
    return f"{table}|{column}|{pk}".encode()
