"""A fault at every call, one at a time: of each function of ours, and of each of another's that ours call.

No list of steps has to be kept: a new step is a new call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

TREE = Path(__file__).parents[1]
OURS = tuple(f"{TREE / folder}/" for folder in ("outpost", "protocols", "rules"))
EVENTS = frozenset(("call", "c_call"))


class Injected(Exception):
    """What goes wrong."""


def calls(work: Callable[[], object]) -> int:
    """How many calls ``work`` takes."""
    return _run(work, -1)


def failing(work: Callable[[], object], at: int) -> None:
    """Does it, with a fault at call number ``at``, from 0. One that nobody catches ends the work here."""
    _run(work, at)


def _run(work: Callable[[], object], at: int) -> int:
    seen = 0

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal seen
        if event in EVENTS and frame.f_code.co_filename.startswith(OURS):
            seen += 1
            if seen == at + 1:
                raise Injected

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    except Injected:
        pass
    finally:
        sys.setprofile(before)
    return seen
