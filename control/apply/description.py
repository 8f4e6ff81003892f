"""The files as values: shape, names of fields and text from elsewhere are checked here, before any store is asked.

Each section (`control.apply.table`) maps names to fields. Fields have the API's names; where the API takes a pk, the
file takes a name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from control.apply.sections import IMPORTED, MARK, Part, Section, is_list, nested
from control.apply.settings import SECTION, SETTINGS
from control.apply.table import SECTIONS
from control.apply.table.people import PASSWORD_FIELDS
from settings.references import resolve
from settings.yaml_lines import Lines, Place, YamlFault, read_yaml

ADOPT = "adopt"
"""Hands a record over that exists already and belongs to nobody; at the top of a file, all of them."""
FORMERLY = "formerly"
"""At the top of a file: the name that it had, whose records it goes on with."""
KIND = "kind"


class ApplyError(Exception):
    """The files cannot be applied; ``lines`` say why and where, one line a fault.

    ``refused``: section and name of the records that the store did not take, and why, of each.
    """

    def __init__(self, lines: list[str], refused: Mapping[tuple[str, str], list[str]] | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.refused = refused or {}


@dataclass(frozen=True, slots=True)
class Source:
    """One file, for complaints."""

    path: Path
    lines: Lines = field(repr=False)

    def fault(self, place: Place, text: str) -> str:
        dotted = ".".join(map(str, place))
        return f"{self.path}: line {self.lines.line(place)}: {dotted + ': ' if dotted else ''}{text}"


@dataclass(frozen=True, slots=True)
class Description:
    path: Path
    sections: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)
    """Section to names to what is said of each."""
    sources: Mapping[tuple[str, str], Source] = field(repr=False)
    """Section and name to the file that says it."""
    adopts: frozenset[tuple[str, str]] = frozenset()
    """Section and name of what may be taken over."""
    imported: str = ""
    """The program that wrote it (`control.moving_in`): then nothing is deleted because it isn't described."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """What is said of each of `control.apply.settings`."""
    formerly: tuple[str, ...] = ()
    """Names of files that this one goes on for."""

    @property
    def mark(self) -> str:
        """What ``managed`` says of everything that the file, or the folder, owns."""
        return f"{IMPORTED}{self.imported}" if self.imported else f"{MARK}{called(self.path)}"

    @property
    def passwords(self) -> dict[str, tuple[str, bool, Place]]:
        """Username to (password, whether it is only for a new user, where it stands)."""
        return {
            username: (entry[name], name == "initial_password", ("users", username, name))
            for username, entry in self.sections["users"].items()
            for name in ("initial_password", "password")
            if name in entry
        }

    @property
    def password_hashes(self) -> dict[str, tuple[str, Place]]:
        """Username to the hash of a new user's password, and where it stands."""
        return {
            username: (entry["password_hash"], ("users", username, "password_hash"))
            for username, entry in self.sections["users"].items()
            if "password_hash" in entry
        }

    def fault(self, place: Place, text: str) -> str:
        source = self.sources.get((str(place[0]), str(place[1])))
        return source.fault(place, text) if source else f"{self.path}: {'.'.join(map(str, place))}: {text}"


def called(path: Path) -> str:
    """The name of the file or folder, wherever it was when it was named: ``.`` is another one in each folder."""
    return Path(os.path.abspath(path)).stem


def read_description(text: str, path: Path, environ: Mapping[str, str]) -> Description:
    """One file; ``path`` names it in complaints. Raises ApplyError."""
    return read_descriptions([(path, text)], path, environ)


def read_descriptions(texts: Sequence[tuple[Path, str]], path: Path, environ: Mapping[str, str]) -> Description:
    """Several files of the folder ``path``, which say together what one could say. Raises ApplyError."""
    faults: list[str] = []
    entries: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in SECTIONS}
    settings: dict[str, Mapping[str, Any]] = {}
    sources: dict[tuple[str, str], Source] = {}
    adopts: set[tuple[str, str]] = set()
    formerly: dict[str, None] = {}
    for file, text in texts:
        try:
            source = Source(file, read_yaml(text))
        except YamlFault as error:
            faults.append(f"{file}: {error}")
            continue
        document, unresolved = _resolved(source, environ)
        faults += unresolved
        misshapen = [source.fault(place, said) for place, said in _misshapen(document)]
        faults += misshapen
        if misshapen:
            continue
        adopts_all = document.pop(ADOPT, False) is True
        if former := document.pop(FORMERLY, None):
            formerly[former] = None
        for section, spelled, key, entry in _entries(document):
            known = sources.get((section, key))
            if known is not None:
                where = "" if known is source else f" in {known.path}"
                faults.append(source.fault((section, spelled), f"is described{where} already"))
            sources[section, key] = source
            if adopts_all or entry.get(ADOPT) is True:
                adopts.add((section, key))
            told = settings if section == SECTION else entries[section]
            told[key] = {name: value for name, value in entry.items() if name != ADOPT}
    if faults:
        raise ApplyError(faults)
    return Description(path, entries, sources, frozenset(adopts), settings=settings, formerly=tuple(formerly))


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Section, name as it is written and as the store has it, and what is said."""
    for section, entries in document.items():
        for key, entry in (entries or {}).items():
            yield section, key, key if section == SECTION else SECTIONS[section].normal(key), entry or {}


def _resolved(source: Source, environ: Mapping[str, str]) -> tuple[Any, list[str]]:
    """The document with ``env://`` and ``file://`` replaced by what they point at."""
    faults: list[str] = []

    def walk(value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            return {key: walk(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*place, index)) for index, item in enumerate(value)]
        try:
            return resolve(value, environ)
        except ValueError as error:
            faults.append(source.fault(place, str(error)))
            return value

    return walk(source.lines.value, ()), faults


# --- shape -----------------------------------------------------------------------------------------------------------


def _misshapen(document: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(document, dict):
        yield (), f"must hold sections: {', '.join((SECTION, *SECTIONS))}"
        return
    for name, entries in document.items():
        if name == ADOPT:
            if not isinstance(entries, bool):
                yield (name,), "must be true or false"
        elif name == FORMERLY:
            if not isinstance(entries, str) or not entries or entries.endswith((".yml", ".yaml")):
                yield (name,), "must be the name that the file or folder had, without .yml"
        elif name not in (SECTION, *SECTIONS):
            yield (name,), _unknown("section", name, {*SECTIONS, SECTION, ADOPT, FORMERLY})
        elif not isinstance(entries, dict | None):
            yield (name,), "must hold names, each with its fields below it, indented"
        elif name == SECTION:
            for key, entry in (entries or {}).items():
                yield from _misshapen_setting(key, entry)
        else:
            for key, entry in (entries or {}).items():
                yield from _misshapen_entry(SECTIONS[name], key, entry)


def _misshapen_setting(key: str, entry: Any) -> Iterator[tuple[Place, str]]:
    if key not in SETTINGS:
        yield (SECTION, key), _unknown("name", str(key), set(SETTINGS))
    elif not isinstance(entry, dict | None):
        yield (SECTION, key), "must hold fields below it, indented"
    else:
        known = set(SETTINGS[key].fields.model_fields)
        for name in (entry or {}).keys() - known:
            yield (SECTION, key, name), _unknown("field", name, known)


def _misshapen_entry(section: Section, key: str, entry: Any) -> Iterator[tuple[Place, str]]:
    place: Place = (section.name, key)
    if not isinstance(entry, dict | None):
        yield place, "must hold fields below it, indented"
        return
    entry = entry or {}
    kind = entry.get(KIND, "")
    if section.kinds and not (isinstance(kind, str) and kind in section.kinds):
        yield place, f"needs a kind: one of {', '.join(section.kinds)}"
        return
    fields, parts = section.written(kind), {part.name: part for part in section.parts_of(kind)}
    known = fields | section.extra | parts.keys() | {ADOPT} | ({KIND} if section.kinds else set())
    for name, value in entry.items():
        if name not in known:
            yield (*place, name), _unknown("field", name, known)
        elif name in PASSWORD_FIELDS and name in section.extra and not isinstance(value, str):
            yield (*place, name), "must be text; put it in quotation marks"
        elif name in parts:
            yield from _misshapen_items(parts[name], (*place, name), value)
        elif name in fields:
            yield from _misshapen_field(section.fields_of(kind), section.references, (*place, name), value)


def _misshapen_field(
    fields: type[BaseModel], references: Mapping[str, str], place: Place, value: Any
) -> Iterator[tuple[Place, str]]:
    """Names where names are due, and no field in a list of objects that its type does not have."""
    name = str(place[-1])
    if name in references and is_list(fields, name):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            yield place, "must be a list of names"
    elif name in references:
        if not isinstance(value, str | None):
            yield place, "must be a name"
    elif (inner := nested(fields, name)) is not None and isinstance(value, list):
        below = {rest: named for at, named in references.items() for rest in [at.partition(f"{name}.")[2]] if rest}
        for index, item in enumerate(value):
            for field_name, part in item.items() if isinstance(item, dict) else ():
                if field_name not in inner.model_fields:
                    yield (*place, index, field_name), _unknown("field", field_name, set(inner.model_fields))
                else:
                    yield from _misshapen_field(inner, below, (*place, index, field_name), part)


def _misshapen_items(part: Part, place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(value, list):
        yield place, f"must be a list such as {part.example}"
        return
    below = {inner.name: inner for inner in part.parts}
    known = part.written | below.keys()
    for index, item in enumerate(value):
        at: Place = (*place, index)
        if not isinstance(item, dict):
            yield at, f"must hold fields, as in {part.example}"
            continue
        if part.one_of and len(set(part.one_of) & item.keys()) != 1:
            yield at, f"must name either a {' or a '.join(part.one_of)}, as in {part.example}"
            continue
        for name, said in item.items():
            if name not in known:
                yield (*at, name), _unknown("field", name, known)
            elif name in below:
                yield from _misshapen_items(below[name], (*at, name), said)
            else:
                yield from _misshapen_field(part.fields, part.references, (*at, name), said)


def _unknown(what: str, name: str, known: set[str] | frozenset[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return (
        f"unknown {what}; did you mean {near[0]!r}?"
        if near
        else f"unknown {what}; there are {', '.join(sorted(known))}"
    )
