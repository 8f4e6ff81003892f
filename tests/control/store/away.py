"""A database that goes away in the middle of a transaction: a statement that it leaves without an answer."""

from __future__ import annotations

from sqlalchemy import Connection, text

from control.store.interface import Transaction

STATEMENTS = {
    "sqlite": "ATTACH DATABASE '/nowhere/outpost.db' AS gone",
    "postgresql": "select pg_terminate_backend(pg_backend_pid())",
}


def connection_of(tx: Transaction) -> Connection:
    connection: Connection = tx._connection  # type: ignore[attr-defined]
    return connection


def go_away(tx: Transaction) -> None:
    """Raises what a statement raises when its database does not answer."""
    connection = connection_of(tx)
    connection.execute(text(STATEMENTS[connection.dialect.name]))
