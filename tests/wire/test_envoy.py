"""Envoy ext_authz over HTTP, with the example's own file: a person signs in, and nobody else gets through."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire import journeys, processes
from tests.wire.directory import Directory
from tests.wire.fronts import APP, AUTH, Front, dialling
from tests.wire.nginx import Backend, free_port, is_listening
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "envoy.yaml"


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    port = free_port()
    control = program.control.place("http")[1]
    ports = ((8000, port), (9000, program.place("http")[1]), (8080, application.port))
    sites = dialling(
        EXAMPLE.read_text(), *((f"port_value: {printed}", f"port_value: {real}") for printed, real in ports)
    )
    folder = tmp_path_factory.mktemp("envoy")
    (folder / "envoy.yaml").write_text(sites)
    command = [str(Path(sys.executable).parent / "envoy"), "--use-dynamic-base-id", "--log-level", "warn"]
    with (folder / "log").open("wb") as log:
        process = processes.start([*command, "-c", str(folder / "envoy.yaml")], stdout=log, stderr=log)
    found = Front(program, people, application, f"http://{APP}:{port}", f"http://{AUTH}:{control}")
    found.configure()
    try:
        until(lambda: is_listening(port), 20, "envoy listening")
        yield found
    finally:
        processes.stop(process)
        found.restore()


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    journeys.a_person_signs_in_and_arrives(front)


def test_nobody_else_arrives(front: Front) -> None:
    journeys.nobody_else_arrives(front)


def test_credentials(front: Front) -> None:
    journeys.credentials_open(front)
