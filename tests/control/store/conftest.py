from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.control.store.postgresql import Server

_numbers = count(1)


@pytest.fixture
def database(postgresql_server: Server) -> str:
    """The name of an empty one."""
    name = f"store{next(_numbers)}"
    postgresql_server.new_database(name)
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outpost.db'}"
    server: Server = request.getfixturevalue("postgresql_server")
    return server.new_database(f"store{next(_numbers)}")
