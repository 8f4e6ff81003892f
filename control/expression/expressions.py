"""Expressions to closures, one function a kind of node; each node is looked at once, when it is compiled."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from control.expression.compilation import (
    KINDS,
    RETURN,
    Evaluate,
    Frame,
    Function,
    Scope,
    compiled,
    cost,
    depth,
    placed,
)
from control.expression.functions import binder, call
from control.expression.methods import attribute, dict_of_pairs, method_of
from control.expression.operations import (
    BINARY,
    COMPARE,
    collected,
    formatted,
    shown,
    subscript,
    truth,
    unary,
)
from control.expression.syntax import bound_names, parameters

# --- names and constants -------------------------------------------------------------------------------------------


def _constant(node: ast.Constant, scope: Scope) -> Evaluate:
    value = node.value
    return lambda frame: value


def _name(node: ast.Name, scope: Scope) -> Evaluate:
    name, level = node.id, scope.level(node.id)

    def given(frame: Frame) -> Any:
        try:
            return frame.given[name]
        except KeyError:
            raise NameError(f"name '{name}' is not defined") from None

    def local(frame: Frame) -> Any:
        try:
            return frame.variables[name]
        except KeyError:
            raise UnboundLocalError(f"'{name}' has no value yet") from None

    def further_out(frame: Frame) -> Any:
        for _ in range(level or 0):
            assert frame.outer is not None
            frame = frame.outer
        try:
            return frame.variables[name]
        except KeyError:
            raise NameError(f"'{name}' has no value yet") from None

    return placed(node, given if level is None else local if level == 0 else further_out)


def _named(node: ast.NamedExpr, scope: Scope) -> Evaluate:
    name, value = node.target.id, compiled(node.value, scope)

    def run(frame: Frame) -> Any:
        frame.variables[name] = result = value(frame)
        return result

    return run


# --- collections ---------------------------------------------------------------------------------------------------


def _items_of(nodes: list[ast.expr], scope: Scope) -> Callable[[Frame], list[Any]]:
    parts = [(isinstance(node, ast.Starred), _starred(node, scope)) for node in nodes]
    if not any(starred for starred, _ in parts):
        plain = [evaluate for _, evaluate in parts]
        return lambda frame: [evaluate(frame) for evaluate in plain]

    def run(frame: Frame) -> list[Any]:
        made: list[Any] = []
        for starred, evaluate in parts:
            if starred:
                more = collected(frame.budget, evaluate(frame))
                frame.budget.grow(len(made) + len(more))
                made.extend(more)
            else:
                made.append(evaluate(frame))
        return made

    return run


def _starred(node: ast.expr, scope: Scope) -> Evaluate:
    return compiled(node.value if isinstance(node, ast.Starred) else node, scope)


def _list(node: ast.List, scope: Scope) -> Evaluate:
    return _items_of(node.elts, scope)


def _tuple(node: ast.Tuple, scope: Scope) -> Evaluate:
    parts = _items_of(node.elts, scope)
    return lambda frame: tuple(parts(frame))


def _set(node: ast.Set, scope: Scope) -> Evaluate:
    parts = _items_of(node.elts, scope)

    def run(frame: Frame) -> Any:
        made = parts(frame)
        frame.budget.weigh(made)
        return set(made)

    return placed(node, run)


def _dict(node: ast.Dict, scope: Scope) -> Evaluate:
    pairs = [
        (compiled(key, scope) if key is not None else None, compiled(value, scope))
        for key, value in zip(node.keys, node.values, strict=True)
    ]

    def run(frame: Frame) -> Any:
        made: dict[Any, Any] = {}
        for key, value in pairs:
            if key is not None:
                name = key(frame)
                frame.budget.weigh(name)
                made[name] = value(frame)
            else:
                more = value(frame)
                frame.budget.weigh(more)
                made.update(more if type(more) is dict else dict_of_pairs(frame.budget, more))
        return made

    return placed(node, run)


# --- operators -----------------------------------------------------------------------------------------------------


def _binary(node: ast.BinOp, scope: Scope) -> Evaluate:
    apply, left, right = BINARY[type(node.op)], compiled(node.left, scope), compiled(node.right, scope)
    return placed(node, lambda frame: apply(frame.budget, left(frame), right(frame)))


def _unary(node: ast.UnaryOp, scope: Scope) -> Evaluate:
    sign, operand = type(node.op), compiled(node.operand, scope)
    return placed(node, lambda frame: unary(sign, operand(frame)))


def _boolean(node: ast.BoolOp, scope: Scope) -> Evaluate:
    *parts, last = [compiled(value, scope) for value in node.values]
    stops_at = isinstance(node.op, ast.Or)

    def run(frame: Frame) -> Any:
        for part in parts:
            value = part(frame)
            if truth(value) is stops_at:
                return value
        return last(frame)

    return run


def _comparison(node: ast.Compare, scope: Scope) -> Evaluate:
    first = compiled(node.left, scope)
    links = [
        (COMPARE[type(sign)], compiled(part, scope)) for sign, part in zip(node.ops, node.comparators, strict=True)
    ]

    def run(frame: Frame) -> Any:
        left = first(frame)
        for compare, part in links:
            right = part(frame)
            if not compare(frame.budget, left, right):
                return False
            left = right
        return True

    return placed(node, run)


def _choice(node: ast.IfExp, scope: Scope) -> Evaluate:
    test, yes, no = (compiled(part, scope) for part in (node.test, node.body, node.orelse))
    return lambda frame: yes(frame) if truth(test(frame)) else no(frame)


# --- reaching in, and calling --------------------------------------------------------------------------------------


HTTP_REQUEST = "http_request"


def _attribute(node: ast.Attribute, scope: Scope) -> Evaluate:
    name, owner = node.attr, compiled(node.value, scope)
    if HTTP_REQUEST in (getattr(node.value, "id", ""), getattr(node.value, "attr", "")):
        return placed(node, lambda frame: attribute(frame.budget, _present(owner(frame)), name))
    return placed(node, lambda frame: attribute(frame.budget, owner(frame), name))


def _present(http: Any) -> Any:
    """Raises AttributeError where a door speaks no HTTP."""
    if http is None:
        raise AttributeError("there is no HTTP request over LDAP and RADIUS; ask 'if http_request' before")
    return http


def _subscript(node: ast.Subscript, scope: Scope) -> Evaluate:
    owner, key = compiled(node.value, scope), compiled(node.slice, scope)
    return placed(node, lambda frame: subscript(frame.budget, owner(frame), key(frame)))


def _slice(node: ast.Slice, scope: Scope) -> Evaluate:
    parts = [compiled(part, scope) if part is not None else None for part in (node.lower, node.upper, node.step)]
    return lambda frame: slice(*(part(frame) if part is not None else None for part in parts))


def _call(node: ast.Call, scope: Scope) -> Evaluate:
    given = _items_of(node.args, scope)
    named = [(keyword.arg, compiled(keyword.value, scope)) for keyword in node.keywords]

    def by_name(frame: Frame) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, evaluate in named:
            value = evaluate(frame)
            more = {name: value} if name is not None else value
            if type(more) is not dict or not all(type(key) is str for key in more):
                raise TypeError("what follows ** in a call must be a dictionary with names for keys")
            if twice := made.keys() & more.keys():
                raise TypeError(f"got multiple values for keyword argument '{min(twice)}'")
            made.update(more)
        return made

    if isinstance(node.func, ast.Attribute):
        method, owner = node.func.attr, compiled(node.func.value, scope)

        def run_method(frame: Frame) -> Any:
            budget, value = frame.budget, owner(frame)
            found = method_of(value, method)
            if found is not None:
                return found(budget, value, *given(frame), **(by_name(frame) if named else {}))
            return call(budget, attribute(budget, value, method), given(frame), by_name(frame) if named else {})

        return placed(node, run_method)

    function = compiled(node.func, scope)
    return placed(
        node, lambda frame: call(frame.budget, function(frame), given(frame), by_name(frame) if named else {})
    )


def _lambda(node: ast.Lambda, scope: Scope) -> Evaluate:
    inside = Scope(parameters(node.args) | bound_names([node.body]), scope)
    value, price = compiled(node.body, inside), cost(node.body)

    def body(frame: Frame) -> int:
        frame.budget.spend(price)
        frame.returned = value(frame)
        return RETURN

    return function_maker("<lambda>", node.args, body, scope, depth(node.body))


def function_maker(
    name: str, arguments: ast.arguments, body: Callable[[Frame], int], scope: Scope, levels: int
) -> Evaluate:
    """What makes the function where it is defined, its defaults evaluated there."""
    defaults = [compiled(default, scope) for default in arguments.defaults]
    keyword_defaults = {
        part.arg: compiled(default, scope)
        for part, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    }

    def make(frame: Frame) -> Any:
        made = [default(frame) for default in defaults]
        by_keyword = {key: default(frame) for key, default in keyword_defaults.items()}
        return Function(name, binder(name, arguments, made, by_keyword), body, frame, levels)

    return make


# --- text ----------------------------------------------------------------------------------------------------------

_CONVERSIONS: dict[int, Callable[[Any], str]] = {115: str, 114: repr, 97: ascii}


def _formatted(node: ast.FormattedValue, scope: Scope) -> Evaluate:
    value, conversion = compiled(node.value, scope), _CONVERSIONS.get(node.conversion)
    spec = compiled(node.format_spec, scope) if node.format_spec is not None else None

    def run(frame: Frame) -> Any:
        made = value(frame)
        if conversion is not None:
            made = shown(frame.budget, made, conversion)
        return formatted(frame.budget, made, spec(frame) if spec is not None else "")

    return placed(node, run)


def _joined(node: ast.JoinedStr, scope: Scope) -> Evaluate:
    parts = [compiled(value, scope) for value in node.values]

    def run(frame: Frame) -> Any:
        made = [part(frame) for part in parts]
        frame.budget.text(sum(map(len, made)))
        return "".join(made)

    return placed(node, run)


KINDS.update(
    {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.NamedExpr: _named,
        ast.List: _list,
        ast.Tuple: _tuple,
        ast.Set: _set,
        ast.Dict: _dict,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _boolean,
        ast.Compare: _comparison,
        ast.IfExp: _choice,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.Slice: _slice,
        ast.Call: _call,
        ast.Lambda: _lambda,
        ast.FormattedValue: _formatted,
        ast.JoinedStr: _joined,
    }
)
