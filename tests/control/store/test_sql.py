"""The SQL store, on every database, against what every store must do; and what only it must do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from control.records import Session
from control.store.interface import Transaction
from control.store.sql import SqlStore
from control.store.sql.postgresql import POLL_EVERY
from control.store.sql.schema import RECORD_TABLES
from tests.conformance.store import CHECKS, KEY, Bench, Check
from tests.control.store import pgbouncer
from tests.fakes import FakeClock


@pytest.fixture
def bench(store_url: str) -> Iterator[Bench]:
    clock = FakeClock()
    raw = create_engine(store_url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)

    def statement(sql: str) -> list[tuple[Any, ...]]:
        with raw.begin() as connection:
            result = connection.execute(text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []

    made = Bench(lambda keys: SqlStore(store_url, keys, now=clock), statement, clock)
    if pgbouncer.PREFIX in store_url:
        made.heard_within += POLL_EVERY  # nobody is notified
    yield made
    made.store.close()
    raw.dispose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Check, bench: Bench) -> None:
    check(bench)


def test_a_statement_that_fails_does_not_tell_its_values(store_url: str) -> None:
    """Errors end in logs, and rows hold digests of passwords."""
    store = SqlStore(store_url, (KEY,))

    def twice(tx: Transaction) -> None:
        for _ in range(2):
            tx._connection.execute(insert(session), {**row, "pk": "SECRET-digest"})  # type: ignore[attr-defined]

    session = RECORD_TABLES[Session].table
    row = {"user": None, "data": {"a": "SECRET-value"}, "created": 0.0, "expires": 0.0}
    with pytest.raises(IntegrityError) as caught:
        store.write_now(twice)
    said = str(caught.value)
    assert "INSERT INTO session" in said
    assert "SECRET-value" not in said
    store.close()
