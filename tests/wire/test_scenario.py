"""`scenario.yml`, row by row, at every door."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wire.apart import store
from tests.wire.program import Program
from tests.wire.scenario import House, Scenario, Visit, build, scenarios

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def house(program: Program) -> Iterator[House]:
    with store(program) as opened:
        yield build(program, opened)


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_scenario(house: House, scenario: Scenario) -> None:
    """The doors at the same time: they have different people, and a RADIUS reject takes a second."""
    with ThreadPoolExecutor(len(scenario.doors)) as pool:
        list(pool.map(lambda door: Visit(house, scenario, door).go(), scenario.doors))
