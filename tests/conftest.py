"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import compiled
from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.extent import load_profile
from tests.peers import require

load_profile()
compiled.share()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Shared by all: whoever wants to stop one starts their own."""
    require("psql")
    with postgresql.running() as server:
        yield server
