from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.policies.asking import NOON, House
from tests.fakes import FakeClock
from tests.stores import open_store


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = open_store(tmp_path, FakeClock(NOON))
    yield House(store)
    store.close()
