"""Calling, and how the functions of an expression take their arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from control.expression.budget import Budget
from control.expression.compilation import Frame, Function
from control.expression.exposed import Routine
from control.expression.faults import Exhausted
from control.expression.operations import kind_of

PER_CALL = 3
"""Steps: a frame costs more than a name."""


def call(budget: Budget, function: Any, given: Sequence[Any], named: dict[str, Any]) -> Any:
    """Only functions of the expression and routines of ours can be called, and the exceptions that it may raise."""
    budget.spend(PER_CALL)
    kind = type(function)
    if kind is Routine:
        return function.call(budget, *given, **named)
    if kind is Function:
        return _run(budget, function, given, named)
    if isinstance(function, type) and issubclass(function, Exception):
        for part in given:
            budget.weigh(part)
        return function(*given)
    raise TypeError(f"'{kind_of(function)}' object is not callable")


def _run(budget: Budget, function: Function, given: Sequence[Any], named: dict[str, Any]) -> Any:
    if function.running:
        raise Exhausted(f"{function.name} calls itself, which is not possible here; use a loop.")
    outer = function.defined_in
    frame = Frame(function.bind(given, named), outer.given, budget, outer)
    function.running = True
    budget.enter(function.depth)
    try:
        function.body(frame)
    finally:
        budget.depth -= function.depth
        function.running = False
    return frame.returned


def binder(
    name: str, arguments: ast.arguments, defaults: Sequence[Any], keyword_defaults: dict[str, Any]
) -> Callable[[Sequence[Any], dict[str, Any]], dict[str, Any]]:
    """Python's rules for arguments (the language reference, 6.3.4). What it makes raises TypeError."""
    positional_only = [part.arg for part in arguments.posonlyargs]
    positional = [*positional_only, *(part.arg for part in arguments.args)]
    keyword_only = [part.arg for part in arguments.kwonlyargs]
    by_default = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    rest = arguments.vararg.arg if arguments.vararg else None
    others = arguments.kwarg.arg if arguments.kwarg else None
    nameable = frozenset(positional[len(positional_only) :]) | frozenset(keyword_only)

    def bind(given: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
        variables = dict(zip(positional, given, strict=False))
        if rest is not None:
            variables[rest] = tuple(given[len(positional) :])
        elif len(given) > len(positional):
            raise TypeError(f"{name}() takes {len(positional)} positional arguments but {len(given)} were given")
        more: dict[str, Any] = {}
        for key, value in named.items():
            if key not in nameable:
                if others is None:
                    raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
                more[key] = value
            elif key in variables:
                raise TypeError(f"{name}() got multiple values for argument '{key}'")
            else:
                variables[key] = value
        for key in (*positional, *keyword_only):
            if key not in variables:
                if key in by_default:
                    variables[key] = by_default[key]
                elif key in keyword_defaults:
                    variables[key] = keyword_defaults[key]
                else:
                    raise TypeError(f"{name}() missing a required argument: '{key}'")
        if others is not None:
            variables[others] = more
        return variables

    return bind
