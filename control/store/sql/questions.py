"""Queries as statements with parameters. Each shape is made once: making one takes longer than running it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, false, func, not_, or_, select

from control.records import Provider
from control.store.interface import Query
from control.store.sql.dialect import Dialect
from control.store.sql.rows import fits
from control.store.sql.schema import RECORD_TABLES, Field, RecordTable, member
from rules.names import folded

STATEMENTS = 1024
"""Shapes that are kept: the code asks some hundred, and an API's caller may order by any field."""
ALIAS = Field("alias", str, nullable=False, secret=False)
"""What one of a record's ALIASES holds."""
WITHIN, WITHOUT, ALIKE, LIMIT, OFFSET, LISTED = "within_{}", "without_{}", "alike_{}", "most_", "from_", "listed_"
"""Parameters; those of `Query.equal` have the names of the fields."""


class Shape(NamedTuple):
    """What is asked for, without the values."""

    equal: tuple[tuple[str, bool], ...]
    """Name of the field, and: has it to be None?"""
    within: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    ordering: tuple[str, ...] = ()
    limited: bool = False
    further: bool = False
    """Not from the beginning."""


def shape(query: Query) -> Shape:
    return Shape(
        tuple((name, value is None) for name, value in query.equal.items()),
        tuple(query.within),
        tuple(query.without),
        tuple(query.alike),
        tuple(query.ordering),
        query.limit is not None,
        query.offset > 0,
    )


def parameters(dialect: Dialect, kept: RecordTable, query: Query) -> dict[str, Any] | None:
    """For a statement of the query's shape; None: no record can have these values."""
    values = {name: value for name, value in query.equal.items() if value is not None}
    if not all(fits(kept.fields[name], value) for name, value in values.items()):
        return None
    for name, text in query.alike.items():
        if not fits(kept.fields[name] if name in kept.kind.FOLDED else ALIAS, text) or not (
            text or name in kept.fields
        ):
            return None
        values[ALIKE.format(name)] = folded(text)
    for name, several in query.within.items():
        possible = [value for value in several if value is not None and fits(kept.fields[name], value)]
        if not possible:
            return None
        values[WITHIN.format(name)] = dialect.listed(possible)
    for name, several in query.without.items():
        possible = [value for value in several if value is not None and fits(kept.fields[name], value)]
        values[WITHOUT.format(name)] = dialect.listed(possible)
    if query.limit is not None:
        values[LIMIT] = query.limit
    return values | {OFFSET: query.offset} if query.offset else values


@cache
def everything(kept: RecordTable) -> Select[Any]:
    """All records of the class."""
    return select(*kept.columns)


@cache
def finding(kept: RecordTable, asked: tuple[tuple[str, bool], ...]) -> Select[Any]:
    """Two records at most whose fields are None, where that is asked, or equal to parameters of the same names."""
    return everything(kept).where(*(_equal(kept, name, is_none) for name, is_none in asked)).limit(2)


@lru_cache(STATEMENTS)
def selecting(dialect: Dialect, kept: RecordTable, asked: Shape) -> Select[Any]:
    """In order. Raises ValueError for what cannot be compared."""
    statement = everything(kept).where(*_conditions(dialect, kept, asked))
    for name in asked.ordering:
        column = dialect.ordered(comparable(kept, name.removeprefix("-")))
        statement = statement.order_by(column.desc() if name.startswith("-") else column.asc())
    statement = statement.order_by(dialect.ordered(kept.pk))
    if asked.limited:
        statement = statement.limit(bindparam(LIMIT))
    return statement.offset(bindparam(OFFSET)) if asked.further else statement


@lru_cache(STATEMENTS)
def counting(dialect: Dialect, kept: RecordTable, asked: Shape) -> Select[Any]:
    return select(func.count()).select_from(kept.table).where(*_conditions(dialect, kept, asked))


@lru_cache(STATEMENTS)
def members(dialect: Dialect) -> Select[Any]:
    """Groups and their members, of the `LISTED` groups."""
    return select(member.c.group, member.c.user).where(dialect.within(member.c.group, LISTED)).order_by(member.c.user)


@lru_cache(STATEMENTS)
def memberships(dialect: Dialect) -> Select[Any]:
    """The same, of the `LISTED` users."""
    asked = select(member.c.user, member.c.group).where(dialect.within(member.c.user, LISTED))
    return asked.order_by(dialect.ordered(member.c.group))


def searched(dialect: Dialect, kept: RecordTable, text: str) -> ColumnElement[bool]:
    columns = [kept.table.c[name] for name in kept.kind.SEARCHED if fits(kept.fields[name], text)]
    return or_(false(), *(dialect.contains(column, text) for column in columns))


def comparable(kept: RecordTable, name: str) -> ColumnElement[Any]:
    """Raises ValueError for a field that does not exist, holds JSON, or is sealed."""
    field = kept.fields.get(name)
    if field is None or field.is_json or field.secret:
        raise ValueError(f"{kept.table.name} cannot be compared by {name!r}")
    return kept.table.c[name]


def _conditions(dialect: Dialect, kept: RecordTable, asked: Shape) -> list[ColumnElement[bool]]:
    found = [_equal(kept, name, is_none) for name, is_none in asked.equal]
    for name in asked.alike:
        if name not in kept.kind.FOLDED and name not in kept.kind.ALIASES:
            raise ValueError(f"{kept.table.name} cannot be compared by {name!r} ignoring case")
        found.append(kept.folded(name) == bindparam(ALIKE.format(name)))
    found += [dialect.within(comparable(kept, name), WITHIN.format(name)) for name in asked.within]
    return found + [not_(dialect.within(comparable(kept, name), WITHOUT.format(name))) for name in asked.without]


def _equal(kept: RecordTable, name: str, is_none: bool) -> ColumnElement[bool]:
    column = comparable(kept, name)
    return column.is_(None) if is_none else column == bindparam(name)


@cache
def provider_settings(name: str) -> Select[Any]:
    """What providers of a kind say under this name, as text, each once."""
    provider = RECORD_TABLES[Provider].table
    said = provider.c.settings[name].as_string()
    return select(said).where(provider.c.kind == bindparam("kind"), said != "").distinct()
