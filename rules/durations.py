"""How long things took: what both programs count into, and Prometheus reads."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: authentik's buckets, so that its dashboards fit."""


class Durations:
    """A histogram. Counting takes a fifth of a microsecond, so it is for what waits for something."""

    __slots__ = ("_counts", "seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        """All of them together."""

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> Iterator[tuple[str, int]]:
        """(upper bound as Prometheus writes it, how many took no longer); the last is all of them."""
        return zip((*(str(bound) for bound in BOUNDS), "+Inf"), accumulate(self._counts), strict=True)
