"""Filters that look at the records one by one: at times, at beginnings, at attributes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from operator import eq, gt, lt
from typing import Any
from uuid import UUID

from control.records import Record
from control.store.interface import Transaction
from control.verbs.fields import Invalid
from control.web.admin_api.lists import Filter, Narrowed, boolean

MOST_DEPTH = 20
"""Of an attribute's path, `a__b__c`."""


def moments(kind: type[Record], field: str) -> dict[str, Filter]:
    """``?field=``, ``?field__gt=`` and ``?field__lt=``, with a time in ISO 8601; one without a zone is UTC."""

    def by(name: str, fits: Callable[[float, float], bool]) -> Filter:
        def narrow(tx: Transaction, values: list[str]) -> Narrowed:
            than = _seconds(name, values[-1])
            return {"pk": [_pk(one) for one in tx.select(kind) if (at := getattr(one, field)) and fits(at, than)]}

        return narrow

    return {name: by(name, fits) for name, fits in ((field, eq), (f"{field}__gt", gt), (f"{field}__lt", lt))}


def without(kind: type[Record], field: str, apart: type[Record]) -> Filter:
    """``?field__isnull=``, of a field that stands in another table by the same pk."""

    def narrow(tx: Transaction, values: list[str]) -> Narrowed:
        said = boolean(values[-1])
        if said is None:
            return {}
        there = {_pk(one) for one in tx.select(apart) if getattr(one, field)}
        return {"pk": [pk for one in tx.select(kind) if ((pk := _pk(one)) not in there) == said]}

    return narrow


def beginning(kind: type[Record], field: str) -> Filter:
    return lambda tx, values: {
        field: sorted({text for one in tx.select(kind) if (text := getattr(one, field)).startswith(values[-1])})
    }


def setting(kind: type[Record], name: str, folded: bool = False) -> Filter:
    """An entry of ``settings``, equal to the last value, or, with ``folded``, ignoring case."""

    def narrow(tx: Transaction, values: list[str]) -> Narrowed:
        wanted = values[-1].casefold() if folded else values[-1]
        found = ((_pk(one), _written(one.settings.get(name))) for one in tx.select(kind))  # type: ignore[attr-defined]
        return {"pk": [pk for pk, said in found if (said.casefold() if folded else said) == wanted]}

    return narrow


def _written(value: Any) -> str:
    """As a query says it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def choices(field: str, known: Collection[str]) -> Filter:
    """Any of them. Raises Invalid for what is none."""

    def narrow(tx: Transaction, values: list[str]) -> Narrowed:
        for value in values:
            if value not in known:
                raise Invalid({field: [f"Select a valid choice. {value[:100]} is not one of the available choices."]})
        return {field: values}

    return narrow


def uuids(name: str, values: list[str]) -> list[str]:
    """Raises Invalid."""
    found = []
    for value in values:
        try:
            found.append(str(UUID(value)))
        except ValueError:
            raise Invalid({name: [f"“{value[:100]}” is not a valid UUID."]}) from None
    return found


def with_attributes(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Whose attributes have all that the JSON object ``text`` says; ``a__b`` is b within a. Raises Invalid."""
    try:
        wanted = json.loads(text)
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict):
        raise Invalid({"attributes": ["Value must be valid JSON, and an object."]})
    return lambda attributes: all(
        _at(attributes, name.split("__")[:MOST_DEPTH]) == [value] for name, value in wanted.items()
    )


def _at(attributes: Any, path: list[str]) -> list[Any]:
    """What stands there; empty if nothing does."""
    for name in path:
        if not isinstance(attributes, Mapping) or name not in attributes:
            return []
        attributes = attributes[name]
    return [attributes]


def _seconds(name: str, text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Invalid({name: ["Enter a valid date/time."]}) from None


def _pk(record: Record) -> Any:
    return record.pk  # type: ignore[attr-defined]  # every record has one
