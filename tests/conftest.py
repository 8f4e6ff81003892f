"""What tests of several folders share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests import compiled
from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.extent import load_profile
from tests.peers import require

SHAPE = re.compile(r"tests/wire/.*\[(?:.+-)?(all-in-one|apart)(?:-.+)?\]$")
"""In the name of a test: of `tests.wire.conftest.SHAPES`."""

load_profile()
compiled.share()


class ByFileOrShape(LoadScopeScheduling):  # type: ignore[misc]
    """Two processes share the tests file by file; those that ask one running program stay with whoever runs it."""

    def _split_scope(self, nodeid: str) -> str:
        shape = SHAPE.search(nodeid)
        return shape[1] if shape else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileOrShape:
    return ByFileOrShape(config, log)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Shared by all: whoever wants to stop one starts their own."""
    require("psql")
    with postgresql.running() as server:
        yield server
