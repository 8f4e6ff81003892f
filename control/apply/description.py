"""The file as values: shape, names of fields and text from elsewhere are checked here, before any store is asked.

Five sections, each from names to fields: ``users`` by username, ``groups``, ``providers`` and ``outposts`` by name,
``applications`` by slug. Fields have the API's names; where the API takes a pk, the file takes a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from control.verbs.applications import ApplicationFields
from control.verbs.bindings import BindingFields
from control.verbs.groups import GroupFields
from control.verbs.provider_kinds import KINDS
from control.verbs.users import UserFields
from settings.references import resolve
from settings.yaml_lines import Lines, Place, YamlFault, read_yaml

ADOPT = "adopt"
"""Hands a record over that exists already and belongs to nobody."""

PASSWORD_FIELDS = ("password", "initial_password", "password_hash")
"""The first is kept as it is written here; the others are for new users, who may change them. A hash is one that this
or another program has made (`control.foreign_hashes`)."""

NOT_WRITTEN = {"username", "groups", "must_change_password"}
"""The last one the person ends by choosing a password, and a file that said it again would undo that."""

FIELDS: dict[str, frozenset[str]] = {
    "users": (frozenset(UserFields.model_fields) - NOT_WRITTEN) | set(PASSWORD_FIELDS) | {ADOPT},
    "groups": (frozenset(GroupFields.model_fields) - {"name"}) | {ADOPT},
    "providers": frozenset({"kind", ADOPT}),
    "applications": (frozenset(ApplicationFields.model_fields) - {"slug"}) | {"bindings", ADOPT},
    "outposts": frozenset({"providers"}),
}
"""Section to the fields of its entries; those of a provider depend on its kind as well."""

BINDING_FIELDS = frozenset(BindingFields.model_fields) - {"target", "policy"}


class ApplyError(Exception):
    """The file cannot be applied; ``lines`` say why and where, one line a fault."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Description:
    path: Path
    sections: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)
    lines: Lines = field(repr=False)

    @property
    def mark(self) -> str:
        """What ``managed`` says of everything that the file owns."""
        return f"apply:{self.path.stem}"

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
        return _fault(self.path, self.lines, place, text)


def read_description(text: str, path: Path, environ: Mapping[str, str]) -> Description:
    """``path`` names the file in complaints. Raises ApplyError."""
    try:
        document = read_yaml(text)
    except YamlFault as error:
        raise ApplyError([f"{path}: {error}"]) from None
    sections, faults = _resolved(document, environ, path)
    faults += [_fault(path, document, place, said) for place, said in _misshapen(sections)]
    if faults:
        raise ApplyError(faults)
    entries = {name: {str(key): entry or {} for key, entry in (sections.get(name) or {}).items()} for name in FIELDS}
    return Description(path, entries, document)


def _fault(path: Path, lines: Lines, place: Place, text: str) -> str:
    dotted = ".".join(map(str, place))
    return f"{path}: line {lines.line(place)}: {dotted + ': ' if dotted else ''}{text}"


def _resolved(document: Lines, environ: Mapping[str, str], path: Path) -> tuple[Any, list[str]]:
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
            faults.append(_fault(path, document, place, str(error)))
            return value

    return walk(document.value, ()), faults


def _misshapen(sections: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(sections, dict):
        yield (), f"must hold sections: {', '.join(FIELDS)}"
        return
    for name, entries in sections.items():
        if name not in FIELDS:
            yield (name,), _unknown("section", name, FIELDS)
        elif not isinstance(entries, dict | None):
            yield (name,), "must hold names, each with its fields below it, indented"
        else:
            for key, entry in (entries or {}).items():
                yield from _misshapen_entry(name, key, entry)


def _misshapen_entry(section: str, key: str, entry: Any) -> Iterator[tuple[Place, str]]:
    place: Place = (section, key)
    if not isinstance(entry, dict | None):
        yield place, "must hold fields below it, indented"
        return
    entry = entry or {}
    fields = FIELDS[section]
    if section == "providers":
        kind = entry.get("kind")
        if kind not in KINDS:
            yield place, f"needs a kind: one of {', '.join(KINDS)}"
            return
        fields = (fields | set(KINDS[kind].fields.model_fields)) - {"name"}
    for name, value in entry.items():
        if name not in fields:
            yield (*place, name), _unknown("field", name, fields)
        elif name in PASSWORD_FIELDS and not isinstance(value, str):
            yield (*place, name), "must be text; put it in quotation marks"
        elif name in ("users", "parents", "providers", "property_mappings") and section != "users":
            yield from _misshapen_names((*place, name), value)
        elif name == "bindings":
            yield from _misshapen_bindings((*place, name), value)


def _misshapen_names(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        yield place, "must be a list of names"


def _misshapen_bindings(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(value, list):
        yield place, "must be a list such as [{group: staff}, {user: alice}]"
        return
    for index, binding in enumerate(value):
        if not isinstance(binding, dict) or len({"group", "user"} & binding.keys()) != 1:
            yield (*place, index), "must name either a group or a user, such as {group: staff}"
            continue
        for name in binding.keys() - BINDING_FIELDS:
            yield (*place, index, name), _unknown("field", name, BINDING_FIELDS)


def _unknown(what: str, name: str, known: Mapping[str, Any] | frozenset[str] | set[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    return (
        f"unknown {what}; did you mean {near[0]!r}?"
        if near
        else f"unknown {what}; there are {', '.join(sorted(known))}"
    )
