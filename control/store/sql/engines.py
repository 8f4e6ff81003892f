"""How each database is opened, and the few words it says differently."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Engine,
    QueuePool,
    Text,
    any_,
    collate,
    create_engine,
    event,
    func,
    literal,
    select,
)
from sqlalchemy.engine import URL, make_url

from control.store.sql.schema import head

BUSY_TIMEOUT_MS = 10_000
"""How long a write waits for another process; an administrative command's transaction ends long before."""
FILE_MODE = 0o600
"""Of a new database file; SQLite gives its companions the same. Password hashes are nobody else's business."""
CREATION_LOCK = 0x6F757470
"""Names the advisory lock under which programs that start together make or upgrade the tables one after another."""
ESCAPE = "\\"


class Dialect(ABC):
    """One database: ``reading`` and ``writing`` are separate engines, so that a reader cannot write."""

    reading: Engine
    writing: Engine

    @abstractmethod
    def lock(self, connection: Connection) -> None:
        """Holds back every other writer, of this process and others, until the transaction ends."""

    @abstractmethod
    def lock_everything(self, connection: Connection) -> None:
        """As `lock`, while the tables may not exist yet."""

    @abstractmethod
    def among(self, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        """The column has one of these values; any number of them is one parameter."""

    @abstractmethod
    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        """The column contains the text, ignoring case."""

    @abstractmethod
    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column as a sort key; text sorts by code point in every database."""

    @abstractmethod
    def changes_seen(self, connection: Connection) -> object:
        """Cheap to ask, and different after another connection's commit."""

    def dispose(self) -> None:
        self.reading.dispose()
        self.writing.dispose()


def open_dialect(url: str, readers: int) -> Dialect:
    """Raises ValueError for a database that is neither SQLite nor PostgreSQL."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return Sqlite(parsed, readers)
        case "postgresql":
            return Postgresql(parsed.set(drivername="postgresql+psycopg"), readers)
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use sqlite:///... or postgresql://...")


def like_pattern(text: str) -> str:
    for special in (ESCAPE, "%", "_"):
        text = text.replace(special, ESCAPE + special)
    return f"%{text}%"


class Sqlite(Dialect):
    """WAL, so that readers never wait; a commit is on the disk before anybody hears of it (synchronous = FULL)."""

    def __init__(self, url: URL, readers: int) -> None:
        if url.database in (None, "", ":memory:"):
            raise ValueError("the store needs a file: in memory every connection would see another database")
        os.close(os.open(str(url.database), os.O_RDWR | os.O_CREAT, FILE_MODE))
        self.writing = _sqlite_engine(url, 1, "BEGIN IMMEDIATE", ("journal_mode = WAL",))
        self.reading = _sqlite_engine(url, readers + 1, "BEGIN", ("query_only = ON",))

    def lock(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE did."""

    def lock_everything(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE did."""

    def among(self, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        listed = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(listed.c.value))

    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        if text.isascii():
            return column.like(like_pattern(text), escape=ESCAPE)
        return func.casefold(column).like(like_pattern(text.casefold()), escape=ESCAPE)

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column

    def changes_seen(self, connection: Connection) -> object:
        return connection.exec_driver_sql("PRAGMA data_version").scalar()


def _sqlite_engine(url: URL, connections: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=connections, max_overflow=0, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def opened(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins no transactions; `began` does
        for pragma in (f"busy_timeout = {BUSY_TIMEOUT_MS}", "foreign_keys = ON", "synchronous = FULL", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function("casefold", 1, _casefold, deterministic=True)

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _casefold(text: str | None) -> str | None:
    """SQLite's own LIKE and lower() know the case of ASCII letters only."""
    return None if text is None else text.casefold()


class Postgresql(Dialect):
    """One writer at a time here too: whoever holds the head row. Verbs may therefore check and then act."""

    def __init__(self, url: URL, readers: int) -> None:
        self.writing = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self.reading = create_engine(
            url,
            pool_size=readers + 1,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )

    def lock(self, connection: Connection) -> None:
        connection.execute(select(head.c.number).with_for_update())

    def lock_everything(self, connection: Connection) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(CREATION_LOCK)))

    def among(self, column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        return column == any_(literal(list(values), ARRAY(column.type)))

    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        return column.ilike(like_pattern(text), escape=ESCAPE)

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return collate(column, "C") if isinstance(column.type, Text) else column

    def changes_seen(self, connection: Connection) -> object:
        return connection.execute(select(head.c.number)).scalar()
