"""Files that only the holder of the outpost's token can read or alter (DESIGN D14).

A line of text names purpose and version; then a salt, then pieces sealed with AES-256-GCM. Salt and purpose make every
file's key another, so that a counter is a safe nonce; the last piece is marked in its nonce, so that a file cut short
is noticed (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.link.codec import MAX_FRAME
from settings.folders import sync_folder

VERSION = 1
SALT_BYTES = 16
TAG_BYTES = 16
LONGEST_PIECE = MAX_FRAME + TAG_BYTES
"""Bytes. Pieces are frames of the link; a length beyond that is damage, and is not believed."""


class Unreadable(Exception):
    """The text ends a sentence that begins with the file's name."""


class Seal:
    """Seals and opens files under a key made from ``token``."""

    def __init__(self, token: str, random: Callable[[int], bytes] = os.urandom) -> None:
        self._secret = token.encode()
        self._random = random
        self.mark = self._key(b"", b"mark")[:8].hex()
        """Tells one token from another, and nothing else about it."""

    def write(self, path: Path, purpose: str, pieces: Iterable[bytes]) -> None:
        """Replaces the file, or leaves the old one whole. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.writelines(self._sealed(purpose, pieces))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def read(self, path: Path, purpose: str) -> Iterator[bytes]:
        """The pieces, each proved as it comes; what was read is worth nothing until the end was reached.

        Raises Unreadable, at any piece; FileNotFoundError.
        """
        try:
            with path.open("rb") as file:
                yield from self._opened(file, _title(purpose))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error

    def _sealed(self, purpose: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        title, salt = _title(purpose), self._random(SALT_BYTES)
        yield title + salt
        cipher = AESGCM(self._key(salt, title))
        for number, (piece, last) in enumerate(_and_whether_last(pieces)):
            sealed = cipher.encrypt(_nonce(number, last), piece, title)
            yield len(sealed).to_bytes(4, "big")
            yield sealed

    def _opened(self, file: BinaryIO, title: bytes) -> Iterator[bytes]:
        if file.read(len(title)) != title:
            raise Unreadable("is of another version or purpose")
        salt = file.read(SALT_BYTES)
        cipher = AESGCM(self._key(salt, title))
        number, last, following = 0, False, file.read(4)
        while not last:
            length = int.from_bytes(following, "big")
            if len(following) != 4 or not TAG_BYTES <= length <= LONGEST_PIECE:
                raise Unreadable("is cut short or damaged")
            sealed, following = file.read(length), file.read(4)
            last = not following
            if len(sealed) != length:
                raise Unreadable("is cut short or damaged")
            try:
                yield cipher.decrypt(_nonce(number, last), sealed, title)
            except InvalidTag:
                raise Unreadable("is damaged, cut short, or was sealed under another token") from None
            number += 1

    def _key(self, salt: bytes, title: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=salt, info=b"outpost " + title).derive(self._secret)


def _title(purpose: str) -> bytes:
    return f"outpost sealed {purpose} {VERSION}\n".encode()


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _and_whether_last(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """No pieces at all are one empty piece: a file always has a last one."""
    iterator = iter(pieces)
    piece = next(iterator, b"")
    for following in iterator:
        yield piece, False
        piece = following
    yield piece, True
