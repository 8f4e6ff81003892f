"""The SQL store, on every database, against what every store must do; and what only it must do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from control.store.sql import SqlStore
from tests.conformance.store import CHECKS, Bench, Check
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
    yield made
    made.store.close()
    raw.dispose()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Check, bench: Bench) -> None:
    check(bench)
