"""`scenario.yml`, row by row, at every door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire.apart import store
from tests.wire.clock import Clock
from tests.wire.program import Program
from tests.wire.scenario import House, Scenario, build, play, scenarios
from tests.wire.shapes import SHAPES, running

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module", params=SHAPES)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clock: Clock
) -> Iterator[Program]:
    """Programs of this file's own, as it sets their clock."""
    with running(request, tmp_path_factory.mktemp(f"scenario-{request.param}"), clock.environ) as started:
        yield started


@pytest.fixture(scope="module")
def house(program: Program, clock: Clock) -> Iterator[House]:
    with store(program) as opened:
        yield build(program, opened, clock)


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_scenario(house: House, scenario: Scenario) -> None:
    play(house, scenario)
