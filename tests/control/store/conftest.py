from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.control.store import postgresql

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_socket() -> Iterator[str]:
    if not postgresql.INSTALLED:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    with postgresql.running() as folder:
        yield folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outpost.db'}"
    return postgresql.new_database(request.getfixturevalue("postgresql_socket"), f"store{next(_numbers)}")
