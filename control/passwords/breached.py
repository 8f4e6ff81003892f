"""A list of passwords that are known to be out, in a file of the operator's: searched in place, never loaded.

Either lines of SHA-1 in capital hexadecimal with a count behind a colon, sorted, as Have I Been Pwned gives them to
download ("ordered by hash"); or one password a line, sorted by its octets (`LC_ALL=C sort -u`).
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

LONGEST_LINE = 1100
"""Octets: the longest password there is (`control.passwords.hashing.LONGEST_PASSWORD`), and what stands behind it."""
SAMPLES = 64
"""Places of the file that are looked at to see that it is sorted: a search in one that is not would find nothing."""
HASH_DIGITS = 40
"""Of SHA-1; the number stands behind them and a colon."""
_SHA1 = re.compile(rb"[0-9A-F]{40}(:\d{1,12})?\Z")


class Unusable(Exception):
    """The list cannot be searched; the text is a sentence for the operator."""


class BreachedPasswords:
    """The file is opened for each question: it may be replaced at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def times(self, password: str) -> int | None:
        """How often it has become known: the number in the list, or 1 where it has none; 0: it is not on the list.
        None: there is no list. Raises Unusable."""
        try:
            with self._path.open("rb") as file:
                return _times(file, password.encode("utf-8", "surrogatepass"), self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unusable(f"{self._path} cannot be read: {error.strerror}.") from error


def _times(file: BinaryIO, password: bytes, path: Path) -> int:
    first = _line_at(file, 0)
    if first is None:
        return 0
    size, hashed = os.fstat(file.fileno()).st_size, _SHA1.match(first) is not None
    _refuse_unsorted(file, size, hashed, path)
    wanted = hashlib.sha1(password, usedforsecurity=False).hexdigest().upper().encode() if hashed else password
    low, high = 0, size  # the first line that is not less than what is wanted begins in [low, high]
    while low < high:
        middle = (low + high) // 2
        line = _line_at(file, middle)
        if line is not None and _key(line, hashed) < wanted:
            low = middle + 1
        else:
            high = middle
    found = _line_at(file, low)
    if found is None or _key(found, hashed) != wanted:
        return 0
    return int(found[HASH_DIGITS + 1 :] or b"1") if hashed else 1


def _refuse_unsorted(file: BinaryIO, size: int, hashed: bool, path: Path) -> None:
    """Raises Unusable."""
    before = b""
    for sample in range(SAMPLES):
        line = _line_at(file, size * sample // SAMPLES)
        if line is None:
            return
        if hashed and not _SHA1.match(line):
            raise Unusable(f"{path} begins with SHA-1 hashes and goes on with something else. Use one kind only.")
        if _key(line, hashed) < before:
            raise Unusable(f"{path} is not sorted. Sort it with: LC_ALL=C sort -u")
        before = _key(line, hashed)


def _line_at(file: BinaryIO, offset: int) -> bytes | None:
    """The first line that begins at ``offset`` or later; None at the end. Raises Unusable."""
    file.seek(max(0, offset - 1))
    if offset:
        _read_line(file)
    line = _read_line(file)
    return line.rstrip(b"\r\n") if line else None


def _read_line(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        raise Unusable(f"The list of breached passwords has a line of more than {LONGEST_LINE} octets.")
    return line


def _key(line: bytes, hashed: bool) -> bytes:
    return line[:HASH_DIGITS] if hashed else line
