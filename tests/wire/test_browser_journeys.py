"""What a browser lives through in front of applications: tabs, a POST come too late, several domains under one sign-in.

In front stands the stand-in for Traefik, which takes every host; every other caller's file has the same, for the long
run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.wire import journeys, test_traefik
from tests.wire.fronts import Front

pytestmark = pytest.mark.peer
front = test_traefik.front


@pytest.mark.parametrize("journey", journeys.OF_PEOPLE, ids=lambda journey: journey.__name__)
def test_a_journey(front: Front, journey: Callable[[Front], None]) -> None:
    journey(front)
