from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.oidc.relying import Relying
from tests.control.web.api import Api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    opened = Api(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def relying(tmp_path: Path) -> Iterator[Relying]:
    opened = Relying(tmp_path)
    yield opened
    opened.close()
