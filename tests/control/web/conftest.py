from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.web.api import Api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    opened = Api(tmp_path)
    yield opened
    opened.close()
