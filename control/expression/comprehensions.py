"""Comprehensions: loops inside an expression, with variables of their own."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from control.expression.compilation import KINDS, Evaluate, Frame, Scope, compiled, cost, placed
from control.expression.operations import items, truth
from control.expression.statements import Assign, target
from control.expression.syntax import Comprehension, bound_names

MOST_GENERATORS = 500
"""Made in one run: a chain of them nests as deep as it is long."""


def _turns(node: Comprehension, scope: Scope) -> tuple[Scope, Callable[[Frame], Iterator[Frame]]]:
    """The scope inside, and what yields its frame once for every turn. The first iterable is made outside."""
    inside = Scope(bound_names([part.target for part in node.generators]), scope)
    first = compiled(node.generators[0].iter, scope)
    loops: list[tuple[Evaluate, Assign, list[Evaluate], int]] = [
        (
            compiled(part.iter, inside),
            target(part.target, inside),
            [compiled(test, inside) for test in part.ifs],
            1 + sum(map(cost, part.ifs)),
        )
        for part in node.generators
    ]

    def turn(frame: Frame, number: int, source: Any) -> Iterator[Frame]:
        if number == len(loops):
            yield frame
            return
        iterable, assign, tests, price = loops[number]
        for item in items(frame.budget, source if number == 0 else iterable(frame)):
            frame.budget.spend(price)
            assign(frame, item)
            if all(truth(test(frame)) for test in tests):
                yield from turn(frame, number + 1, None)

    def start(frame: Frame) -> Iterator[Frame]:
        return turn(Frame({}, frame.given, frame.budget, frame), 0, first(frame))

    return inside, start


def _list_comprehension(node: ast.ListComp, scope: Scope) -> Evaluate:
    inside, start = _turns(node, scope)
    element, price = compiled(node.elt, inside), cost(node.elt)

    def run(frame: Frame) -> Any:
        made = []
        for turn in start(frame):
            frame.budget.spend(price)
            made.append(element(turn))
        return made

    return placed(node, run)


def _set_comprehension(node: ast.SetComp, scope: Scope) -> Evaluate:
    inside, start = _turns(node, scope)
    element, price = compiled(node.elt, inside), cost(node.elt)

    def run(frame: Frame) -> Any:
        made = set()
        for turn in start(frame):
            frame.budget.spend(price)
            item = element(turn)
            frame.budget.weigh(item)
            made.add(item)
        return made

    return placed(node, run)


def _dict_comprehension(node: ast.DictComp, scope: Scope) -> Evaluate:
    inside, start = _turns(node, scope)
    key, value, price = compiled(node.key, inside), compiled(node.value, inside), cost(node.key) + cost(node.value)

    def run(frame: Frame) -> Any:
        made = {}
        for turn in start(frame):
            frame.budget.spend(price)
            name = key(turn)
            frame.budget.weigh(name)
            made[name] = value(turn)
        return made

    return placed(node, run)


def _generator(node: ast.GeneratorExp, scope: Scope) -> Evaluate:
    inside, start = _turns(node, scope)
    element, price = compiled(node.elt, inside), cost(node.elt)

    def each(turns: Iterator[Frame]) -> Iterator[Any]:
        for turn in turns:
            turn.budget.spend(price)
            yield element(turn)

    def run(frame: Frame) -> Any:
        frame.budget.generators += 1
        if frame.budget.generators > MOST_GENERATORS:
            raise ValueError(f"more than {MOST_GENERATORS} generators; use lists")
        return each(start(frame))

    return placed(node, run)


KINDS.update(
    {
        ast.ListComp: _list_comprehension,
        ast.SetComp: _set_comprehension,
        ast.DictComp: _dict_comprehension,
        ast.GeneratorExp: _generator,
    }
)
