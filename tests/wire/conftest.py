"""The tests of this folder run on both shapes: one `outpost up`, and `outpost run` beside `outpost control`.

Those that change the people put them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers import require
from tests.wire import processes
from tests.wire.apart import Apart
from tests.wire.directory import Directory, populate
from tests.wire.program import Program

SHAPES: dict[str, Callable[[Path], Program]] = {
    "all-in-one": lambda folder: Program(folder, "up"),
    "apart": Apart,
}
PEERS = ("ldapsearch", "radclient", "nginx", "chromium", "curl")


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    yield
    assert processes.end_all() == []


@pytest.fixture(autouse=True)
def _peers_are_there(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("peer") is not None:
        for peer in PEERS:
            require(peer)


@pytest.fixture(scope="session", params=SHAPES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = SHAPES[request.param](tmp_path_factory.mktemp(request.param)).start()
    try:
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.output()
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture(scope="session")
def people(program: Program) -> Directory:
    return populate(program)
