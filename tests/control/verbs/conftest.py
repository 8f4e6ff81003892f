from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.default_flows import ensure_flows
from control.store.sql import SqlStore
from tests.control.stores import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """With the default flows."""
    opened = a_store(tmp_path)
    opened.write_now(ensure_flows)
    yield opened
    opened.close()
