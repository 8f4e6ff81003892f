"""What is kept at hand, up to a bound."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

_FACTOR, _STEP, _BITS = 1664525, 1013904223, 32
"""A linear congruential generator's (Numerical Recipes): nobody's secret, only without pattern."""


class Bounded(dict[K, V]):
    """At most ``most`` entries: when it is full, a new one takes the place of any other.

    Were that the oldest one, as in a queue, then a few more than fit, asked for one after the other, would find nothing
    any more; as it is, a tenth too many makes one look in six a miss.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._places: list[K] = []
        """A key for each place; one that was deleted keeps its place until another takes it."""
        self._at = 0

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self:
            self._take_place(key)
        super().__setitem__(key, value)

    def clear(self) -> None:
        super().clear()
        self._places.clear()

    def _take_place(self, key: K) -> None:
        if len(self._places) < self._most:
            self._places.append(key)
            return
        self._at = (self._at * _FACTOR + _STEP) % (1 << _BITS)
        place = self._at * self._most >> _BITS
        self.pop(self._places[place], None)
        self._places[place] = key
