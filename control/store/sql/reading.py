"""What every transaction can ask: records by class, members, revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, false, func, or_, select

from control.records import Record, User
from control.store.interface import LoggedChange, NotFound, Query, Revision
from control.store.sql.dialect import Dialect
from control.store.sql.rows import Rows, fits
from control.store.sql.schema import RECORD_TABLES, Field, RecordTable, change_log, head, member, revision
from rules.names import folded

R = TypeVar("R", bound=Record)
EVERYTHING = Query()
ROWS_AT_ONCE = 500
"""Rows that `Reading.each` fetches together."""
WHOLE_NUMBER = RECORD_TABLES[User].fields["pk"]


@dataclass(frozen=True, slots=True)
class Given:
    """What the store hands every transaction."""

    dialect: Dialect
    rows: Rows
    incarnation: str
    install_id: str
    now: Callable[[], float]
    new_uuid: Callable[[], str]


class Reading:
    """The asking half of `control.store.interface.Transaction`."""

    def __init__(self, connection: Connection, given: Given) -> None:
        self._connection = connection
        self._given = given
        self._dialect = given.dialect
        self._now = given.now()

    @property
    def now(self) -> float:
        return self._now

    @property
    def incarnation(self) -> str:
        return self._given.incarnation

    @property
    def install_id(self) -> str:
        return self._given.install_id

    def revision(self) -> Revision:
        row = self._connection.execute(select(head.c.number, head.c.chain)).one()
        return Revision(row.number, row.chain)

    def changes_since(self, revision: int) -> list[LoggedChange]:
        lines = self._connection.execute(
            select(change_log).where(change_log.c.revision > revision).order_by(change_log.c.seq)
        )
        return [
            LoggedChange(line.revision, line.kind, line.pk, line.removed, tuple(line.joined), tuple(line.left))
            for line in lines
        ]

    def chain_at(self, number: int) -> str | None:
        if not fits(WHOLE_NUMBER, number):
            return None
        found: str | None = self._connection.execute(
            select(revision.c.chain).where(revision.c.number == number)
        ).scalar()
        return found

    def get(self, kind: type[R], pk: int | str) -> R:
        found = self.find(kind, pk=pk)
        if found is None:
            raise NotFound(f"{kind.TABLE} {pk!r}")
        return found

    def find(self, kind: type[R], **equal: Any) -> R | None:
        kept = RECORD_TABLES[kind]
        statement = finding(kept, tuple((name, value is None) for name, value in equal.items()))
        values = {name: value for name, value in equal.items() if value is not None}
        if not all(fits(kept.fields[name], value) for name, value in values.items()):
            return None
        rows = self._connection.execute(statement, values).mappings()
        found = [self._given.rows.record(kept, dict(row)) for row in rows]
        if len(found) > 1:
            raise ValueError(f"several records of {kind.TABLE} have the same {', '.join(equal)}")
        return found[0] if found else None

    def select(self, kind: type[R], query: Query = EVERYTHING) -> list[R]:
        kept = RECORD_TABLES[kind]
        values: dict[str, Any] = {}
        if query.within or query.alike or query.search:
            statement = ordered(self._dialect, self._where(everything(kept), kept, query), kept, query.ordering)
        else:
            equal = tuple((name, value is None) for name, value in query.equal.items())
            statement = selecting(self._dialect, kept, equal, query.ordering)
            values = {name: value for name, value in query.equal.items() if value is not None}
            if not all(fits(kept.fields[name], value) for name, value in values.items()):
                return []
        if query.limit is not None:
            statement = statement.limit(query.limit)
        if query.offset:
            statement = statement.offset(query.offset)
        rows = self._connection.execute(statement, values).mappings()
        return [self._given.rows.record(kept, dict(row)) for row in rows]

    def each(self, kind: type[R]) -> Iterator[R]:
        kept = RECORD_TABLES[kind]
        statement = everything(kept).order_by(self._dialect.ordered(kept.pk)).execution_options(yield_per=ROWS_AT_ONCE)
        with self._connection.execute(statement) as rows:
            for row in rows.mappings():
                yield self._given.rows.record(kept, dict(row))

    def count(self, kind: type[R], query: Query = EVERYTHING) -> int:
        kept = RECORD_TABLES[kind]
        statement = self._where(select(func.count()).select_from(kept.table), kept, query)
        return int(self._connection.execute(statement).scalar_one())

    def members_of(self, groups: Sequence[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {group: [] for group in groups}
        if found:
            statement = select(member.c.group, member.c.user).where(self._dialect.among(member.c.group, list(found)))
            for group, user in self._connection.execute(statement.order_by(member.c.user)):
                found[group].append(user)
        return found

    def groups_of(self, users: Sequence[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {user: [] for user in users}
        if found:
            statement = select(member.c.user, member.c.group).where(self._dialect.among(member.c.user, list(found)))
            for user, group in self._connection.execute(statement.order_by(self._dialect.ordered(member.c.group))):
                found[user].append(group)
        return found

    def _where(self, statement: Select[Any], kept: RecordTable, query: Query) -> Select[Any]:
        conditions = [equals(kept, name, value) for name, value in query.equal.items()]
        conditions += [alike(kept, name, text) for name, text in query.alike.items()]
        for name, values in query.within.items():
            column = comparable(kept, name)
            possible = [value for value in values if value is not None and fits(kept.fields[name], value)]
            conditions.append(self._dialect.among(column, possible) if possible else false())
        if query.search:
            searched = [kept.table.c[name] for name in kept.kind.SEARCHED if fits(kept.fields[name], query.search)]
            conditions.append(or_(false(), *(self._dialect.contains(column, query.search) for column in searched)))
        return statement.where(and_(*conditions)) if conditions else statement


@cache
def everything(kept: RecordTable) -> Select[Any]:
    """All records of the class. Kept, as below, because making it anew takes longer than running it."""
    return select(*kept.columns)


@cache
def finding(kept: RecordTable, asked: tuple[tuple[str, bool], ...]) -> Select[Any]:
    """Two records at most whose fields are None, where that is asked, or equal to parameters of the same names."""
    statement = everything(kept).limit(2)
    for name, is_none in asked:
        column = comparable(kept, name)
        statement = statement.where(column.is_(None) if is_none else column == bindparam(name))
    return statement


ALIAS = Field("alias", str, nullable=False, secret=False)
"""What one of a record's ALIASES holds."""
STATEMENTS = 1024
"""Kinds of questions that are kept: the code asks some hundred, and an API's caller may order by any field."""


@lru_cache(STATEMENTS)
def selecting(
    dialect: Dialect, kept: RecordTable, asked: tuple[tuple[str, bool], ...], ordering: tuple[str, ...]
) -> Select[Any]:
    """As `finding`, every record, in order."""
    statement = everything(kept)
    for name, is_none in asked:
        column = comparable(kept, name)
        statement = statement.where(column.is_(None) if is_none else column == bindparam(name))
    return ordered(dialect, statement, kept, ordering)


def ordered(dialect: Dialect, statement: Select[Any], kept: RecordTable, ordering: Sequence[str]) -> Select[Any]:
    """By these fields, ``-`` in front for descending, and then by pk."""
    for name in ordering:
        column = dialect.ordered(comparable(kept, name.removeprefix("-")))
        statement = statement.order_by(column.desc() if name.startswith("-") else column.asc())
    return statement.order_by(dialect.ordered(kept.pk))


def comparable(kept: RecordTable, name: str) -> ColumnElement[Any]:
    """Raises ValueError for a field that does not exist, holds JSON, or is sealed."""
    field = kept.fields.get(name)
    if field is None or field.is_json or field.secret:
        raise ValueError(f"{kept.table.name} cannot be compared by {name!r}")
    return kept.table.c[name]


def equals(kept: RecordTable, name: str, value: Any) -> ColumnElement[bool]:
    column = comparable(kept, name)
    if value is None:
        return column.is_(None)
    return column == value if fits(kept.fields[name], value) else false()


def alike(kept: RecordTable, name: str, text: str) -> ColumnElement[bool]:
    if name in kept.kind.ALIASES:
        return kept.folded(name) == folded(text) if text and fits(ALIAS, text) else false()
    if name not in kept.kind.FOLDED:
        raise ValueError(f"{kept.table.name} cannot be compared by {name!r} ignoring case")
    return kept.folded(name) == folded(text) if fits(kept.fields[name], text) else false()
