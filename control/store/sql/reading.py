"""What every transaction can ask: records by class, members, revisions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, select

from control.records import Record, User
from control.store.interface import SYSTEM, Actor, LoggedChange, NotFound, Query, Revision
from control.store.sql.dialect import Dialect
from control.store.sql.memory import Answers, Memory
from control.store.sql.questions import (
    LISTED,
    counting,
    everything,
    finding,
    members,
    memberships,
    parameters,
    provider_settings,
    searched,
    selecting,
    shape,
)
from control.store.sql.rows import Rows, fits
from control.store.sql.schema import RECORD_TABLES, RecordTable, change_log, head, revision

R = TypeVar("R", bound=Record)
T = TypeVar("T")
EVERYTHING = Query()
ROWS_AT_ONCE = 500
"""Rows that `Reading.each` fetches together."""
WHOLE_NUMBER = RECORD_TABLES[User].fields["pk"]
HEAD = select(head.c.number, head.c.chain)


@dataclass(frozen=True, slots=True)
class Given:
    """What the store hands every transaction."""

    dialect: Dialect
    rows: Rows
    incarnation: str
    install_id: str
    now: Callable[[], float]
    new_uuid: Callable[[], str]
    memory: Memory = field(default_factory=Memory)


class Reading:
    """The asking half of `control.store.interface.Transaction`.

    ``remembering``: what is asked of the directory is looked up among what others were told at the same revision. Only
    for a transaction that sees one state of the store, and changes nothing.
    """

    def __init__(self, connection: Connection, given: Given, remembering: bool) -> None:
        self._connection = connection
        self._given = given
        self._dialect = given.dialect
        self._now = given.now()
        self._remembering = remembering
        self._revision: Revision | None = None
        self._answers: Answers | None = None

    @property
    def now(self) -> float:
        return self._now

    @property
    def actor(self) -> Actor:
        return SYSTEM

    @property
    def incarnation(self) -> str:
        return self._given.incarnation

    @property
    def install_id(self) -> str:
        return self._given.install_id

    def revision(self) -> Revision:
        if self._revision is None or not self._remembering:
            row = self._connection.execute(HEAD).one()
            self._revision = Revision(row.number, row.chain)
        return self._revision

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

        def ask() -> list[R]:
            return self._records(kept, statement, values)

        found = self._told(
            kind.DIRECTORY, ask, kind.TABLE, *((name, type(value), value) for name, value in equal.items())
        )
        if len(found) > 1:
            raise ValueError(f"several records of {kind.TABLE} have the same {', '.join(equal)}")
        return found[0] if found else None

    def select(self, kind: type[R], query: Query = EVERYTHING) -> list[R]:
        return self._told(kind.DIRECTORY, lambda: self._selected(kind, query), kind.TABLE, *_parts(query))

    def provider_settings(self, kind: str, setting: str) -> list[str]:
        statement = provider_settings(setting)
        return self._told(
            True,
            lambda: sorted(self._connection.execute(statement, {"kind": kind}).scalars()),
            "settings of providers",
            kind,
            setting,
        )

    def _selected(self, kind: type[R], query: Query) -> list[R]:
        kept = RECORD_TABLES[kind]
        asked = self._asked(kept, selecting(self._dialect, kept, shape(query)), query)
        return [] if asked is None else self._records(kept, *asked)

    def _asked(
        self, kept: RecordTable, statement: Select[Any], query: Query
    ) -> tuple[Select[Any], dict[str, Any]] | None:
        """A statement of the query's shape, with its values; None: no record can have these."""
        values = parameters(self._dialect, kept, query)
        if values is None:
            return None
        if query.search:
            statement = statement.where(searched(self._dialect, kept, query.search))
        return statement, values

    def _records(self, kept: RecordTable, statement: Select[Any], values: dict[str, Any]) -> list[Any]:
        rows = self._connection.execute(statement, values).mappings()
        return [self._given.rows.record(kept, dict(row)) for row in rows]

    def _told(self, of_directory: bool, ask: Callable[[], list[T]], *question: Hashable) -> list[T]:
        """``ask``, unless somebody has asked already; types stand in ``question``, because 1 is True."""
        if not (self._remembering and of_directory):
            return ask()
        if self._answers is None:
            self._answers = self._given.memory.of(self.revision().chain)
        try:
            told = self._answers.get(question)
        except TypeError:  # it holds what no field holds; who reads says so
            return ask()
        if told is None:
            told = tuple(ask())
            self._answers.keep(question, told)
        return list(told)

    def each(self, kind: type[R]) -> Iterator[R]:
        kept = RECORD_TABLES[kind]
        statement = everything(kept).order_by(self._dialect.ordered(kept.pk)).execution_options(yield_per=ROWS_AT_ONCE)
        with self._connection.execute(statement) as rows:
            for row in rows.mappings():
                yield self._given.rows.record(kept, dict(row))

    def count(self, kind: type[R], query: Query = EVERYTHING) -> int:
        kept = RECORD_TABLES[kind]
        query = replace(query, ordering=(), offset=0, limit=None)
        asked = self._asked(kept, counting(self._dialect, kept, shape(query)), query)
        return 0 if asked is None else int(self._connection.execute(*asked).scalar_one())

    def members_of(self, groups: Sequence[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {group: [] for group in groups}
        if found:
            values = {LISTED: self._dialect.listed(list(found))}
            for group, user in self._connection.execute(members(self._dialect), values):
                found[group].append(user)
        return found

    def groups_of(self, users: Sequence[int]) -> dict[int, list[str]]:
        if len(users) == 1:
            (user,) = users
            return {user: self._told(True, lambda: self._groups_of(users)[user], "groups of", user)}
        return self._groups_of(users)

    def _groups_of(self, users: Sequence[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {user: [] for user in users}
        if found:
            values = {LISTED: self._dialect.listed(list(found))}
            for user, group in self._connection.execute(memberships(self._dialect), values):
                found[user].append(group)
        return found


def _parts(query: Query) -> Iterator[Hashable]:
    """What makes a question, in a form that can be looked up."""
    yield tuple((name, type(value), value) for name, value in query.equal.items())
    for several in (query.within, query.without):
        yield tuple((name, tuple((type(one), one) for one in values)) for name, values in several.items())
    yield tuple(query.alike.items())
    yield query.search, tuple(query.ordering), query.offset, query.limit
