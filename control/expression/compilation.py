"""What all closures share: the frames that hold a running expression's variables, and the place of a node."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from control.expression.budget import Budget
from control.expression.exposed import Exposed


class Frame:
    """The variables of one call, or of one comprehension. ``outer``: of the text around it."""

    __slots__ = ("budget", "given", "handling", "outer", "returned", "variables")

    def __init__(
        self, variables: dict[str, Any], given: Mapping[str, Any], budget: Budget, outer: Frame | None = None
    ) -> None:
        self.variables = variables
        self.given = given
        self.budget = budget
        self.outer = outer
        self.returned: Any = None
        self.handling: Exception | None = None
        """What an ``except`` is dealing with: a bare ``raise`` raises it again."""


Evaluate = Callable[[Frame], Any]
Execute = Callable[[Frame], int]
"""What comes next: `ON`, `BREAK`, `CONTINUE` or `RETURN`."""
ON, BREAK, CONTINUE, RETURN = range(4)


class Scope:
    """Where a name lives, known before anything runs."""

    __slots__ = ("names", "outer")

    def __init__(self, names: frozenset[str], outer: Scope | None = None) -> None:
        self.names = names
        self.outer = outer

    def level(self, name: str) -> int | None:
        """How many frames further out; None: among what is given to every expression."""
        scope: Scope | None = self
        level = 0
        while scope is not None:
            if name in scope.names:
                return level
            scope, level = scope.outer, level + 1
        return None


class Function(Exposed):
    """A function or lambda of the expression's own. It may not be entered while it runs: there is no recursion."""

    __slots__ = ("bind", "body", "defined_in", "depth", "name", "running")

    def __init__(self, name: str, bind: Callable[..., dict[str, Any]], body: Execute, frame: Frame, depth: int) -> None:
        self.name = name
        self.bind = bind
        self.body = body
        self.defined_in = frame
        self.depth = depth
        self.running = False

    @property
    def title(self) -> str:
        return f"function {self.name}"


def cost(node: ast.AST) -> int:
    """Steps of evaluating this once: its nodes, without the statements and loops inside it, which charge their own."""
    total = 0
    waiting = [node]
    while waiting:
        part = waiting.pop()
        total += isinstance(part, ast.expr)
        waiting.extend(
            child
            for child in ast.iter_child_nodes(part)
            if not isinstance(child, (ast.stmt, ast.Lambda, ast.comprehension, ast.expr_context, ast.ExceptHandler))
        )
    return max(total, 1)


def depth(node: ast.AST) -> int:
    """Levels of nesting, functions inside left out: those count when they are called."""
    below = [child for child in ast.iter_child_nodes(node) if not isinstance(child, (ast.FunctionDef, ast.Lambda))]
    return 1 + max(map(depth, below), default=0)


# --- each kind of expression is compiled by the module that knows it --------------------------------------------------

KINDS: dict[type[ast.expr], Callable[[Any, Scope], Evaluate]] = {}


def compiled(node: ast.expr, scope: Scope) -> Evaluate:
    return KINDS[type(node)](node, scope)


def placed(node: ast.expr | ast.stmt, evaluate: Evaluate) -> Evaluate:
    """The same, remembering where it failed. Costs nothing while it does not."""
    line, column = node.lineno, node.col_offset

    def run(frame: Frame) -> Any:
        try:
            return evaluate(frame)
        except BaseException as error:
            frame.budget.locate(error, line, column)
            raise

    return run
