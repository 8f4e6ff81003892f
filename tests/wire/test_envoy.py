"""Envoy ext_authz over HTTP and over gRPC, with the examples' own files: who signs in gets through, and nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.wire import journeys, processes
from tests.wire.directory import Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import Front, configured, dialling
from tests.wire.nginx import Backend, is_listening
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

EXAMPLES = Path(__file__).parents[2] / "examples"
WAYS = {"http": ("envoy.yaml", 9000, "http"), "grpc": ("envoy-grpc.yaml", 9002, "ext_authz")}
"""File, the outpost's port in it, and which of its ports that is."""


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def front(
    way: str,
    program: Program,
    people: Directory,
    application: Backend,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    example, printed_port, asked = WAYS[way]
    port = free_port()
    ports = ((8000, port), (printed_port, program.place(asked)[1]), (8080, application.port))
    sites = dialling(
        (EXAMPLES / example).read_text(),
        *((f"port_value: {printed}", f"port_value: {real}") for printed, real in ports),
    )
    folder = tmp_path_factory.mktemp("envoy")
    (folder / "envoy.yaml").write_text(sites)
    command = [str(Path(sys.executable).parent / "envoy"), "--use-dynamic-base-id", "--log-level", "warn"]
    with (folder / "log").open("wb") as log:
        process = processes.start([*command, "-c", str(folder / "envoy.yaml")], stdout=log, stderr=log)
    try:
        until(lambda: is_listening(port), SOON, "envoy listening")
        with configured(program, people, application, port) as found:
            yield found
    finally:
        processes.stop(process)


def test_a_person_signs_in_and_arrives(front: Front, way: str) -> None:
    """gRPC alone can say that a header has to go."""
    journeys.a_person_signs_in_and_arrives(front, strips_empty=way == "grpc")


def test_nobody_else_arrives(front: Front) -> None:
    journeys.nobody_else_arrives(front)


def test_credentials(front: Front) -> None:
    journeys.credentials_open(front)
    assert "authorization" not in front.last("/basic")


@pytest.mark.full
@pytest.mark.parametrize("journey", journeys.OF_PEOPLE, ids=lambda journey: journey.__name__)
def test_a_journey(front: Front, journey: Callable[[Front], None]) -> None:
    journey(front)


def test_every_numbered_case_holds(front: Front) -> None:
    every_case_holds(front)
