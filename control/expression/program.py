"""One expression: read and compiled once, run as often as it is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from control.expression import comprehensions  # noqa: F401  # its kinds of nodes
from control.expression.budget import Budget, Limits
from control.expression.compilation import Execute, Frame, Scope
from control.expression.exposed import Exposed
from control.expression.faults import Exhausted, Failed, Fault, Refused, SkipObject
from control.expression.operations import shown
from control.expression.statements import block
from control.expression.syntax import bound_names, parse, unknown_names
from control.expression.vocabulary import EVERYWHERE

LIMITS = Limits()
MOST_COMPILED = 500
"""Programs that are kept: more than an installation has."""


@dataclass(frozen=True, slots=True)
class Finished:
    value: Any
    steps: int


class Program:
    def __init__(self, source: str) -> None:
        """Raises Refused."""
        tree = parse(source)
        self._bound = bound_names(tree.body)
        self._compiled: dict[frozenset[str], Execute] = {}
        self._tree = tree

    def run(self, names: Mapping[str, Any], clock: Callable[[], float], limits: Limits = LIMITS) -> Finished:
        """What it returns; None if it does not. ``names`` beyond `vocabulary.EVERYWHERE`; ``clock`` counts seconds.

        Raises Failed, and SkipObject if it does. Nothing else.
        """
        budget = Budget(limits, clock)
        frame = Frame(dict(names), EVERYWHERE, budget)
        try:
            self._execute(frozenset(names))(frame)
            return Finished(frame.returned, budget.steps)
        except SkipObject:
            raise
        except Exhausted as error:
            raise Failed(_fault(budget, error, str(error)), budget.steps, exhausted=True) from None
        except RecursionError as error:
            raise Failed(_fault(budget, error, "It is nested too deeply."), budget.steps, exhausted=True) from None
        except Exception as error:
            raise Failed(_fault(budget, error, _sentence(error, Budget(limits, clock))), budget.steps) from None

    def _execute(self, names: frozenset[str]) -> Execute:
        if names not in self._compiled:
            self._compiled[names] = block(self._tree.body, Scope(self._bound | names))
        return self._compiled[names]


@lru_cache(maxsize=MOST_COMPILED)
def program(source: str) -> Program:
    """Compiled once, however often it is asked for. Raises Refused."""
    return Program(source)


def check(source: str, names: Collection[str]) -> tuple[Fault, ...]:
    """What is wrong with an expression before it ever runs: its syntax, or names that nobody gives."""
    try:
        tree = parse(source)
    except Refused as refusal:
        return refusal.faults
    return tuple(unknown_names(tree, frozenset(names) | EVERYWHERE.keys()))


def _fault(budget: Budget, error: BaseException, sentence: str) -> Fault:
    line, column = budget.place if budget.failing is error else (1, 1)
    return Fault(line, column, sentence)


def _sentence(error: Exception, budget: Budget) -> str:
    """Of an exception that the expression did not catch. What it was made with may be large."""
    try:
        text = shown(budget, error)[:500]
    except Exhausted:
        return type(error).__name__
    if isinstance(error, KeyError):
        return f"There is no item {text}."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def plain(value: Any, budget: Budget | None = None) -> Any:
    """The value as JSON has it: sets and tuples become lists, what is none of JSON's kinds becomes text.

    Raises Exhausted for what is too deep or too large.
    """
    budget = budget if budget is not None else Budget(LIMITS, lambda: 0.0)
    budget.weigh(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in (str, bool, int, type(None)):
        return value
    if kind is float:
        return value if value == value and abs(value) != float("inf") else str(value)
    if kind is dict:
        return {str(key): _plain(part) for key, part in value.items()}
    if kind in (list, tuple, set, frozenset):
        parts = [_plain(part) for part in value]
        return sorted(parts, key=str) if kind in (set, frozenset) else parts
    if kind is datetime:
        return str(value.isoformat()).replace("+00:00", "Z")
    return str(value) if isinstance(value, Exposed) or hasattr(value, "isoformat") else _shown(value)


def _shown(value: Any) -> str:
    module = type(value).__module__
    return str(value) if module == "ipaddress" else f"<{type(value).__name__}>"
