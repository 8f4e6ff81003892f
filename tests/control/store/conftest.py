from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.control.store import pgbouncer
from tests.control.store.pgbouncer import Pooler
from tests.control.store.postgresql import Server

_numbers = count(1)


@pytest.fixture
def database(postgresql_server: Server) -> str:
    """The name of an empty one."""
    name = f"store{next(_numbers)}"
    postgresql_server.new_database(name)
    return name


@pytest.fixture(scope="session")
def pooler(postgresql_server: Server) -> Iterator[Pooler]:
    with pgbouncer.pooling(postgresql_server) as pooling:
        yield pooling


KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.peer),
    pytest.param("pooled", marks=[pytest.mark.peer, pytest.mark.full]),
]


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outpost.db'}"
    name = f"store{next(_numbers)}"
    server: Server = request.getfixturevalue("postgresql_server")
    directly = server.new_database(name)
    if request.param == "postgresql":
        return directly
    pooler: Pooler = request.getfixturevalue("pooler")
    return pooler.address(name)
