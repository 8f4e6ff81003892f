"""The file of the secret key, which `outpost up` makes: the first line seals, and lines below it still open.

There is one line, but for the time in which everything is being sealed with a new key.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from settings.folders import sync_folder

PRIVATE = 0o600
KEY_BYTES = 48

Stamp = tuple[int, int, int]


class KeyFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: Stamp | None = None

    def keys(self) -> list[str]:
        """Raises OSError."""
        self._seen = self._stamp()
        return [line.strip() for line in self.path.read_text().splitlines() if line.strip()]

    def again(self) -> list[str] | None:
        """The keys, if they have changed since they were read. A file that is gone says nothing."""
        try:
            return self.keys() if self._stamp() != self._seen else None
        except OSError:
            return None

    def write(self, keys: list[str]) -> None:
        """All or nothing, for its owner alone. Raises OSError."""
        draft = self.path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0 and self.path.exists():
            owner = self.path.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(self.path)
        sync_folder(self.path.parent)  # what a key seals must not outlive the key

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the key meanwhile; who is killed lets go. Raises BlockingIOError, OSError."""
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    def _stamp(self) -> Stamp:
        told = self.path.stat()
        return told.st_ino, told.st_size, told.st_mtime_ns
