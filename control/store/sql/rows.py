"""Records to rows and back: JSON made canonical, secrets sealed and opened."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, TypeVar

from control.records import Record
from control.store.secrets import KeyRing
from control.store.sql.schema import FOLDED_COLUMN, RECORD_TABLES, Field, RecordTable
from rules.names import folded

R = TypeVar("R", bound=Record)

_ESCAPED_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""What an integer column holds."""
LONGEST_ALIAS = 600
"""Characters: an index of PostgreSQL holds 2,704 octets. Nobody is asked for by a name that long."""


def pk_of(record: Record) -> int | str:
    pk: int | str = record.pk  # type: ignore[attr-defined]
    return pk


def canonical(record: R) -> R:
    """The record as it will read back: tuples inside JSON become lists, int in a float field becomes float.

    Raises ValueError or TypeError for what no database column holds: NUL and lone surrogates in text, integers beyond
    64 bits, NaN, objects without a JSON form, and values of another type than the field's.
    """
    changed = {}
    for name, field in RECORD_TABLES[type(record)].fields.items():
        value = getattr(record, name)
        as_stored = _canonical_value(field, value)
        if as_stored is not value:
            changed[name] = as_stored
    return replace(record, **changed) if changed else record  # type: ignore[type-var]


def _canonical_value(field: Field, value: Any) -> Any:
    if value is None and field.nullable:
        return None
    if field.is_json:
        parsed = json.loads(_json(value))
        return tuple(parsed) if field.python is tuple else parsed
    if not fits(field, value):
        raise ValueError(f"{field.name} cannot hold {type(value).__name__} of this kind")
    return float(value) if field.python is float else value


def fits(field: Field, value: Any) -> bool:
    """Can this plain field hold the value at all? What does not fit matches no record either."""
    if value is None:
        return field.nullable
    if field.python is bool or isinstance(value, bool):
        return field.python is bool and isinstance(value, bool)
    if field.python is int:
        return isinstance(value, int) and SMALLEST <= value <= LARGEST
    if field.python is float:
        return isinstance(value, int | float) and value == value
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _findable(alias: str) -> str | None:
    text = folded(alias)
    return text if len(text) <= LONGEST_ALIAS else None


def _json(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    if _ESCAPED_NUL.search(text):
        raise ValueError("text holds a NUL")
    return text


class Rows:
    """Turns records of any kind into rows and back, with one key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def row(self, record: Record) -> dict[str, Any]:
        kept = RECORD_TABLES[type(record)]
        values: dict[str, Any] = {}
        for name, field in kept.fields.items():
            value = getattr(record, name)
            if field.secret:
                text = _json(value) if field.is_json else value
                value = self._keys.seal(text, kept.table.name, name, pk_of(record))
            elif field.python is tuple:
                value = list(value)
            values[name] = value
        for name in kept.kind.FOLDED:
            values[FOLDED_COLUMN.format(name)] = folded(values[name])
        for name in kept.kind.ALIASES:
            alias = values["attributes"].get(name)
            values[FOLDED_COLUMN.format(name)] = _findable(alias) if isinstance(alias, str) else None
        return values

    def record(self, kept: RecordTable, values: dict[str, Any]) -> Any:
        """Raises CannotOpen for a secret that was moved, changed, or sealed with another key."""
        for name, field in kept.fields.items():
            if field.secret:
                text = self._keys.open(values[name], kept.table.name, name, values["pk"])
                values[name] = json.loads(text) if field.is_json else text
            elif field.python is tuple:
                values[name] = tuple(values[name])
        return kept.kind(**values)
