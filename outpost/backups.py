"""``outpost backup`` and ``outpost restore``: a backup is a file that only the holder of its passphrase can read."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from control.app import open_store
from control.backup import Backup, Damaged, TooLarge, pieces_of, restore
from control.config import KEY_FILE, PRIVATE, CannotStart, ControlConfig
from control.store.interface import AccessDenied, Unavailable, WrongSecretKey
from control.store.sql import NewerStore
from control.store.sql.copying import NotEmpty
from outpost import __version__
from outpost.folder_lock import Unusable, claim
from outpost.sealed import Seal, Unreadable
from settings import Secret, Settings

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


def back_up(settings: Settings, arguments: argparse.Namespace) -> list[str]:
    """What was done, a line each. Raises Failed."""
    with_key = _with_key(arguments)
    passphrase = _passphrase(settings.backup_passphrase, again=True)
    try:
        config = ControlConfig.from_settings(settings)
        open_store(config).close()
        path = _new_file(arguments.file)
        salt = os.urandom(SALT_BYTES)
        pieces = pieces_of(config, __version__, time.time(), with_key)
        _seal(passphrase, salt).write(path, f"backup-{salt.hex()}", pieces)
    except (CannotStart, TooLarge) as error:
        raise Failed(str(error)) from None
    except (Unavailable, AccessDenied) as error:
        raise Failed(f"{error}.") from None
    except OSError as error:
        raise Failed(f"The backup cannot be written: {error.strerror}: {error.filename}.") from None
    told = [f"{path} holds everything that is stored, {path.stat().st_size:,} bytes."]
    if not with_key:
        told.append(WITHOUT_KEY)
    if arguments.keep is not None:
        told += _forget_old(path.parent, arguments.keep)
    return told


def put_back(settings: Settings, arguments: argparse.Namespace) -> list[str]:
    """What was done, a line each; if it raises Failed, the store is as it was."""
    file: Path = arguments.file
    passphrase = _passphrase(settings.backup_passphrase, again=False)
    try:
        with file.open("rb") as opened:
            title = _TITLE.match(opened.readline(100))
        if title is None:
            raise Failed(f"{file} is no backup.")
        backup = Backup(_seal(passphrase, bytes.fromhex(title[2].decode())).read(file, title[1].decode()))
        with claim(settings.data_dir):
            return _put_back(settings, backup, arguments.replace)
    except (Unreadable, Damaged) as error:
        hint = " Is the passphrase right?" if isinstance(error, Unreadable) else ""
        raise Failed(f"{file} {error}.{hint}") from None
    except Unusable as error:
        raise Failed(str(error)) from None
    except NotEmpty:
        raise Failed("There is a store already. To give it up for the backup, say --replace.") from None
    except (NewerStore, CannotStart) as error:
        raise Failed(str(error)) from None
    except WrongSecretKey:
        raise Failed(
            "The backup was made under another secret key. Set OUTPOST_SECRET_KEY to that one; without it the secrets "
            "inside cannot be read by anyone."
        ) from None
    except (Unavailable, AccessDenied) as error:
        raise Failed(f"{error}.") from None
    except OSError as error:
        raise Failed(f"{error.filename} cannot be used: {error.strerror}.") from None


def _put_back(settings: Settings, backup: Backup, replaces: bool) -> list[str]:
    said, key_file = backup.said, settings.data_dir / KEY_FILE
    kept = None if said.secret_key is None else Secret(said.secret_key)
    if settings.secret_key is not None and kept is not None and settings.secret_key.reveal() != kept.reveal():
        raise Failed("OUTPOST_SECRET_KEY is not the key in the backup. Unset it, or set it to the one of then.")
    writes_key = kept is not None and settings.secret_key is None
    if writes_key:
        settings = replace(settings, secret_key=kept)
    config = ControlConfig.from_settings(settings)
    restore(config, backup, replaces)
    told = [
        f"Restored what was stored on {_moment(said.made)}, by version {said.program}: "
        f"{backup.counts['user']:,} users, {sum(backup.counts.values()):,} records in all."
    ]
    if writes_key and kept is not None:
        told += _write_key(key_file, kept.reveal())
        if settings.postgresql.host:
            told.append(f"Set OUTPOST_SECRET_KEY to what stands in {key_file}, and keep it safe.")
    return told


def _write_key(path: Path, key: str) -> list[str]:
    with suppress(FileNotFoundError):
        if path.read_text().strip() == key:
            return []
        path.replace(path.with_name(f"{path.name}.until-{int(time.time())}"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    return [f"{path} holds the secret key of then."]


def _seal(passphrase: str, salt: bytes) -> Seal:
    key = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return Seal(key.derive(passphrase.encode()).hex())


def _passphrase(given: Secret | None, again: bool, ask: Callable[[str], str] = getpass) -> str:
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


def _with_key(arguments: argparse.Namespace, ask: Callable[[str], str] = input) -> bool:
    """Raises Failed."""
    if arguments.secret_key is not None:
        return bool(arguments.secret_key)
    if not sys.stdin.isatty():
        raise Failed("Say --with-secret-key or --without-secret-key. " + WITHOUT_KEY)
    return ask(f"{WITH_KEY}\nPut the secret key into the backup? [Y/n] ").strip().lower() in ("", "y", "yes")


def _new_file(asked: Path) -> Path:
    """Raises Failed."""
    if asked.is_dir():
        asked = asked / NAMED.format(datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))
    if asked.exists():
        raise Failed(f"{asked} exists already. Choose another file, or a folder.")
    return asked


def _forget_old(folder: Path, keep: int) -> list[str]:
    """Of those that were named by us in this folder, the newest stay; names sort by time."""
    made = sorted(folder.glob(NAMED.format("*")))
    old = made[:-keep]
    for path in old:
        path.unlink()
    return [f"Deleted {path}." for path in old]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="seconds")
