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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests file by file; those that ask one running program stay with whoever runs it."""
    for item in items:
        parameters: dict[str, object] = item.callspec.params if hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(str(parameters.get("program", item.location[0]))))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Shared by all: whoever wants to stop one starts their own."""
    require("psql")
    with postgresql.running() as server:
        yield server
