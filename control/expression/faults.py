"""How an expression goes wrong, with line and column for whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """``line`` and ``column`` count from 1."""

    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.sentence}"


class Refused(Exception):
    """The text is no expression: a syntax that Python does not know, or that is not allowed here."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(" ".join(map(str, faults)))
        self.faults = faults


class Failed(Exception):
    """It began and went wrong: an exception of its own that it did not catch, or a spent budget."""

    def __init__(self, fault: Fault, steps: int, exhausted: bool = False) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.steps = steps
        self.exhausted = exhausted


class Exhausted(BaseException):
    """The budget is spent. No ``except`` of an expression catches it."""


class SkipObject(Exception):
    """Raised by a mapping: leave this object out."""
