"""``outpost rotate-secret-key``: everything that is sealed is sealed anew with another key, while programs serve.

The key in the data folder is changed for them: they look at its file whenever they seal. A key in the settings is the
operator's to change, and the former one is named beside it until this is done.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator

from control.key_file import KEY_BYTES, KeyFile
from control.store.secrets import KeyRing

MOST_PASSES, PAUSE_SECONDS = 20, 0.2
"""What a program was writing while its key changed is found by the next pass."""


class CannotRotate(Exception):
    """The text is a sentence for the operator."""


def rotate_key(
    database: str,
    keys: list[str],
    file: KeyFile | None,
    seal_anew: Callable[[str, KeyRing], Iterator[int]],
    left: Callable[[str, KeyRing], int],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """What is done, a line each; ``keys`` are those of ``file``, or of the settings.

    Cut off, it goes on where it was when called again. Raises CannotRotate, OSError.
    """
    if file is not None:
        try:
            with file.alone():
                yield from _rotated_in(file, lambda keys: _seal_all(database, keys, seal_anew, left, sleep))
        except BlockingIOError:
            raise CannotRotate(
                f"Another process is changing the key, or makes a backup in {file.path.parent}. Let it finish first."
            ) from None
        return
    if len(keys) == 1:
        raise CannotRotate(
            "OUTPOST_SECRET_KEY is set. Make another key (openssl rand -base64 48), put it there and the present one "
            "into OUTPOST_FORMER_SECRET_KEYS, for every process; start them again; then call this again."
        )
    yield _seal_all(database, keys, seal_anew, left, sleep)
    yield "OUTPOST_FORMER_SECRET_KEYS may be unset, for every process. Backups of before still need its keys."


def _rotated_in(file: KeyFile, seal_all: Callable[[list[str]], str]) -> Iterator[str]:
    """Two at once would each make a key, and forget the other's. Raises CannotRotate, OSError."""
    keys = file.keys()
    if len(keys) == 1:  # else an earlier call was cut off
        keys = [secrets.token_urlsafe(KEY_BYTES), *keys]
        file.write(keys)
    yield seal_all(keys)
    kept = file.path.with_name(f"{file.path.name}.until-{int(time.time())}")
    KeyFile(kept).write(keys[1:])
    file.write(keys[:1])
    yield f"{file.path} holds the new key: keep a copy of it. {kept} opens backups of before; delete it with them."


def _seal_all(
    database: str,
    keys: list[str],
    seal_anew: Callable[[str, KeyRing], Iterator[int]],
    left: Callable[[str, KeyRing], int],
    sleep: Callable[[float], None],
) -> str:
    """What was done. Raises CannotRotate."""
    ring = KeyRing(keys, os.urandom)
    count = 0
    for _ in range(MOST_PASSES):
        count += sum(seal_anew(database, ring))
        if not left(database, ring):
            break
        sleep(PAUSE_SECONDS)
    else:
        raise CannotRotate("A program still seals with the former key. Give every process the new one, and try again.")
    return f"Sealed {count:,} rows with the new key."
