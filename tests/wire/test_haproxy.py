"""HAProxy with the example's own files: a person signs in, and nobody else gets through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers import require
from tests.ports import free_port
from tests.wire import journeys, processes
from tests.wire.directory import Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import Front, configured, dialling
from tests.wire.nginx import Backend, is_listening
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    port = free_port()
    folder = tmp_path_factory.mktemp("haproxy")
    places = (("bind :80", f"bind 127.0.0.1:{port}"), ("127.0.0.1:8080", f"127.0.0.1:{application.port}"))
    (folder / "haproxy.cfg").write_text(dialling((EXAMPLES / "haproxy.cfg").read_text(), *places))
    asked = ("127.0.0.1:9000", program.ports["http"][0])
    (folder / "haproxy.lua").write_text(dialling((EXAMPLES / "haproxy.lua").read_text(), asked))
    with (folder / "log").open("wb") as log:
        process = processes.start([require("haproxy"), "-f", "haproxy.cfg"], cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: is_listening(port), SOON, "haproxy listening")
        with configured(program, people, application, port) as found:
            yield found
    finally:
        processes.stop(process)


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    journeys.a_person_signs_in_and_arrives(front)


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
