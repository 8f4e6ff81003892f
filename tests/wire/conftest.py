"""The tests of this folder run on both shapes: one `outpost up`, and `outpost run` beside `outpost control`.

Those that change the people put them back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers import require
from tests.wire import processes
from tests.wire.directory import Directory
from tests.wire.doors import open_to_people
from tests.wire.nginx import Backend, backend
from tests.wire.program import Program
from tests.wire.shapes import SHAPES, running

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
    with running(request, tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture(scope="session")
def people(program: Program) -> Directory:
    return open_to_people(program)


@pytest.fixture(scope="module")
def application() -> Iterator[Backend]:
    """An application behind a proxy."""
    with backend() as recorded:
        yield recorded
