from __future__ import annotations

import pytest

from outpost.listeners.health import PREFIX, Health
from tests.outpost.listeners.http_connections import Listener, RecordingTelemetry, get


@pytest.mark.parametrize(
    ("target", "ready", "status"),
    [
        ("/-/health/live/", False, 200),
        ("/-/health/live", True, 200),
        ("/-/health/ready/", True, 200),
        ("/-/health/ready/?verbose", True, 200),
        ("/-/health/ready/", False, 503),
        ("/-/health/", True, 404),
        ("/-/health/ready/x", True, 404),
    ],
)
def test_health(target: str, ready: bool, status: int) -> None:
    visitor = Listener([(PREFIX, Health(lambda: ready))]).connect()
    assert visitor.ask(get(target)).status == status
    assert visitor.ask(get(target)).headers["Cache-Control"] == "no-store"


def test_a_readiness_that_cannot_be_told_is_none() -> None:
    def broken() -> bool:
        raise RuntimeError("broken")

    telemetry = RecordingTelemetry()
    visitor = Listener([(PREFIX, Health(broken))], telemetry=telemetry).connect()
    assert visitor.ask(get("/-/health/ready/")).status == 500
    assert telemetry.faults == ["http route"]
