"""A window of the week: some weekdays, from a minute of the day to another, perhaps past midnight."""

from __future__ import annotations

from typing import Protocol

MINUTES = 1440
"""Of a day."""


class Window(Protocol):
    @property
    def weekdays(self) -> tuple[int, ...]:
        """0: Monday. Empty: every day."""

    @property
    def begins(self) -> int:
        """Minute of the day."""

    @property
    def ends(self) -> int:
        """The minute after the last; not after ``begins``: on the day after."""


def is_open(window: Window, weekday: int, minute: int) -> bool:
    """At this minute of this day. A window that passes midnight belongs to the day that it begins on."""
    if window.begins < window.ends:
        return window.begins <= minute < window.ends and _on(window, weekday)
    if minute >= window.begins:
        return _on(window, weekday)
    return minute < window.ends and _on(window, (weekday - 1) % 7)


def _on(window: Window, weekday: int) -> bool:
    return not window.weekdays or weekday in window.weekdays
