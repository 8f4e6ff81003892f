"""What stands in one place of a table or a list of facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NO_BREAK = "\u00a0"
Body = dict[str, Any]
"""A record as the API shows it."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    to: str = ""
    """Where a click on it leads."""
    tone: str = ""
    """good, wrong, warn or quiet draw it as a badge."""


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    cells: Callable[[Body], Cell | tuple[Cell, ...]]
    order: str = ""
    """The field that a click on the heading sorts by."""

    def drawn(self, body: Body) -> tuple[Cell, ...]:
        made = self.cells(body)
        return made if isinstance(made, tuple) else (made,)


def text(name: str) -> Callable[[Body], Cell]:
    return lambda body: Cell("" if body.get(name) is None else str(body[name]))


def yes(name: str, said: str, otherwise: str = "") -> Callable[[Body], Cell]:
    """A badge where the field is true."""

    def cell(body: Body) -> Cell:
        return Cell(said, tone="good") if body.get(name) else Cell(otherwise, tone="quiet" if otherwise else "")

    return cell


def moment(name: str, never: str = "") -> Callable[[Body], Cell]:
    """An ISO 8601 time, to the minute, in UTC."""

    def cell(body: Body) -> Cell:
        return Cell(minutes(body[name]) if body.get(name) else never)

    return cell


def minutes(said: str | float) -> str:
    """ISO 8601 text or seconds since the epoch, as people read it."""
    when = datetime.fromisoformat(said) if isinstance(said, str) else datetime.fromtimestamp(said, UTC)
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC".replace(" ", NO_BREAK)


def ago(seconds: float) -> str:
    """How long something is over."""
    for size, unit in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''} ago"
    return "just now"
