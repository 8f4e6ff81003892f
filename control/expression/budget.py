"""What one run of an expression may cost: steps, depth, sizes and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from control.expression.exposed import Exposed
from control.expression.faults import Exhausted
from control.expression.syntax import MOST_BITS

CHARACTERS_PER_STEP = 16
"""Copying or searching text is charged by its length: a loop over long strings ends like any other."""
LARGE_NUMBER = 1 << 60
STEPS_OF_A_LARGE_NUMBER = 30
"""Above it, numbers can be made to collide in a set, so that each costs as much as there are in it already."""
STEPS_OF_A_NETWORK = 200
"""The same, and comparing them is slow."""
BETWEEN_LOOKS = 500
"""Steps between two looks at the clock: well under a millisecond."""


@dataclass(frozen=True, slots=True)
class Limits:
    steps: int = 100_000
    """Parts of the program that are evaluated; a policy that people write takes 10 to 500. All of them take under
    a tenth of a second."""
    depth: int = 200
    """Nesting of calls and expressions together: far from where Python's own stack ends (1,000 frames)."""
    size: int = 100_000
    """Characters of one text, or items of one collection."""
    bits: int = MOST_BITS
    """Of one integer."""
    seconds: float = 1.0
    """By the clock, whatever the steps say."""


class Budget:
    """One a run. ``clock`` counts seconds; it is looked at now and then."""

    __slots__ = ("_clock", "_ends", "_pause", "depth", "failing", "generators", "limits", "place", "steps")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.steps = 0
        self.depth = 0
        self.generators = 0
        self.failing: BaseException | None = None
        self.place = (1, 1)
        """Where ``failing`` came from."""
        self._clock = clock
        self._ends = clock() + limits.seconds
        self._pause = min(BETWEEN_LOOKS, limits.steps)

    def spend(self, steps: int) -> None:
        """Raises Exhausted."""
        self.steps += steps
        if self.steps > self._pause:
            self._look()

    def _look(self) -> None:
        if self.steps > self.limits.steps:
            raise Exhausted(f"It takes more than {self.limits.steps} steps.")
        if self._clock() >= self._ends:
            raise Exhausted("It takes longer than it may.")
        self._pause = min(self.steps + BETWEEN_LOOKS, self.limits.steps)

    def grow(self, size: int, per_step: int = 1) -> None:
        """Before something of this size is made. Raises Exhausted."""
        if size > self.limits.size:
            raise Exhausted(f"It makes something larger than {self.limits.size} characters or items.")
        self.spend(1 + size // per_step)

    def text(self, length: int) -> None:
        self.grow(length, CHARACTERS_PER_STEP)

    def integer(self, bits: int) -> None:
        if bits > self.limits.bits:
            raise Exhausted(f"It makes a number of more than {self.limits.bits} bits.")

    def enter(self, depth: int) -> None:
        self.depth += depth
        if self.depth > self.limits.depth:
            raise Exhausted("Its functions call one another too deeply.")

    def weigh(self, value: Any) -> None:
        """Counts everything inside, as often as it is there: comparing or showing it costs as much."""
        kind = type(value)
        if kind is str:
            self.spend(1 + len(value) // CHARACTERS_PER_STEP)
        elif kind not in LIGHT:
            self._weigh_part(value, kind, 0)

    def _weigh_inside(self, value: Any, level: int) -> None:
        if level > MOST_NESTING:
            raise Exhausted(f"It nests lists or dictionaries more than {MOST_NESTING} deep.")
        self.spend(1 + len(value))
        inside = (part for pair in value.items() for part in pair) if type(value) is dict else value
        for part in inside:
            kind = type(part)
            if kind is str:
                self.spend(len(part) // CHARACTERS_PER_STEP)
            elif kind not in LIGHT:
                self._weigh_part(part, kind, level)

    def _weigh_part(self, part: Any, kind: type, level: int) -> None:
        if kind in CONTAINERS:
            self._weigh_inside(part, level + 1)
        elif kind is int:
            if not -LARGE_NUMBER < part < LARGE_NUMBER:
                self.spend(STEPS_OF_A_LARGE_NUMBER)
        elif kind in NETWORKS:
            self.spend(STEPS_OF_A_NETWORK)
        elif isinstance(part, BaseException):
            self._weigh_inside(part.args, level + 1)
        elif isinstance(part, Exposed):
            self.spend(len(str(part)) // CHARACTERS_PER_STEP)

    def locate(self, error: BaseException, line: int, column: int) -> None:
        """Called from the inside outward: the innermost place stays."""
        if self.failing is not error:
            self.failing = error
            self.place = (line, column + 1)


LIGHT = frozenset({bool, float, type(None)})
CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
NETWORKS = frozenset({IPv4Network, IPv6Network})
MOST_NESTING = 50
"""JSON of people is a few deep."""
