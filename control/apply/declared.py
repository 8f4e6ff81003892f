"""A record as a file would write it: the API's fields, names instead of pks, and what belongs to it as lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from control.apply.sections import (
    NO_DEFAULT,
    Given,
    Part,
    References,
    Section,
    default,
    moments,
    nested,
    owner_of,
)
from control.apply.table import SECTIONS
from control.store.interface import Query, Transaction

Exchange = Callable[[str, Any], Any]
"""Section and one name or pk, to the other."""


Owners = frozenset[str | None]
"""Marks; None: what belongs to nobody."""


def declared(tx: Transaction, section: Section, record: Any, owners: Owners | None = None) -> Given:
    """With ``owners``, only their items of parts. pks of what is gone are left out."""
    kind = section.kind_of(record)
    now = section.current(tx, record)
    told = _written(tx, {name: now[name] for name in now if name in section.written(kind)}, section.references)
    for name in moments(section.fields_of(kind)) & told.keys():
        told[name] = moment(told[name])
    for part in section.parts_of(kind):
        told[part.name] = items(tx, part, record.pk, owners)
    return {"kind": kind, **told} if kind else told


def items(tx: Transaction, part: Part, owner: Any, owners: Owners | None) -> list[Given]:
    """In their order; what has the same place, in that of its text."""
    found = [
        _item(tx, part, record, owners)
        for record in part_records(tx, part, owner)
        if owners is None or owner_of(record) in owners
    ]
    return sorted(found, key=lambda item: (item.get("order", 0), str(item)))


def part_records(tx: Transaction, part: Part, owner: Any) -> list[Any]:
    return list(tx.select(part.record, Query(equal={part.held or part.owner: owner})))


def _item(tx: Transaction, part: Part, record: Any, owners: Owners | None) -> Given:
    told = _written(tx, part.current(record), part.references)
    for below in part.parts:
        told[below.name] = items(tx, below, record.pk, owners)
    return {name: value for name, value in told.items() if name not in part.one_of or value is not None}


def _written(tx: Transaction, fields: Given, references: References) -> Given:
    known: dict[tuple[str, Any], str] = {}
    for section, pks in listed(fields, references):
        records: list[Any] = tx.select(SECTIONS[section].record, Query(within={"pk": pks}))
        known |= {(section, record.pk): SECTIONS[section].name_of(record) for record in records}

    def name(section: str, pk: Any) -> Any:
        if (section, pk) in known:
            return known[section, pk]
        found = tx.find(SECTIONS[section].record, pk=pk)
        return None if found is None else SECTIONS[section].name_of(found)

    return exchanged({name: _plain(value) for name, value in fields.items()}, references, name)


def listed(fields: Mapping[str, Any], references: References) -> Iterator[tuple[str, list[Any]]]:
    """Section, and what fields that are lists say of it: a group of many is looked up in one question."""
    for place, section in references.items():
        if isinstance(fields.get(place), list | tuple) and fields[place]:
            yield section, list(fields[place])


def exchanged(fields: Mapping[str, Any], references: References, exchange: Exchange) -> Given:
    """The fields with what stands at the places of the references exchanged; Nones in lists go."""
    result = dict(fields)
    for place, section in references.items():
        first, *rest = place.split(".")
        if first in result:
            result[first] = _at(result[first], rest, section, exchange)
    return result


def _at(value: Any, place: list[str], section: str, exchange: Exchange) -> Any:
    if isinstance(value, list):
        changed = [_at(item, place, section, exchange) for item in value]
        return [item for item in changed if item is not None]
    if not place:
        return None if value is None else exchange(section, value)
    if isinstance(value, Mapping) and place[0] in value:
        return {**value, place[0]: _at(value[place[0]], place[1:], section, exchange)}
    return value


# --- without what goes without saying -------------------------------------------------------------------------------


def short_items(part: Part, items: list[Given]) -> list[Given]:
    """As a file writes them: without what the type fills in, and without an order that is the place in the list."""
    below = {inner.name: inner for inner in part.parts}
    written: list[Given] = []
    for index, item in enumerate(items):
        short: Given = {}
        for name, value in item.items():
            if name in below:
                short |= {name: short_items(below[name], value)} if value else {}
            elif name == "order":
                short |= {name: value} if value != index else {}
            elif not is_usual(part.fields, name, value):
                short[name] = short_value(part.fields, name, value)
        written.append(short)
    return written


def short_value(fields: type[BaseModel], name: str, value: Any) -> Any:
    """A list of objects without what their type fills in; anything else as it is."""
    inner = nested(fields, name)
    if inner is None or not isinstance(value, list):
        return value
    return [
        {key: short_value(inner, key, part) for key, part in item.items() if not is_usual(inner, key, part)}
        for item in value
    ]


def is_usual(fields: type[BaseModel], name: str, value: Any) -> bool:
    usual = default(fields, name)
    return value is None if usual is NO_DEFAULT else bool(value == usual)


def _plain(value: Any) -> Any:
    """Without tuples."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
