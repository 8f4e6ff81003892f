"""Lists: ``?page=&page_size=&ordering=&search=`` and filters, with authentik's pagination object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from starlette.datastructures import QueryParams

from control.records import Record
from control.store.interface import Query, Transaction
from control.verbs.fields import Invalid
from control.web.admin_api.refusals import Refused

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
"""authentik's; a page of groups carries all their members."""
MAX_SEARCH_LENGTH = 256
"""Characters; no name is longer."""
MAX_FILTER_VALUES = 100
"""How often one filter may be repeated."""

Narrowed = Mapping[str, Sequence[Any]]
"""field: the values that it may have."""
Filter = Callable[[Transaction, list[str]], Narrowed]
"""What a query parameter, given with these values, leaves over. Raises Invalid."""

_PLAIN = frozenset({"str", "int", "float", "bool", "str | None", "int | None", "float | None"})


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


def page_of(params: QueryParams) -> Page:
    """Raises Refused with 404 for a page that is no number."""
    size = _number(params.get("page_size", ""))
    number = _number(params.get("page", "1"))
    if number is None or number < 1:
        raise Refused(404, "Invalid page.")
    return Page(number, min(size, MAX_PAGE_SIZE) if size else DEFAULT_PAGE_SIZE)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def pagination(page: Page, count: int) -> dict[str, int]:
    """Raises Refused with 404 for a page behind the last one."""
    total = max(1, -(-count // page.size))
    if page.number > total:
        raise Refused(404, "Invalid page.")
    return {
        "next": page.number + 1 if page.number < total else 0,
        "previous": page.number - 1,
        "count": count,
        "current": page.number,
        "total_pages": total,
        "start_index": page.offset + 1 if count else 0,
        "end_index": min(page.offset + page.size, count),
    }


def ordering_of(params: QueryParams, kind: type[Record], default: tuple[str, ...]) -> tuple[str, ...]:
    """Fields that are no plain values, or not to be known, are ignored as unknown ones are."""
    hidden = kind.SECRETS | kind.HIDDEN
    known = {field.name for field in fields(kind) if field.type in _PLAIN} - hidden  # type: ignore[arg-type]
    asked = [name.strip() for name in params.get("ordering", "").split(",")]
    return tuple(dict.fromkeys(name for name in asked if name.removeprefix("-") in known)) or default


def query_of(tx: Transaction, params: QueryParams, filters: Mapping[str, Filter], given: Sequence[Narrowed]) -> Query:
    """``given`` narrows whatever the caller asks. Raises Invalid."""
    for name, value in params.multi_items():
        if "\x00" in value:
            raise Invalid({name: ["Null characters are not allowed."]})
    search = params.get("search", "")
    if len(search) > MAX_SEARCH_LENGTH:
        raise Invalid({"search": [f"Ensure this field has no more than {MAX_SEARCH_LENGTH} characters."]})
    within: dict[str, Sequence[Any]] = {}
    for narrowed in (*given, *_asked(tx, params, filters)):
        for field, values in narrowed.items():
            within[field] = _both(within[field], values) if field in within else values
    return Query(within=within, search=search)


def _both(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    among = set(others)
    return [value for value in some if value in among]


def _asked(tx: Transaction, params: QueryParams, filters: Mapping[str, Filter]) -> list[Narrowed]:
    asked = []
    for name, narrow in filters.items():
        values = [value for value in params.getlist(name) if value != ""]
        if len(values) > MAX_FILTER_VALUES:
            raise Invalid({name: [f"No more than {MAX_FILTER_VALUES} values."]})
        if values:
            asked.append(narrow(tx, values))
    return asked


# --- filters -------------------------------------------------------------------------------------------------------


def text(field: str) -> Filter:
    """The last value counts, as in authentik."""
    return lambda tx, values: {field: values[-1:]}


def same_text(kind: type[Record], field: str) -> Filter:
    """The last value, ignoring case, in a table that is never long."""

    def narrow(tx: Transaction, values: list[str]) -> Narrowed:
        wanted = values[-1].casefold()
        stored = {getattr(record, field) for record in tx.select(kind)}
        return {field: [value for value in stored if value is not None and value.casefold() == wanted]}

    return narrow


def any_of(field: str) -> Filter:
    """Any of the values."""
    return lambda tx, values: {field: values}


def flag(field: str) -> Filter:
    """What is neither true nor false does not filter."""

    def narrow(tx: Transaction, values: list[str]) -> Narrowed:
        said = boolean(values[-1])
        return {} if said is None else {field: [said]}

    return narrow


def number(field: str, name: str | None = None) -> Filter:
    return lambda tx, values: {field: numbers(name or field, values)}


def boolean(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower())


def numbers(name: str, values: list[str]) -> list[int]:
    """Raises Invalid."""
    found = [_number(value) for value in values]
    for value, parsed in zip(values, found, strict=True):
        if parsed is None:
            raise Invalid({name: [f"“{value}” is not a valid value."]})
    return [parsed for parsed in found if parsed is not None]
