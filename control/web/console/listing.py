"""A list: searched, narrowed, sorted, a page at a time; all of it in the address, so that it can be kept and shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from control.store.interface import Transaction
from control.web.admin_api.callers import Caller
from control.web.admin_api.lists import ordering_of, page_of, pagination, query_of
from control.web.admin_api.resource import Resource
from control.web.console.cells import Cell, Column
from control.web.console.sections import Section

KEPT = ("search", "ordering", "page")


@dataclass(frozen=True, slots=True)
class Heading:
    label: str
    to: str = ""
    """Where a click sorts by it."""
    sorted: str = ""
    """ascending, descending, or "" where the list is sorted by something else."""


@dataclass(frozen=True, slots=True)
class Row:
    url: str
    cells: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Listing:
    headings: Sequence[Heading]
    rows: Sequence[Row]
    numbers: Mapping[str, int]
    """authentik's pagination object."""
    previous: str = ""
    next: str = ""
    is_narrowed: bool = False


def listing(tx: Transaction, section: Section, resource: Resource[Any], params: QueryParams, caller: Caller) -> Listing:
    """Raises Refused, Invalid."""
    page = page_of(params)
    query = query_of(tx, params, resource.filters, [resource.only, resource.sees(tx, caller)])
    numbers = pagination(page, tx.count(resource.kind, query))
    ordering = ordering_of(params, resource.kind, resource.ordering)
    records = tx.select(resource.kind, replace(query, ordering=ordering, offset=page.offset, limit=page.size))
    shape = section.shape or resource.shape
    bodies = shape(tx, records, section.view(caller, params))
    kept = {name: value for name, value in params.items() if value and name != "page"}
    return Listing(
        [_heading(column, ordering[0], kept) for column in section.columns],
        [Row(section.url_of(body), [column.drawn(body) for column in section.columns]) for body in bodies],
        numbers,
        _to(kept, numbers["previous"]),
        _to(kept, numbers["next"]),
        any(name not in ("ordering", "page_size", "done") for name in kept),
    )


def _to(kept: Mapping[str, str], page: int) -> str:
    return "?" + urlencode({**kept, "page": page}) if page else ""


def _heading(column: Column, ordering: str, kept: Mapping[str, str]) -> Heading:
    if not column.order:
        return Heading(column.label)
    now = {column.order: "ascending", f"-{column.order}": "descending"}.get(ordering, "")
    wanted = f"-{column.order}" if now == "ascending" else column.order
    return Heading(column.label, "?" + urlencode({**kept, "ordering": wanted}), now)
