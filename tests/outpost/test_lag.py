"""How late timers are, which is what everybody waits for."""

from __future__ import annotations

from prometheus_client.registry import CollectorRegistry
from twisted.internet.task import Clock

from outpost.lag import EVERY, Lag


def test_what_was_late_is_counted_and_by_how_much() -> None:
    clock, registry = Clock(), CollectorRegistry()
    lag = Lag(clock)
    registry.register(lag)
    lag.start()
    for seconds in (EVERY, EVERY, EVERY + 0.3):
        clock.advance(seconds)

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"outpost_lag_seconds{name}", labels)

    assert (told("_bucket", le="0.005"), told("_bucket", le="0.25"), told("_count")) == (2, 2, 3)
    assert round(told("_sum") or 0.0, 6) == 0.3
    lag.stop()
    assert not clock.getDelayedCalls()
