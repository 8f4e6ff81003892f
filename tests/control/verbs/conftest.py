from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.default_flows import ensure_flows
from control.mappings.defaults import ensure_mappings
from control.store.sql import SqlStore
from tests.control.stores import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """With the default flows and mappings."""
    opened = a_store(tmp_path)
    opened.write_now(ensure_flows)
    opened.write_now(ensure_mappings)
    yield opened
    opened.close()
