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

Again = Callable[[], "Sequence[str] | None"]


class CannotOpen(Exception):
    """No key of the ring opens this value: it was changed, moved, or written with another key."""


class KeyRing:
    """Keys derived from ``secret_keys``: the first seals, any opens. ``random`` gives that many bytes.

    ``again``: asked before anything is sealed, and when none of them opens, whether there are other keys by now; None:
    no. Keys that were there still open.

    Raises ValueError with a sentence for a key that is short, an example, or contains ``$(``.
    """

    def __init__(self, secret_keys: Sequence[str], random: Callable[[int], bytes], again: Again = lambda: None) -> None:
        self._random = random
        self._again = again
        self._ciphers: dict[str, AESGCM] = {}
        self._take(secret_keys)

    def _take(self, secret_keys: Sequence[str]) -> None:
        if not secret_keys:
            raise ValueError("SECRET_KEY is not set.")
        for secret_key in secret_keys:
            wrong = check_secret_key(secret_key)
            if wrong is not None:
                raise ValueError(wrong)
        named = {_derive(secret_key, "key id", KEY_ID_BYTES).hex(): secret_key for secret_key in secret_keys}
        made = {name: AESGCM(_derive(key, f"field/{VERSION}/{name}", 32)) for name, key in named.items()}
        self._ciphers = {**self._ciphers, **made}  # another dict: threads are reading the one that was there
        self._sealing_id = next(iter(named))

    @property
    def sealing_prefix(self) -> str:
        """What begins every text that the first key has sealed."""
        return f"{VERSION}.{self._sealing_id}."

    def _look_again(self) -> None:
        if (secret_keys := self._again()) is not None:
            self._take(secret_keys)

    def seal(self, text: str, table: str, column: str, pk: int | str) -> str:
        self._look_again()
        nonce, key_id = self._random(NONCE_BYTES), self._sealing_id
        sealed = self._ciphers[key_id].encrypt(nonce, text.encode(), _place(table, column, pk))
        return f"{VERSION}.{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, table: str, column: str, pk: int | str) -> str:
        """Raises CannotOpen."""
        try:
            version, key_id, encoded = sealed.split(".")
            octets = base64.b64decode(encoded, validate=True)
            if version != VERSION or len(octets) <= NONCE_BYTES:
                raise CannotOpen(f"{table}.{column} of {pk!r} is not sealed as {VERSION}")
            if key_id not in self._ciphers:
                self._look_again()
            cipher = self._ciphers[key_id]
            text = cipher.decrypt(octets[:NONCE_BYTES], octets[NONCE_BYTES:], _place(table, column, pk))
        except (KeyError, ValueError, binascii.Error, InvalidTag) as error:
            raise CannotOpen(f"{table}.{column} of {pk!r} does not open with this SECRET_KEY") from error
        return text.decode()


def _derive(secret_key: str, purpose: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose.encode()).derive(secret_key.encode())


def _place(table: str, column: str, pk: int | str) -> bytes:
    return f"{table}|{column}|{pk}".encode()
