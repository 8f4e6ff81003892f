"""One transaction over one connection: directory changes leave lines in the journal, deletions follow references."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from control.records import Event, Group, Outpost, Record, User
from control.records.references import REFERENCES, Fate, Reference, without
from control.store.interface import SYSTEM, Actor, AlreadyExists, NotFound, Query
from control.store.sql.counters import Counters
from control.store.sql.journal import Journal
from control.store.sql.questions import LISTED
from control.store.sql.reading import EVERYTHING, Given, Reading
from control.store.sql.rows import canonical, fits, pk_of
from control.store.sql.schema import RECORD_TABLES, RecordTable, member

R = TypeVar("R", bound=Record)

STORES_OWN = ("uuid", "ordinal", "date_joined", "created")
"""Fields that the store fills in where the caller left them empty, and then keeps."""
ROWS_AT_ONCE = 500
"""Rows in one INSERT of many; keeps the number of parameters under every database's limit."""


class SqlTransaction(Reading):
    """Implements `control.store.interface.Transaction`. ``actor`` is None for one that only reads.

    `finish` writes the journal; the store calls it after the verb, before the commit.
    """

    def __init__(self, connection: Connection, given: Given, actor: Actor | None) -> None:
        super().__init__(connection, given, remembering=actor is None)
        self._actor = actor
        self._counters = Counters(connection)
        self._open_journal = (
            None if actor is None else Journal(connection, given.rows, actor, self._now, given.new_uuid)
        )
        self._seen: dict[tuple[type[Record], int | str], Record] = {}
        """What this transaction has found or written itself, as it is now: nobody else writes meanwhile."""

    @property
    def actor(self) -> Actor:
        return self._actor or SYSTEM

    def finish(self) -> int | None:
        """The new revision's number; None if the directory is as before."""
        self._counters.finish()
        return self._journal.finish()

    @property
    def _journal(self) -> Journal:
        if self._open_journal is None:
            raise PermissionError("this transaction only reads")
        return self._open_journal

    def find(self, kind: type[R], **equal: Any) -> R | None:
        self._write_events_for(kind)
        found = super().find(kind, **equal)
        if found is not None and self._open_journal is not None:
            self._seen[kind, pk_of(found)] = found
        return found

    def select(self, kind: type[R], query: Query = EVERYTHING) -> list[R]:
        self._write_events_for(kind)
        return super().select(kind, query)

    def count(self, kind: type[R], query: Query = EVERYTHING) -> int:
        self._write_events_for(kind)
        return super().count(kind, query)

    def _write_events_for(self, kind: type[Record]) -> None:
        if kind is Event and self._open_journal is not None:
            self._open_journal.write_events()

    # --- records ---

    def insert(self, record: R) -> R:
        journal = self._journal
        kept = RECORD_TABLES[type(record)]
        given = self._missing(kept, record)
        record = canonical(replace(record, **given))  # type: ignore[type-var]
        row = self._given.rows.row(record)
        self._refuse_duplicates(kept, row, [names for names in (("pk",), *kept.kind.UNIQUE) if names[0] not in given])
        self._connection.execute(insert(kept.table), row)
        self._counters.keep(kept, record)
        if isinstance(record, Event):
            journal.event_left(record)
        journal.created(record)
        return record

    def update(self, record: R) -> R:
        journal = self._journal
        kept = RECORD_TABLES[type(record)]
        old = self._stored(record)
        record = canonical(_with_stores_own(record, old))
        if record == old:
            return old
        if "last_updated" in kept.fields:
            record = replace(record, last_updated=self._now)  # type: ignore[type-var]
        row = self._given.rows.row(record)
        changed = {name for name in kept.fields if getattr(record, name) != getattr(old, name)}
        self._refuse_duplicates(kept, row, [names for names in kept.kind.UNIQUE if not changed.isdisjoint(names)])
        self._connection.execute(update(kept.table).where(kept.pk == row["pk"]), row)
        if "ordinal" in changed:
            self._counters.keep(kept, record)
        journal.updated(old, record)
        self._seen[type(record), pk_of(record)] = record
        return record

    def _stored(self, record: R) -> R:
        """What stands in its place. Raises NotFound."""
        seen = self._seen.get((type(record), pk_of(record)))
        return seen if isinstance(seen, type(record)) else self.get(type(record), pk_of(record))

    def delete(self, record: Record) -> None:
        journal = self._journal
        kept = RECORD_TABLES[type(record)]
        stored: Record = self.get(type(record), pk_of(record))
        if isinstance(stored, User):
            for group in self.groups_of([stored.pk])[stored.pk]:
                self.remove_members(group, [stored.pk])
        if isinstance(stored, Group):
            self.remove_members(stored.pk, self.members_of([stored.pk])[stored.pk])
        for reference in REFERENCES:
            if reference.target is type(stored):
                self._let_go(reference, pk_of(stored))
        self._connection.execute(delete(kept.table).where(kept.pk == pk_of(stored)))
        self._seen.pop((type(stored), pk_of(stored)), None)
        journal.deleted(stored)
        if isinstance(stored, Outpost):
            self._delete_service_account(stored)

    def _let_go(self, reference: Reference, pk: int | str) -> None:
        for holder in self.select(reference.holder, self._holders(reference, pk)):
            if reference.fate is Fate.DELETE:
                self.delete(holder)
                continue
            changed = without(holder, reference, pk)
            if changed is not None:
                self.update(replace(holder, **changed))  # type: ignore[type-var]

    @staticmethod
    def _holders(reference: Reference, pk: int | str) -> Query:
        """JSON fields cannot be asked; then everyone is looked at."""
        asked = reference.fate in (Fate.DELETE, Fate.CLEAR)
        return Query(equal={reference.field: pk}) if asked else EVERYTHING

    def _delete_service_account(self, outpost: Outpost) -> None:
        """An outpost's own user serves nobody else."""
        account = None if outpost.user is None else self.find(User, pk=outpost.user)
        if account is not None and account.type == "internal_service_account":
            self.delete(account)

    # --- members ---

    def add_members(self, group: str, users: Iterable[int]) -> None:
        journal = self._journal
        stored = self.get(Group, group)
        wanted = sorted(set(users))
        known = self._known_users(wanted)
        for user in wanted:
            if user not in known:
                raise NotFound(f"user {user!r}")
        present = set(self.members_of([group])[group])
        joined = tuple(user for user in wanted if user not in present)
        for start in range(0, len(joined), ROWS_AT_ONCE):
            rows = [{"group": group, "user": user} for user in joined[start : start + ROWS_AT_ONCE]]
            self._connection.execute(insert(member), rows)
        if joined:
            journal.members(stored, joined, ())

    def remove_members(self, group: str, users: Iterable[int]) -> None:
        journal = self._journal
        stored = self.get(Group, group)
        present = set(self.members_of([group])[group])
        left = tuple(sorted(present.intersection(users)))
        if left:
            gone = and_(member.c.group == group, self._dialect.within(member.c.user, LISTED))
            self._connection.execute(delete(member).where(gone), {LISTED: self._dialect.listed(left)})
            journal.members(stored, (), left)

    def _known_users(self, users: Sequence[int]) -> set[int]:
        kept = RECORD_TABLES[User]
        possible = [user for user in users if fits(kept.fields["pk"], user)]
        asked = select(kept.pk).where(self._dialect.within(kept.pk, LISTED))
        return set(self._connection.execute(asked, {LISTED: self._dialect.listed(possible)}).scalars())

    # --- what the store fills in and refuses ---

    def _missing(self, kept: RecordTable, record: Record) -> dict[str, Any]:
        give: dict[str, Callable[[], Any]] = {
            "pk": self._given.new_uuid if kept.fields["pk"].python is str else lambda: self._counters.next(kept, "pk"),
            "uuid": self._given.new_uuid,
            "ordinal": lambda: self._counters.next(kept, "ordinal"),
            "date_joined": self._clock,
            "created": self._clock,
            "last_updated": self._clock,
        }
        return {field: give[field]() for field in give if field in kept.fields and _is_empty(record, field)}

    def _clock(self) -> float:
        return self._now

    def _refuse_duplicates(self, kept: RecordTable, row: Mapping[str, Any], unique: Sequence[tuple[str, ...]]) -> None:
        """Asked first, because only one transaction writes at a time; the constraints stand behind it."""
        wanted = []
        for names in unique:
            columns = [kept.unique_column(name) for name in names]
            if all(row[column.name] is not None for column in columns):
                others = [] if names == ("pk",) else [kept.pk != row["pk"]]
                wanted.append((names, and_(*others, *(column == row[column.name] for column in columns))))
        if not wanted:
            return
        conditions = [condition for _, condition in wanted]
        taken: set[str] = set()
        for hits in self._connection.execute(select(*conditions).where(or_(*conditions))):
            taken.update(name for (names, _), hit in zip(wanted, hits, strict=True) if hit for name in names)
        if taken:
            raise AlreadyExists(tuple(sorted(taken)))


def _is_empty(record: Record, field: str) -> bool:
    return getattr(record, field) in (0, "")


def _with_stores_own(record: R, old: R) -> R:
    """``last_updated`` is never the caller's; the others are when given."""
    keeping = {
        field: getattr(old, field) for field in STORES_OWN if hasattr(record, field) and _is_empty(record, field)
    }
    if hasattr(old, "last_updated"):
        keeping["last_updated"] = old.last_updated
    return replace(record, **keeping) if keeping else record  # type: ignore[type-var]
