"""What a store holds, as a file that makes the same of an empty installation.

What every installation has is written only where it differs from a fresh one. A secret is written as the name of a
variable; passwords of people are left to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from control.apply import hidden
from control.apply.declared import declared, is_usual, short_items, short_value
from control.apply.description import ADOPT, KIND
from control.apply.sections import MARK, Given, Section, owner_of
from control.apply.settings import SECTION, SETTINGS, exported
from control.apply.table import SECTIONS
from control.store.interface import Transaction
from control.verbs import secret_attributes
from rules.secret_attributes import keys
from settings.read import PREFIXES

State = Mapping[tuple[str, str], Given]
"""Section and name to all fields."""


@dataclass(slots=True)
class Exported:
    document: dict[str, Any] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)
    """Those that hold the secrets."""
    passwords: frozenset[str] = frozenset()
    """Attributes of people and groups that are some (`rules.secret_attributes`)."""


def state(tx: Transaction) -> State:
    return {
        (section.name, section.name_of(record)): declared(tx, section, record)
        for section in SECTIONS.values()
        for record in tx.each(section.record)
        if section.is_declared(record)
    }


def export(tx: Transaction, fresh: State, everything: bool) -> Exported:
    """Everything, or what files own. ``fresh`` is what an empty installation has."""
    result = Exported(passwords=keys(secret_attributes.names(tx)))
    adopts = everything
    if settings := {name: _setting(name, fields, result) for name, fields in exported(tx, everything) if fields}:
        result.document[SECTION] = settings
    for section in SECTIONS.values():
        entries: dict[str, Given] = {}
        chosen = {section.name_of(record): fields for record, fields in _chosen(tx, section, everything)}
        for name, fields in sorted(chosen.items()):
            known = fresh.get((section.name, name))
            entry = _entry(section, name, fields, known, result)
            if known is None or entry.keys() - {KIND}:
                entries[name] = entry
                adopts |= known is not None and name not in section.aliases
        if entries:
            result.document[section.name] = entries
    if adopts and result.document:
        result.document = {ADOPT: True, **result.document}
    return result


def _setting(name: str, fields: Given, result: Exported) -> Given:
    secrets = SETTINGS[name].secrets
    return {
        field_name: _variable(SECTION, name, field_name, result) if field_name in secrets and value else _literal(value)
        for field_name, value in fields.items()
    }


def _chosen(tx: Transaction, section: Section, everything: bool) -> Iterator[tuple[Any, Given]]:
    """The records with their fields; of what others change, too, only what files own."""
    for record in tx.each(section.record):
        owner = owner_of(record) or ""
        if not section.is_declared(record):
            continue
        if everything:
            yield record, declared(tx, section, record)
        elif owner.startswith(MARK):
            yield record, declared(tx, section, record, frozenset({owner}))
        elif section.shared and section.name_of(record) in section.aliases:
            named = SECTIONS[section.references[section.shared]]
            told = declared(tx, section, record)[section.shared]
            owned = [name for name in told if (owner_of(named.find(tx, name)) or "").startswith(MARK)]
            if owned:
                yield record, {section.shared: owned}


def _entry(section: Section, name: str, fields: Given, known: Given | None, result: Exported) -> Given:
    kind = str(fields.get(KIND, ""))
    unwanted = {one.removeprefix(f"{kind}.") for one in section.unexported}
    types = section.fields_of(kind)
    parts = {part.name: part for part in section.parts}
    entry: Given = {KIND: kind} if kind else {}
    for field_name, value in fields.items():
        if field_name in unwanted or field_name == KIND or (known is not None and known.get(field_name) == value):
            continue
        if field_name in parts:
            if value or known is not None:
                items = _literal(short_items(parts[field_name], value))
                entry[field_name] = [_without_hidden(section, name, item, result) for item in items]
            continue
        if known is None and field_name not in section.stated and is_usual(types, field_name, value):
            continue
        if field_name in section.secrets:
            entry[field_name] = _variable(section.one, name, field_name, result) if value else value
        elif field_name == "attributes" and isinstance(value, dict):
            instead = partial(_variable, section.one, name, result=result)
            entry[field_name] = hidden.of_people(_literal(value), result.passwords, instead)
        else:
            entry[field_name] = _literal(short_value(types, field_name, value))
    return entry


def _without_hidden(section: Section, name: str, item: Any, result: Exported) -> Any:
    called = f"{name} {item.get('name')}" if isinstance(item, dict) else name
    return hidden.of_answers(item, partial(_variable, section.one, called, result=result))


def _literal(value: Any) -> Any:
    """Text that would be taken for the name of a variable or a file stands behind a variable that cannot be there."""
    if isinstance(value, dict):
        return {key: _literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_literal(item) for item in value]
    return f"env://?{value}" if isinstance(value, str) and value.startswith(("env://", "file://")) else value


def _upper(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def _variable(one: str, name: str, field_name: str, result: Exported) -> str:
    wanted = _upper(f"{one} {name} {field_name}")
    if wanted.startswith(PREFIXES):  # the program takes these for settings of its own
        wanted = _upper(f"{name} {one} {field_name}")
    if wanted.startswith(PREFIXES):
        wanted = f"SECRET_OF_{wanted}"
    free, number = wanted, 2
    while free in result.variables:
        free, number = f"{wanted}_{number}", number + 1
    result.variables.append(free)
    return f"env://{free}"
