"""The time of day of programs that run under libfaketime: a test sets it, and it goes on from there by itself.

What counts the seconds that pass (the monotonic clock, by which reactors wait) stays as it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from tests.peers import require

BEGIN = datetime(2030, 1, 7, 6, 0, tzinfo=UTC)
"""A Monday."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LIBRARIES = Path("/usr/lib")


def library() -> Path:
    """Wherever this machine's architecture has it."""
    require("faketime")
    (found,) = LIBRARIES.glob("*/faketime/libfaketimeMT.so.1")
    return found


class Clock:
    """``environ`` has a program see it; one that runs sees within a second that it was set."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "time-of-day"
        self._ahead = 0
        self._set(BEGIN.timestamp())
        self.environ: Mapping[str, str] = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    def go_on(self, to: str | int) -> None:
        """It becomes the next such moment, as ``monday 09:00`` (UTC), or so many seconds onward: never back."""
        if isinstance(to, int):
            self._set(self.now() + to)
            return
        day, _, hour = to.partition(" ")
        here = datetime.fromtimestamp(self.now(), UTC)
        hours, minutes = map(int, hour.split(":"))
        then = here.replace(hour=hours, minute=minutes, second=0, microsecond=0)
        then += timedelta(days=(DAYS.index(day) - then.weekday()) % 7)
        self._set((then if then > here else then + timedelta(days=7)).timestamp())

    def _set(self, moment: float) -> None:
        self._ahead = ceil(moment - time.time())
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{self._ahead:+d}s\n")
        os.replace(beside, self._file)
