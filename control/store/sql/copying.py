"""A whole store as rows, and back, between any two databases (DESIGN D4).

Rows are what the columns hold: secrets stay sealed, and belong to the secret key that sealed them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Table, create_engine, insert, inspect, make_url, select

from control.store.secrets import KeyRing
from control.store.sql.creation import NewerStore, identity_of
from control.store.sql.databases import open_dialect
from control.store.sql.dialect import Dialect
from control.store.sql.outage import translated
from control.store.sql.schema import SCHEMA_REVISION, alembic_version, meta, metadata

ROWS_AT_ONCE = 500
"""Rows of one statement."""


class NotEmpty(Exception):
    """There are tables where a store should be put."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some of one table's; ``rows`` has a value for each of ``columns``: JSON values, all of them."""

    table: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


def read_all(url: str) -> Iterator[Rows]:
    """Every row of the store at this address, as it is at one moment. It must have this version's schema.

    Raises Unavailable, AccessDenied.
    """
    with opened(url) as dialect, dialect.reading.begin() as connection:
        for table in metadata.sorted_tables:
            columns = tuple(column.name for column in table.columns)
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table))
            for part in found.partitions():
                yield Rows(table.name, columns, [list(row) for row in part])


def write_all(url: str, secret_key: str, schema: str, parts: Iterable[Rows], replace: bool) -> None:
    """Makes the store at this address of ``parts``, which have ``schema``, and then upgrades it; all in one
    transaction, so that whatever goes wrong leaves what was there. ``replace``: what is there may go.

    Raises NotEmpty, NewerStore, WrongSecretKey, Unavailable, AccessDenied, and whatever ``parts`` raises.
    """
    from control.store.migrations import upgrade

    if schema not in upgrade.known_revisions():
        raise NewerStore(
            f"It has schema {schema!r}, which this version does not know. Restore it with a newer version."
        )
    keys = KeyRing([secret_key], bytes)
    with _no_file_left(url), opened(url) as dialect, dialect.writing.begin() as connection:
        dialect.lock_everything(connection)
        there = MetaData()
        if names := _ours(connection):
            there.reflect(connection, only=names)
        if there.tables and not replace:
            raise NotEmpty
        there.drop_all(connection)
        upgrade.to(connection, schema)
        _fill(connection, parts)
        if schema != SCHEMA_REVISION:
            upgrade.to_newest(connection)
        identity_of(connection, keys)


def _ours(connection: Connection) -> list[str]:
    """Tables of a store of any version that are there. Others share the database: nothing of theirs is given up.

    Raises NewerStore where nobody can tell: what is left of a newer version would stand in the way of the next upgrade.
    """
    from control.store.migrations import upgrade

    present = set(inspect(connection).get_table_names())
    ours = {*metadata.tables, alembic_version.name} & present
    if alembic_version.name not in present:
        return sorted(ours)
    version = str(connection.scalar(select(alembic_version.c.version_num)))
    if meta.name not in present and version not in upgrade.known_revisions():
        raise NewerStore(
            f"The tables of the database are another program's, of version {version!r}. Restore into another database, "
            "or another schema."
        )
    if present > ours and version not in upgrade.known_revisions():
        raise NewerStore(
            f"The database has schema {version!r}, which this version does not know, and tables that may be its own or "
            f"another program's: {', '.join(sorted(present - ours))}. Drop the newer version's, or restore into "
            "an empty database."
        )
    if present > ours and version != SCHEMA_REVISION:
        engine = create_engine("sqlite://")
        with engine.begin() as scratch:
            upgrade.to(scratch, version)
            ours |= set(inspect(scratch).get_table_names()) & present
        engine.dispose()
    return sorted(ours)


@contextmanager
def _no_file_left(url: str) -> Iterator[None]:
    """Where there was no database of SQLite, none is left by what fails: whoever started with it would miss its key."""
    parts = make_url(url)
    file = Path(parts.database) if parts.get_backend_name() == "sqlite" and parts.database else None
    if file is None or file.exists():
        yield
        return
    try:
        yield
    except BaseException:
        for ending in ("", "-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        raise


@contextmanager
def opened(url: str) -> Iterator[Dialect]:
    """For one connection. Raises Unavailable, AccessDenied."""
    dialect = open_dialect(url, 1)
    try:
        with translated(dialect):
            yield dialect
    finally:
        dialect.dispose()


def _fill(connection: Connection, parts: Iterable[Rows]) -> None:
    made = MetaData()
    made.reflect(connection)
    for table in made.tables.values():
        _nothing_is_null(table)
    for part in parts:
        if part.rows:
            rows = [dict(zip(part.columns, row, strict=True)) for row in part.rows]
            connection.execute(insert(made.tables[part.table]), rows)


def _nothing_is_null(table: Table) -> None:
    """A JSON column holds SQL's NULL for nothing, as those of `schema` do, and never JSON's."""
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type.none_as_null = True
