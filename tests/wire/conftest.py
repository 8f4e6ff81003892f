"""One `outpost up` for all wire tests of this folder; those that change its people put them back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.directory import Directory, populate
from tests.wire.program import Program


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = Program(tmp_path_factory.mktemp("up"), "up").start()
    try:
        yield running
    finally:
        assert running.stop() == 0, running.output()
        assert "Traceback" not in running.output(), running.output()


@pytest.fixture(scope="session")
def people(program: Program) -> Directory:
    return populate(program)
