"""The tests of this folder run on both shapes: one `outpost up`, and `outpost run` beside `outpost control`.

Those that change the people put them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import geography
from tests.control.store.postgresql import Server
from tests.peers import require
from tests.wire import processes
from tests.wire.apart import Apart
from tests.wire.directory import Directory
from tests.wire.doors import open_to_people
from tests.wire.nginx import Backend, backend
from tests.wire.program import Program

SHAPES: dict[str, Callable[..., Program]] = {
    "all-in-one": lambda folder, **environ: Program(folder, "up", **environ),
    "apart": Apart,
}
ON_POSTGRESQL = "apart"
"""The shape whose control has its store there; the other's is a file of SQLite."""
WORLD: dict[str, dict[str, Any]] = {
    "127.0.0.0/25": {"country": {"iso_code": "DE"}, "location": {"latitude": 52.52, "longitude": 13.40}},
    "127.0.0.128/25": {"country": {"iso_code": "NZ"}, "location": {"latitude": -36.85, "longitude": 174.76}},
}
"""Where addresses lie: tests come from Berlin, and Auckland is as far away as places are."""
PEERS = ("ldapsearch", "radclient", "eapol_test", "nginx", "chromium", "curl")


APART_IN_FULL = frozenset({"tests.wire.test_eap", "tests.wire.test_eap_tls"})
"""Matrices whose second half, with control in a process of its own, is only for the long run: what crosses between the
two is the same whatever the method."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        shape = (
            item.callspec.params.get("program")
            if isinstance(item, pytest.Function) and hasattr(item, "callspec")
            else None
        )
        if shape == "apart" and item.module.__name__ in APART_IN_FULL:  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.full)


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
    folder = tmp_path_factory.mktemp(request.param)
    database: dict[str, str] = {}
    if request.param == ON_POSTGRESQL:
        server: Server = request.getfixturevalue("postgresql_server")
        server.new_database(folder.name)
        database = server.settings(folder.name)
    world = geography.write(folder / "world.mmdb", WORLD)
    running = SHAPES[request.param](folder, **database, OUTPOST_EVENTS__CONTEXT_PROCESSORS__GEOIP=str(world)).start()
    try:
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.output()
    assert "Traceback" not in running.output(), running.output()


@pytest.fixture(scope="session")
def people(program: Program) -> Directory:
    return open_to_people(program)


@pytest.fixture(scope="module")
def application() -> Iterator[Backend]:
    """An application behind a proxy."""
    with backend() as recorded:
        yield recorded
