"""A backup: everything that is stored, and the templates and pictures beside it, as lines of JSON, compressed.

The first line says what it is; then for each table its name and columns, and its rows; then the files; the last line
counts. It says nothing about who may read it: `outpost.commands.backups` seals it.
"""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from control.store.interface import WrongSecretKey
from control.store.sql.copying import NotEmpty, Rows, read_all, write_all
from control.store.sql.creation import NewerStore
from control.store.sql.schema import SCHEMA_REVISION

PIECE_BYTES = 64 * 1024
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of one row or file."""
LARGEST_FILE = 8 * 1024 * 1024
MOST_FILES = 1000
"""Templates and icons are few and small; whoever keeps more in such a folder has it backed up elsewhere."""


class Damaged(Exception):
    """It is no backup of ours, or not whole. The text ends a sentence that begins with the file's name."""


class TooLarge(Exception):
    """The text is a sentence for the operator."""


class CannotRestore(Exception):
    """The text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is backed up: the address of a store, the key of the secrets in it, and folders of files."""

    database: str
    secret_key: str
    templates: Path | None
    media: Path | None = None

    @property
    def folders(self) -> Iterator[tuple[str, Path]]:
        """With what a line says of a file of each."""
        for word, folder in (("file", self.templates), ("media", self.media)):
            if folder is not None:
                yield word, folder


@dataclass(frozen=True, slots=True)
class Said:
    """The first line."""

    program: str
    """Version of the program that made it."""
    schema: str
    made: float
    """Seconds since the epoch."""
    secret_key: str | None
    """What secrets in the rows were sealed with, if the operator wanted it inside."""


def pieces_of(stored: Stored, program: str, now: float, keep_secret_key: bool) -> Iterator[bytes]:
    """The backup, some 64 KiB at a time. Raises TooLarge, Unavailable, AccessDenied, OSError."""
    secret_key = stored.secret_key if keep_secret_key else None
    return _compressed(_lines(stored, Said(program, SCHEMA_REVISION, now, secret_key)))


def _lines(stored: Stored, said: Said) -> Iterator[bytes]:
    counts: Counter[str] = Counter()
    yield _line(asdict(said))
    for part in read_all(stored.database):
        yield _line({"table": part.table, "columns": part.columns})
        for row in part.rows:
            yield _line(row)
        counts[part.table] += len(part.rows)
    for word, folder in stored.folders:
        for name, content in _files(folder):
            yield _line({word: name, "content": b64encode(content).decode()})
            counts["files"] += 1
    yield _line({"counts": counts})


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What links lead out of ``folder`` to is somebody else's."""
    root = folder.resolve()
    found = sorted(path for path in root.rglob("*") if path.is_file() and path.resolve().is_relative_to(root))
    if len(found) > MOST_FILES:
        raise TooLarge(f"{folder} holds more than {MOST_FILES} files. Keep what is ours alone there.")
    for path in found:
        if path.stat().st_size > LARGEST_FILE:
            raise TooLarge(f"{path} is larger than {LARGEST_FILE // 1024 // 1024} MiB. Keep what is ours alone there.")
        yield path.relative_to(root).as_posix(), path.read_bytes()


def _line(said: object) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _compressed(lines: Iterable[bytes]) -> Iterator[bytes]:
    compressor, out = zlib.compressobj(), bytearray()
    for line in lines:
        out += compressor.compress(line)
        while len(out) >= PIECE_BYTES:
            yield bytes(out[:PIECE_BYTES])
            del out[:PIECE_BYTES]
    yield bytes(out + compressor.flush())


# --- back -----------------------------------------------------------------------------------------------------------


class Backup:
    """Reads ``pieces``, once. Raises Damaged at any line, and whatever they raise."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._lines = _read(pieces)
        try:
            self.said = Said(**next(self._lines))
        except (TypeError, StopIteration):
            raise Damaged("is no backup") from None
        self.files: dict[tuple[str, str], bytes] = {}
        """Once the rows are read to their end."""
        self.counts: Counter[str] = Counter()

    def rows(self) -> Iterator[Rows]:
        """To the end of the backup, which has to be whole."""
        part: Rows | None = None
        for line in self._lines:
            match line:
                case list() if part is not None:
                    part.rows.append(line)
                    self.counts[part.table] += 1
                    continue
                case {"table": str(table), "columns": list(columns)}:
                    if part is not None:
                        yield part
                    part = Rows(table, tuple(map(str, columns)), [])
                case {"file": str(name), "content": str(content)}:
                    self._take("file", name, content)
                case {"media": str(name), "content": str(content)}:
                    self._take("media", name, content)
                case {"counts": dict(counts)}:
                    if part is not None:
                        yield part
                    if self.counts != Counter(counts):
                        raise Damaged("holds other numbers of rows than it says")
                    return
                case _:
                    raise Damaged("holds something that is no part of a backup")
        raise Damaged("ends too early")

    def _take(self, word: str, name: str, content: str) -> None:
        self.files[word, _inside(name)] = b64decode(content)
        self.counts["files"] += 1


def restore(stored: Stored, backup: Backup, replace: bool) -> None:
    """Makes ``stored`` what the backup says, or leaves what was there. ``replace``: that may go.

    Raises CannotRestore, Damaged, Unavailable, AccessDenied; and OSError for files, which come last.
    """
    try:
        write_all(stored.database, stored.secret_key, backup.said.schema, backup.rows(), replace)
    except NotEmpty:
        raise CannotRestore("There is a store already. To give it up for the backup, say --replace.") from None
    except NewerStore as error:
        raise CannotRestore(str(error)) from None
    except WrongSecretKey:
        raise CannotRestore(
            "The backup was made under another secret key. Set OUTPOST_SECRET_KEY to that one; without it the secrets "
            "inside cannot be read by anyone."
        ) from None
    folders = dict(stored.folders)
    for (word, name), content in backup.files.items():
        if word in folders:
            _put(folders[word] / name, content)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    os.replace(draft, path)


def _inside(name: str) -> str:
    """Raises Damaged for what would be written outside of its folder."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise Damaged("holds a file with an impossible name")
    return name


def _read(pieces: Iterable[bytes]) -> Iterator[Any]:
    decompressor, held = zlib.decompressobj(), bytearray()
    for piece in pieces:
        left = piece
        while left:
            try:
                held += decompressor.decompress(left, PIECE_BYTES)
            except zlib.error:
                raise Damaged("is no backup") from None
            left = decompressor.unconsumed_tail
            *lines, rest = held.split(b"\n")
            held = bytearray(rest)
            if len(held) > LONGEST_LINE:
                raise Damaged("holds a line without an end")
            for line in lines:
                yield _parsed(bytes(line))
    if not decompressor.eof or held:
        raise Damaged("ends too early")


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise Damaged("holds a line that cannot be read") from None
