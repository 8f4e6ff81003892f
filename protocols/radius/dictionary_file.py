"""FreeRADIUS' dictionary files (version 3), read whole: vendors, attributes, their values and flags.

Reading them is `read`'s affair; nothing here opens a file. What is wrong is said with its file and line.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from protocols.radius.definitions import EXTENDED, LONG_EXTENDED, Definition
from protocols.radius.dictionary import DataType
from protocols.radius.vendor import USUAL, Form

MOST_FILES = 2_000  # Debian's FreeRADIUS has 230
MOST_DEPTH = 20  # of files that include others
MOST_LINES = 500_000  # in all; Debian's FreeRADIUS has 25,000
LONGEST_OCTETS = 253

Read = Callable[[str], str | None]
"""Name of a file below the folder, with slashes, to its text; None: there is none."""

T = DataType
TYPES: dict[str, DataType] = {
    "string": T.TEXT,
    "octets": T.STRING,
    "integer": T.INTEGER,
    "uint32": T.INTEGER,
    "integer64": T.INTEGER64,
    "uint64": T.INTEGER64,
    "byte": T.BYTE,
    "uint8": T.BYTE,
    "bool": T.BYTE,
    "short": T.SHORT,
    "uint16": T.SHORT,
    "signed": T.SIGNED,
    "int32": T.SIGNED,
    "date": T.TIME,
    "ipaddr": T.IPV4ADDR,
    "ipv4addr": T.IPV4ADDR,
    "ipv4prefix": T.IPV4PREFIX,
    "ipv6addr": T.IPV6ADDR,
    "ipv6prefix": T.IPV6PREFIX,
    "combo-ip": T.COMBO_IP,
    "ifid": T.IFID,
    "ether": T.ETHER,
    "tlv": T.TLV,
    "vsa": T.VSA,
    "evs": T.UNWRITABLE,
    "abinary": T.UNWRITABLE,
    "struct": T.UNWRITABLE,
    "extended": T.EXTENDED,
    "long-extended": T.LONG_EXTENDED,
}
OF_VERSION_4 = frozenset(
    ("PROTOCOL", "BEGIN-PROTOCOL", "END-PROTOCOL", "ENUM", "STRUCT", "MEMBER", "ALIAS", "FLAGS", "DEFINE")
)
SIZED = re.compile(r"(octets)\[([0-9]{1,3})\]")
SALTED = "2"
"""Of ``encrypt``: RFC 2868's; the others are User-Password's, and one of Ascend's."""


class DictionaryError(ValueError):
    """A sentence that begins with the file and the line."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    definitions: dict[str, Definition]
    """By name in lower case: whatever is an attribute on the wire."""
    values: dict[str, dict[str, int]]
    """By the attribute's name in lower case: names, in lower case, and numbers."""
    internal: int
    """Attributes that FreeRADIUS keeps to itself."""


@dataclass(frozen=True, slots=True)
class _Vendor:
    number: int
    form: Form | None = USUAL
    """None: one whose attributes cannot be written."""


@dataclass(slots=True)
class _Reading:
    read: Read
    vendors: dict[str, _Vendor] = field(default_factory=dict)
    every: dict[str, Definition] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    """As `Dictionary.values`."""
    files: int = 0
    lines: int = 0
    internal: int = 0
    where: str = ""

    # --- files ---

    def file(self, name: str, depth: int = 0) -> None:
        self.files += 1
        if depth > MOST_DEPTH or self.files > MOST_FILES:
            raise self.error(f"Files are included more than {MOST_DEPTH} deep, or more than {MOST_FILES} of them.")
        text = self.read(name)
        if text is None:
            raise self.error(f"There is no file {name} in the folder.")
        block = _Block(self, name, depth)
        for number, line in enumerate(text.splitlines(), 1):
            self.lines += 1
            self.where = f"{name}, line {number}"
            if self.lines > MOST_LINES:
                raise self.error(f"All files together have more than {MOST_LINES} lines.")
            words = line.partition("#")[0].split()
            if words:
                block.line(words)
        self.where = f"{name}, at its end"
        block.end()

    def include(self, words: list[str], above: str, depth: int) -> None:
        if len(words) != 2:
            raise self.error("Write $INCLUDE and one file.")
        name = posixpath.normpath(posixpath.join(posixpath.dirname(above), words[1]))
        if words[1].startswith("/") or name.startswith(".."):
            raise self.error(f"{words[1]} lies outside of the dictionary's folder. Copy it there.")
        if words[0] == "$INCLUDE-" and self.read(name) is None:
            return
        where = self.where
        self.file(name, depth + 1)
        self.where = where

    # --- what stands in them ---

    def vendor(self, words: list[str]) -> None:
        if len(words) not in (3, 4):
            raise self.error("Write VENDOR, a name, a number, and perhaps a format.")
        number = self.number(words[2], 2**24 - 1)
        form = USUAL
        if len(words) == 4:
            found = re.fullmatch(r"format=([124]),([012])(,c)?", words[3])
            if found is None:
                raise self.error(f"{words[3]} is no format. Write it like format=1,1 or format=2,2.")
            form = Form(int(found[1]), int(found[2]), bool(found[3]))
        self.vendors[words[1].lower()] = _Vendor(number, form)

    def known_vendor(self, name: str) -> _Vendor:
        if name.lower() not in self.vendors:
            raise self.error(f"No VENDOR line before this one names {name}.")
        return self.vendors[name.lower()]

    def attribute(self, words: list[str], vendor: _Vendor | None, above: Definition | None) -> None:
        if len(words) < 4:
            raise self.error("Write ATTRIBUTE, a name, a number and a type.")
        name, flags = words[1], _flags(words[4:])
        for flag in flags:
            if flag.lower() in self.vendors and vendor is None:
                vendor = self.vendors[flag.lower()]
        numbers = tuple(self.number(part, 2**32 - 1) for part in words[2].split("."))
        if above is not None:
            numbers = (above.number, *above.below, *numbers)
        if vendor is None and numbers[0] > 255:
            self.internal += 1
            return
        kind, size = self.type(words[3])
        encryption = flags.get("encrypt", "")
        form = vendor.form if vendor is not None else USUAL
        if form is None or (vendor is not None and vendor.number == 0) or encryption not in ("", SALTED):
            kind = T.UNWRITABLE
        if vendor is None and len(numbers) > 1 and (numbers[0] not in EXTENDED | LONG_EXTENDED or len(numbers) > 3):
            kind = T.UNWRITABLE
        self.every[name.lower()] = Definition(
            name,
            numbers[0],
            kind,
            vendor.number if vendor is not None else 0,
            hidden=encryption == SALTED,
            below=numbers[1:],
            form=form or USUAL,
            takes_tag="has_tag" in flags,
            size=size,
        )

    def type(self, word: str) -> tuple[DataType, int]:
        if (sized := SIZED.fullmatch(word.lower())) is not None:
            return T.STRING, self.number(sized[2], LONGEST_OCTETS)
        if word.lower() not in TYPES:
            raise self.error(f"{word} is no type that is known. Write one of {', '.join(sorted(TYPES))}.")
        return TYPES[word.lower()], 0

    def value(self, words: list[str]) -> None:
        if len(words) < 4:
            raise self.error("Write VALUE, an attribute, a name and a number.")
        self.values.setdefault(words[1].lower(), {})[words[2].lower()] = self.number(words[3], 2**64 - 1)

    def number(self, text: str, most: int) -> int:
        try:
            number = int(text, 0) if not text.isdecimal() else int(text)
        except ValueError:
            raise self.error(f"{text} is no number.") from None
        if not 0 <= number <= most:
            raise self.error(f"{text} lies outside of 0 to {most}.")
        return number

    def error(self, sentence: str) -> DictionaryError:
        return DictionaryError(f"{self.where}: {sentence}" if self.where else sentence)


class _Block:
    """One file: what begins in it ends in it."""

    def __init__(self, reading: _Reading, name: str, depth: int) -> None:
        self._reading = reading
        self._name = name
        self._depth = depth
        self._vendor: tuple[str, _Vendor] | None = None
        self._above: list[Definition] = []

    def line(self, words: list[str]) -> None:
        reading = self._reading
        match words[0].upper():
            case "$INCLUDE" | "$INCLUDE-":
                reading.include(words, self._name, self._depth)
            case "VENDOR":
                reading.vendor(words)
            case "ATTRIBUTE":
                above = self._above[-1] if self._above else None
                reading.attribute(words, self._vendor[1] if self._vendor is not None else None, above)
            case "VALUE":
                reading.value(words)
            case "BEGIN-VENDOR" if len(words) >= 2 and self._vendor is None:
                vendor = reading.known_vendor(words[1])
                inside = len(words) > 2  # of an extended attribute, RFC 6929 section 2.4
                self._vendor = (words[1], replace(vendor, form=None) if inside else vendor)
            case "END-VENDOR" if self._vendor is not None and words[1:2] == [self._vendor[0]]:
                self._vendor = None
            case "BEGIN-TLV" if len(words) == 2 and words[1].lower() in reading.every:
                self._above.append(reading.every[words[1].lower()])
            case "END-TLV" if self._above and words[1:2] == [self._above[-1].name]:
                self._above.pop()
            case keyword if keyword in OF_VERSION_4:
                raise reading.error(f"{words[0]} is of FreeRADIUS 4; use the dictionaries of version 3.")
            case "BEGIN-VENDOR" | "END-VENDOR" | "BEGIN-TLV" | "END-TLV":
                raise reading.error(f"{' '.join(words[:2])} does not fit here: check what was begun before it.")
            case _:
                raise reading.error(f"{words[0]} is nothing that a dictionary says.")

    def end(self) -> None:
        if self._vendor is not None or self._above:
            begun = self._vendor[0] if self._vendor is not None else self._above[-1].name
            raise self._reading.error(f"{begun} was begun and not ended.")


def _flags(words: list[str]) -> dict[str, str]:
    told = (one.partition("=") for word in words for one in word.split(",") if one)
    return {name: value for name, _, value in told}


def read_dictionary(name: str, read: Read) -> Dictionary:
    """``name``: of the file that includes the others. Raises DictionaryError."""
    reading = _Reading(read)
    reading.file(name)
    values = reading.values
    definitions = {
        name: replace(one, values=values[name]) if name in values else one for name, one in reading.every.items()
    }
    return Dictionary(definitions, values, reading.internal)
