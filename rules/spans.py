"""Spans of time as people write them: ``hours=3;minutes=1``, authentik's notation."""

from __future__ import annotations

import re

UNITS = {
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "seconds": 1.0,
    "minutes": 60.0,
    "hours": 3600.0,
    "days": 86_400.0,
    "weeks": 604_800.0,
}


def seconds(duration: str) -> float:
    """Raises ValueError."""
    total = 0.0
    for part in duration.rstrip(";").split(";"):
        unit, _, number = (piece.strip() for piece in part.partition("="))
        if unit not in UNITS or re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", number) is None:
            raise ValueError(f"{duration} is not in the correct format of 'hours=3;minutes=1'.")
        total += UNITS[unit] * float(number)
    return total
