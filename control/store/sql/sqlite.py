"""SQLite: one file, any number of processes, one writer at a time."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, QueuePool, bindparam, create_engine, event, func, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from control.store.interface import AccessDenied, Unavailable
from control.store.sql.dialect import ESCAPE, Dialect, Look, like_pattern, newest_revision

BUSY_TIMEOUT_MS = 10_000
"""How long a write waits for another process; an administrative command's transaction ends long before."""
FILE_MODE = 0o600
"""Of a new database file; SQLite gives its companions the same. Password hashes are nobody else's business."""
LOOK_EVERY = 0.2
"""Seconds between looks for other processes' commits. An administrative command is in force within 300 ms."""
PRIMARY_CODE = 0xFF
UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
"""Result codes that speak of the file and its disk, not of the statement."""
DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


class Sqlite(Dialect):
    """WAL, so that readers never wait; a commit is on the disk before anybody hears of it (synchronous = FULL)."""

    def __init__(self, url: URL, readers: int) -> None:
        if url.database is None or url.database in ("", ":memory:"):
            raise ValueError("the store needs a file: in memory every connection would see another database")
        self._file = url.database
        os.close(os.open(str(url.database), os.O_RDWR | os.O_CREAT, FILE_MODE))
        self.writing = _engine(url, 1, "BEGIN IMMEDIATE", ("journal_mode = WAL",))
        self.reading = _engine(url, readers + 1, "BEGIN", ("query_only = ON",))

    def lock(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE did."""

    def lock_everything(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE did."""

    def keep_copy(self, connection: Connection, schema: str) -> str:
        """Beside the file: what was committed last, in a file of its own. One of a start that failed is replaced."""
        copy = Path(f"{self._file}.schema-{schema}")
        try:
            copy.unlink(missing_ok=True)
            copy.touch(FILE_MODE)
            with closing(sqlite3.connect(self._file, isolation_level=None)) as file:
                file.execute("VACUUM INTO ?", (str(copy),))
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"{copy}, a copy to keep of the database before it is upgraded: {error}") from error
        return str(copy)

    def within(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))

    def listed(self, values: Sequence[Any]) -> Any:
        return json.dumps(list(values))

    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        if text.isascii():
            return column.like(like_pattern(text), escape=ESCAPE)
        return func.casefold(column).like(like_pattern(text.casefold()), escape=ESCAPE)

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column

    def tell(self, connection: Connection, revision: int) -> None:
        """The file tells."""

    def news(self, closing: Event) -> Iterator[Look]:
        """``data_version`` is cheap to ask, and different after another connection's commit."""
        seen: object = None
        with self.reading.connect() as connection:

            def look() -> int:
                with connection.begin():
                    return newest_revision(connection)

            while not closing.is_set():
                with connection.begin():
                    version = connection.exec_driver_sql("PRAGMA data_version").scalar()
                if version != seen:
                    seen = version
                    yield look
                closing.wait(LOOK_EVERY)

    def trouble(self, error: DBAPIError) -> Exception | None:
        code = getattr(error.orig, "sqlite_errorcode", 0) & PRIMARY_CODE
        if code in DAMAGED:
            return AccessDenied(f"{self._file} is damaged, or no database ({error.orig}). Restore a backup of it")
        return Unavailable(f"SQLite says: {error.orig}") if code in UNAVAILABLE else None


def _engine(url: URL, connections: int, begin: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
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
