"""Seals every stored secret anew with the first key of a ring, some rows at a time, beside running programs.

What is sealed with it already is left alone, so that a rotation that was cut off goes on where it stopped. Nothing that
anybody stored changes: no revision, no event.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, ColumnElement, Connection, Table, not_, or_, select, update

from control.store.secrets import KeyRing
from control.store.sql.copying import opened
from control.store.sql.creation import CANARY
from control.store.sql.dialect import Dialect
from control.store.sql.schema import RECORD_TABLES, meta

ROWS_AT_ONCE = 200
"""Other writers wait for so many; some milliseconds."""


def rotate(url: str, keys: KeyRing) -> Iterator[int]:
    """Gives how many rows were sealed anew, after each transaction. Ends when none are left.

    Raises CannotOpen for what no key of the ring opens, Unavailable, AccessDenied.
    """
    with opened(url) as dialect:
        for kept in RECORD_TABLES.values():
            secrets = [kept.table.c[name] for name, field in kept.fields.items() if field.secret]
            while secrets and (count := _some(dialect, kept.table, secrets, keys)):
                yield count
        with dialect.writing.begin() as connection:
            dialect.lock(connection)
            _canary(connection, keys)
        yield 1


def left(url: str, keys: KeyRing) -> int:
    """How many rows are sealed with another key than the first. Raises Unavailable, AccessDenied."""
    with opened(url) as dialect, dialect.reading.begin() as connection:
        return sum(
            len(connection.execute(select(kept.table.c.pk).where(_old(secrets, keys))).all())
            for kept in RECORD_TABLES.values()
            if (secrets := [kept.table.c[name] for name, field in kept.fields.items() if field.secret])
        )


def _some(dialect: Dialect, table: Table, secrets: list[Column[str]], keys: KeyRing) -> int:
    with dialect.writing.begin() as connection:
        dialect.lock(connection)
        wanted = select(table.c.pk, *secrets).where(_old(secrets, keys)).limit(ROWS_AT_ONCE)
        found = connection.execute(wanted).all()
        for pk, *sealed in found:
            texts = {
                column.name: _anew(text, table.name, column.name, pk, keys)
                for column, text in zip(secrets, sealed, strict=True)
            }
            connection.execute(update(table).where(table.c.pk == pk).values(texts))
        return len(found)


def _anew(sealed: str, table: str, column: str, pk: int | str, keys: KeyRing) -> str:
    return keys.seal(keys.open(sealed, table, column, pk), table, column, pk)


def _old(secrets: list[Column[str]], keys: KeyRing) -> ColumnElement[bool]:
    return or_(*(not_(column.startswith(keys.sealing_prefix, autoescape=True)) for column in secrets))


def _canary(connection: Connection, keys: KeyRing) -> None:
    """It says which key a program must have: the last to be sealed anew."""
    sealed = keys.seal(CANARY, meta.name, "value", "canary")
    connection.execute(update(meta).where(meta.c.name == "canary").values(value=sealed))
