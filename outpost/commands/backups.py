"""The files of ``outpost backup`` and ``outpost restore``: only the holder of a passphrase can read one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from outpost.kept.sealed import Seal, Unreadable
from settings import Secret

PASSPHRASE = "OUTPOST_BACKUP_PASSPHRASE"  # noqa: S105  the name of a variable
SHORTEST_PASSPHRASE = 12
"""Characters. Whoever has the file can try as often as they like."""
SALT_BYTES = 16
MEMORY_KIB, PASSES, LANES = 256 * 1024, 3, 4
"""Argon2id (RFC 9106): a try takes about a second, which an operator waits for and a guesser pays for."""
NAMED = "outpost-{}.backup"
"""In a folder."""
_TITLE = re.compile(rb"outpost sealed (backup-([0-9a-f]{32})) 1\n")
WITHOUT_KEY = (
    "The backup has no secret key in it. Keep that apart: without it the secrets inside (passwords of RADIUS clients, "
    "signing keys, network passwords) cannot be read by anyone."
)

WITH_KEY = (
    "Secrets are stored sealed with the secret key. With it inside, the backup and its passphrase are enough to start "
    "again. Without it, whoever finds both still reads no secret, and whoever has lost the key cannot, either."
)


class Failed(Exception):
    """The text is a sentence for the operator."""


def write(path: Path, passphrase: str, pieces: Iterable[bytes]) -> None:
    """Raises Failed, and whatever ``pieces`` raises."""
    salt = os.urandom(SALT_BYTES)
    try:
        _seal(passphrase, salt).write(path, f"backup-{salt.hex()}", pieces)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from None


def read(path: Path, passphrase: str) -> Iterator[bytes]:
    """The pieces; worth nothing until the last has come. Raises Failed, at any of them."""
    try:
        with path.open("rb") as opened:
            title = _TITLE.match(opened.readline(100))
        if title is None:
            raise Failed(f"{path} is no backup.")
        yield from _seal(passphrase, bytes.fromhex(title[2].decode())).read(path, title[1].decode())
    except Unreadable as error:
        raise Failed(f"{path} {error}. Is the passphrase right?") from None
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from None


def _seal(passphrase: str, salt: bytes) -> Seal:
    key = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return Seal(key.derive(passphrase.encode()).hex())


def passphrase_of(given: Secret | None, again: bool, ask: Callable[[str], str] = getpass) -> str:
    """Raises Failed."""
    said = given.reveal() if given is not None else None
    if said is None and not sys.stdin.isatty():
        raise Failed(f"Put the passphrase of the backup into {PASSPHRASE}, or call this from a terminal.")
    if said is None:
        said = ask("Passphrase of the backup: ")
        if again and ask("The same again: ") != said:
            raise Failed("The two passphrases differ. Nothing was written.")
    if again and len(said) < SHORTEST_PASSPHRASE:
        raise Failed(f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters.")
    return said


def with_secret_key(asked: bool | None, ask: Callable[[str], str] = input) -> bool:
    """Raises Failed."""
    if asked is not None:
        return asked
    if not sys.stdin.isatty():
        raise Failed("Say --with-secret-key or --without-secret-key. " + WITHOUT_KEY)
    return ask(f"{WITH_KEY}\nPut the secret key into the backup? [Y/n] ").strip().lower() in ("", "y", "yes")


def new_file(asked: Path, among_others: bool) -> Path:
    """``among_others``: what was asked for is their folder, which is made where there is none. Raises Failed."""
    if among_others:
        try:
            asked.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Failed(f"{asked} cannot be used: {error.strerror}.") from None
    if asked.is_dir():
        asked = asked / NAMED.format(datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    if asked.exists():
        raise Failed(f"{asked} exists already. Choose another file, or a folder.")
    return asked


def forget_old(folder: Path, keep: int | None) -> list[str]:
    """Of those that were named by us in this folder, the newest stay; names sort by time."""
    if keep is None:
        return []
    made = sorted(folder.glob(NAMED.format("*")))
    old = made[:-keep]
    for path in old:
        path.unlink()
    return [f"Deleted {path}." for path in old]
