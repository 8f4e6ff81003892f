"""LDIF (RFC 2849), read only: the entries of a content file, each with the line that it begins at.

What is no content is told as a `Fault` and left out: changes, values behind a URL, lines of no known form. Values are
octets as LDAP has them. UTF-8 that is not encoded is taken as it stands, although the RFC wants base64 for it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MOST_OCTETS = 4 * 1024 * 1024
"""Of one line, folded ones taken together: a large photo in base64."""
MOST_VALUES = 200_000
"""Of one entry: the members of the largest group."""

_LINE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9.;-]*):([:<]?) *(.*)\Z", re.DOTALL)
_BINARY = ";binary"
_CHANGES = frozenset({"changetype", "control"})
_ADDED = ("changetype", b"add")
"""A change that says what an entry is."""

Line = tuple[int, bytes]
"""Its number, from 1, and what it says, unfolded."""


@dataclass(frozen=True, slots=True)
class Entry:
    line: int
    dn: str
    attributes: dict[str, list[bytes]] = field(repr=False)
    """By description as the file first spells it, without ``;binary``."""

    def values(self, name: str) -> list[bytes]:
        """Those of one attribute description, however it is spelled."""
        wanted = name.lower()
        return [value for key, values in self.attributes.items() if key.lower() == wanted for value in values]


@dataclass(frozen=True, slots=True)
class Fault:
    line: int
    text: str


class _Refused(Exception):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(line, text)


def read(octets: Iterable[bytes]) -> Iterator[Entry | Fault]:
    """``octets``: the file's lines, with or without their ends."""
    for record in _records(octets):
        if _without_version(record):
            yield from _entry(_without_version(record))


def _records(octets: Iterable[bytes]) -> Iterator[list[Line]]:
    """Unfolded lines without comments, as blank lines part them."""
    record: list[Line] = []
    folded: list[bytes] = []
    begun = size = 0

    def unfolded() -> None:
        if folded and not folded[0].startswith(b"#"):
            record.append((begun, b"".join(folded)))

    for number, raw in enumerate(octets, 1):
        line = raw.rstrip(b"\r\n")
        if line.startswith(b" ") and folded:
            if size <= MOST_OCTETS:  # what goes beyond is seen to be too long, and need not be kept
                folded.append(line[1:])
                size += len(line) - 1
            continue
        unfolded()
        begun, size, folded = number, len(line), [line] if line else []
        if not line and record:
            yield record
            record = []
    unfolded()
    if record:
        yield record


def _without_version(record: list[Line]) -> list[Line]:
    return record[1:] if record[0][1].lower().startswith(b"version:") else record


def _entry(record: list[Line]) -> Iterator[Entry | Fault]:
    """The entry, and before it what of it cannot be read."""
    faults: list[Fault] = []
    attributes: dict[str, list[bytes]] = {}
    spelled: dict[str, str] = {}
    try:
        start, dn = _name(record[0])
        if len(record) > MOST_VALUES:
            raise _Refused(start, f"the entry has more than {MOST_VALUES} values; it is left out")
        for number, line in record[1:]:
            try:
                name, value = _value(number, line)
            except _Refused as refused:
                faults.append(refused.fault)
                continue
            if (name.lower(), value.lower()) == _ADDED:
                continue
            if name.lower() in _CHANGES:
                raise _Refused(number, f"this is a change ({name}), and no entry; only entries are read")
            attributes.setdefault(spelled.setdefault(name.lower(), name), []).append(value)
    except _Refused as refused:
        yield refused.fault
        return
    yield from faults
    yield Entry(start, dn, attributes)


def _name(line: Line) -> tuple[int, str]:
    number, _ = line
    name, value = _value(*line)
    if name.lower() != "dn":
        raise _Refused(number, "an entry begins with dn: and this does not; it is left out")
    try:
        return number, value.decode()
    except UnicodeDecodeError:
        raise _Refused(number, "the name of this entry is not UTF-8; it is left out") from None


def _value(number: int, line: bytes) -> tuple[str, bytes]:
    """Raises _Refused."""
    if len(line) > MOST_OCTETS:
        raise _Refused(number, f"the line is longer than {MOST_OCTETS} octets")
    parts = _LINE.match(line)
    if parts is None:
        raise _Refused(number, "no line of LDIF: it has no name with a colon behind it")
    name = parts[1].decode()
    if name.lower().endswith(_BINARY):
        name = name[: -len(_BINARY)]
    if parts[2] == b"<":
        raise _Refused(number, f"the value of {name} stands in another file, which is not read")
    if parts[2] != b":":
        return name, parts[3]
    try:
        return name, b64decode(parts[3].strip(), validate=True)
    except ValueError:
        raise _Refused(number, f"the value of {name} is no base64") from None
