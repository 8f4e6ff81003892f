"""What was found in another program's file: records as `outpost apply` would have them written, and what was left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.apply.sections import Given
from control.apply.table import SECTIONS
from control.verbs.fields import Fields, Invalid, parse
from settings.yaml_lines import Lines, Place, YamlFault, read_yaml

SHOWN = 5
"""Lines that are named of those to which the same happened."""
FOLDED = frozenset({"users", "groups"})
"""Sections whose names ignore case."""


class CannotRead(Exception):
    """The file as a whole is not what it was said to be; the text says why."""


@dataclass(slots=True)
class Found:
    sections: dict[str, dict[str, Given]] = field(default_factory=lambda: {name: {} for name in SECTIONS}, repr=False)
    lines: dict[Place, int] = field(default_factory=dict)
    """Of section and name: where it stands."""
    clear: dict[str, str] = field(default_factory=dict, repr=False)
    """Username to a password that stands in the file for everybody to read."""
    left: dict[str, dict[int, None]] = field(default_factory=dict)
    """Sentence to the lines that it is about."""
    unit: str = "line"
    """What the numbers count."""
    called: dict[int, str] = field(default_factory=dict)
    """What to tell in place of a number."""
    _taken: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def leave(self, line: int, why: str) -> None:
        self.left.setdefault(why, {})[line] = None

    def take(self, section: str, name: str, entry: Given, line: int) -> bool:
        """False: the name cannot be had. Fields that cannot be stored are left, the record is not."""
        one = SECTIONS[section].one
        key = (section, name.lower() if section in FOLDED else name)
        if key in self._taken:
            self.leave(line, f"{one} {name} is there twice (names ignore case); the first one counts")
            return False
        types = SECTIONS[section].fields_of(str(entry.get("kind", "")))
        whole = {**SECTIONS[section].at_first(name), **entry, SECTIONS[section].key: name}
        faults = _faults(types, whole) if section in FOLDED else {}
        for wrong, sentence in faults.items():
            if wrong not in entry:
                self.leave(line, f"{one} {name[:100]!r} is left out: {wrong}: {sentence}")
                return False
            self.leave(line, f"{one} {name}: {wrong}: {sentence}")
        self._taken.add(key)
        self.sections[section][name] = {field: value for field, value in entry.items() if field not in faults}
        self.lines[section, name] = line
        return True

    def told(self) -> list[str]:
        """A line each, in the order of the file."""
        return [
            f"{self._places(sorted(lines))}: {why}"
            for why, lines in sorted(self.left.items(), key=lambda one: min(one[1]))
        ]

    def _places(self, lines: list[int]) -> str:
        more = f" and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
        if self.called:
            return "; ".join(self.called[line] for line in lines[:SHOWN]) + more
        return f"{self.unit}{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines[:SHOWN]))}{more}"


def _faults(types: type[Fields], given: Mapping[str, Any]) -> dict[str, str]:
    """Of what is no reference: that names others, which have pks only when they are stored."""
    plain = {name: value for name, value in given.items() if name not in ("users", "parents", "groups", "provider")}
    try:
        parse(types, plain)
    except Invalid as error:
        return {name: " ".join(sentences) for name, sentences in error.fields.items() if name in plain}
    return {}


def document(octets: bytes) -> Lines:
    """Of a YAML file. Raises CannotRead."""
    try:
        return read_yaml(octets.decode())
    except UnicodeDecodeError:
        raise CannotRead("is not UTF-8 text") from None
    except YamlFault as error:
        raise CannotRead(str(error)) from None
