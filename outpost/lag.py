"""How late things happen here: the one figure that says whether a process has more to do than it can."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from rules.durations import Durations

EVERY = 0.5
"""Seconds between looks, which cost some microseconds."""


class Lag(Collector):
    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._late = Durations()
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        self._next = self._clock.callLater(EVERY, self._look, self._clock.seconds() + EVERY)

    def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    def collect(self) -> Iterator[Metric]:
        late = HistogramMetricFamily(
            "outpost_lag_seconds",
            "By how much a timer was late, looked at twice a second: whoever asks waits as long on top.",
        )
        late.add_metric((), list(self._late.buckets()), self._late.seconds)
        yield late

    def _look(self, due: float) -> None:
        self._late.observe(max(0.0, self._clock.seconds() - due))
        self.start()
