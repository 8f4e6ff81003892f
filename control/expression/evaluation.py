"""One run of an expression: what it was asked in, value and messages out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from control.expression import program
from control.expression.budget import Budget, Limits
from control.expression.environment import NAMES, Asked, Lines, names
from control.expression.exposed import Exposed
from control.expression.faults import Exhausted, Failed, Fault, Refused, SkipObject
from control.expression.operations import truth
from control.expression.program import LIMITS, plain


@dataclass(frozen=True, slots=True)
class Evaluated:
    """``value`` and ``passing`` are None and False where ``fault`` says what went wrong, or ``skipped`` that it said
    to leave this out."""

    value: Any = None
    """As JSON has it (`program.plain`)."""
    passing: bool = False
    """Is it true, as Python counts that? An empty list of groups is not."""
    messages: tuple[str, ...] = ()
    """For the person, by ``ak_message``."""
    logged: tuple[str, ...] = ()
    """For the operator, by ``ak_logger``."""
    steps: int = 0
    fault: Fault | None = None
    skipped: bool = False


def check(source: str, more: Collection[str] = (), unseen: Collection[str] = ()) -> tuple[Fault, ...]:
    """What is wrong with it before it ever runs. ``more``: names that its kind is given beside `NAMES`; ``unseen``:
    those of `NAMES` that mean nothing there."""
    return program.check(source, NAMES.union(more).difference(unseen))


def evaluate(
    source: str,
    asked: Asked,
    clock: Callable[[], float],
    more: Mapping[str, Exposed] | None = None,
    limits: Limits = LIMITS,
) -> Evaluated:
    """Runs it once. Raises nothing: what goes wrong is the `Evaluated.fault`, with line and column.

    ``clock`` counts seconds. ``more``: names of its kind, made for this run alone.
    """
    messages, logged = Lines(), Lines()
    found = _run(source, {**names(asked, messages, logged), **(more or {})}, clock, limits)
    return replace(found, messages=tuple(messages.said), logged=tuple(logged.said))


def _run(source: str, given: Mapping[str, Any], clock: Callable[[], float], limits: Limits) -> Evaluated:
    try:
        finished = program.program(source).run(given, clock, limits)
        value = plain(finished.value, Budget(limits, clock))
        return Evaluated(value, truth(finished.value), steps=finished.steps)
    except SkipObject:
        return Evaluated(skipped=True)
    except Refused as refusal:
        return Evaluated(fault=refusal.faults[0])
    except Failed as failure:
        return Evaluated(fault=failure.fault, steps=failure.steps)
    except Exhausted as spent:
        return Evaluated(fault=Fault(1, 1, f"What it returns is too large. {spent}"))
