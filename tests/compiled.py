"""Statements and paths are compiled once for all SQLite stores and web sites that tests open.

SQLAlchemy keeps what it compiled for each engine, and each dialect, alone. A test over a fresh store spent a third of
its time on statements that the test before it had compiled already. Starlette compiles a path whenever a route is made.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from starlette import routing

from control.store.sql import sqlite

KEPT: dict[Any, Any] = {}
"""Bounded by the statements that the program knows."""


def share() -> None:
    """From now on every SQLite store of this process uses one cache, and every site another."""
    made = sqlite._engine

    def engine(*args: Any) -> Engine:
        new = made(*args)
        new._compiled_cache = KEPT
        return new

    sqlite._engine = engine  # type: ignore[assignment]
    SQLiteDialect_pysqlite.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
    SQLiteDialect_pysqlite.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    routing.compile_path = cache(routing.compile_path)
