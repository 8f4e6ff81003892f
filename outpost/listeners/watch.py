"""Requests that are under way, WebSockets and streams above all: each goes on only while whoever asked may be in.

A part of them is looked at several times a second, so that each is within a second of a change, and no look takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from outpost.listeners.going_on import Standing

LOOK_INTERVAL = 0.2
"""Seconds between two looks."""
LOOKS = 4
"""In so many looks everybody has been looked at: in less than a second."""


class Cuttable(Protocol):
    def cut(self) -> None:
        """Whoever asked may not be in any more."""


class Watch:
    """``stands`` says whether somebody may be in still; ``clock`` only counts seconds; ``fault`` is called inside an
    ``except``."""

    def __init__(self, stands: Callable[[Standing], bool], clock: IReactorTime, fault: Callable[[str], None]) -> None:
        self._fault = fault
        self._stands = stands
        self._open: dict[Cuttable, Standing] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def add(self, passage: Cuttable, standing: Standing) -> None:
        self._open[passage] = standing
        if not self._looking.running:
            self._looking.start(LOOK_INTERVAL, now=False)

    def remove(self, passage: Cuttable) -> None:
        self._open.pop(passage, None)  # the next look finds nobody and is the last: requests come and go quickly

    def _look(self) -> None:
        """Who has been looked at goes to the end of the line."""
        for passage in list(islice(self._open, len(self._open) // LOOKS + 1)):
            standing = self._open.pop(passage)
            try:
                stands = self._stands(standing)
            except Exception:  # whoever cannot be decided about is not let go on
                stands = False
                self._fault("watch")
            if stands:
                self._open[passage] = standing
            else:
                passage.cut()
        if not self._open and self._looking.running:
            self._looking.stop()
