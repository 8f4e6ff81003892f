"""The load generators, built once."""

from pathlib import Path

import pytest

from benchmarks.harness import load
from tests.peers import require


@pytest.fixture(scope="session")
def generators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for program in ("gcc", "taskset"):
        require(program)
    folder = tmp_path_factory.mktemp("generators")
    load.build(folder)
    return folder
