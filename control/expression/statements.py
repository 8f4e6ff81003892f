"""Statements to closures. Each answers what comes next: on, break, continue or return."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from control.expression.compilation import (
    BREAK,
    CONTINUE,
    ON,
    RETURN,
    Evaluate,
    Execute,
    Frame,
    Scope,
    compiled,
    cost,
    depth,
    placed,
)
from control.expression.expressions import function_maker
from control.expression.functions import call
from control.expression.operations import BINARY, collected, items, put, remove, shown, subscript, truth
from control.expression.syntax import bound_names, parameters


def block(body: list[ast.stmt], scope: Scope) -> Execute:
    """Statements one after another; each is charged for its expressions before it runs."""
    parts = [(cost(node), _statement(node, scope)) for node in body]

    def run(frame: Frame) -> int:
        budget = frame.budget
        for price, execute in parts:
            budget.spend(price)
            if (then := execute(frame)) != ON:
                return then
        return ON

    return run


def _statement(node: ast.stmt, scope: Scope) -> Execute:
    return placed(node, _KINDS[type(node)](node, scope))


def _always(then: int) -> Callable[[Any, Scope], Execute]:
    return lambda node, scope: lambda frame: then


def _return(node: ast.Return, scope: Scope) -> Execute:
    value = compiled(node.value, scope) if node.value is not None else None

    def run(frame: Frame) -> int:
        frame.returned = value(frame) if value is not None else None
        return RETURN

    return run


def _expression(node: ast.Expr, scope: Scope) -> Execute:
    value = compiled(node.value, scope)

    def run(frame: Frame) -> int:
        value(frame)
        return ON

    return run


# --- assigning -----------------------------------------------------------------------------------------------------


Assign = Callable[[Frame, Any], None]


def target(node: ast.expr, scope: Scope) -> Assign:
    """What puts a value where ``node`` says: a name, an item, or several of these."""
    match node:
        case ast.Name(id=name):
            return lambda frame, value: frame.variables.__setitem__(name, value)
        case ast.Subscript(value=owner, slice=key):
            whose, which = compiled(owner, scope), compiled(key, scope)
            return lambda frame, value: put(frame.budget, whose(frame), which(frame), value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return _unpacking(parts, scope)
    raise AssertionError(f"{type(node).__name__} is no target")


def _unpacking(nodes: list[ast.expr], scope: Scope) -> Assign:
    rest = next((place for place, node in enumerate(nodes) if isinstance(node, ast.Starred)), None)
    parts = [target(node.value if isinstance(node, ast.Starred) else node, scope) for node in nodes]

    def assign(frame: Frame, value: Any) -> None:
        given = collected(frame.budget, value)
        if (rest is None and len(given) != len(parts)) or len(given) < len(parts) - 1:
            raise ValueError(f"expected {len(parts)} values to unpack, got {len(given)}")
        if rest is not None:
            end = len(given) - (len(parts) - rest - 1)
            given[rest:end] = [given[rest:end]]
        for part, item in zip(parts, given, strict=True):
            part(frame, item)

    return assign


def _assign(node: ast.Assign, scope: Scope) -> Execute:
    value, targets = compiled(node.value, scope), [target(part, scope) for part in node.targets]

    def run(frame: Frame) -> int:
        made = value(frame)
        for assign in targets:
            assign(frame, made)
        return ON

    return run


def _annotated(node: ast.AnnAssign, scope: Scope) -> Execute:
    if node.value is None:
        return lambda frame: ON
    return _assign(ast.Assign(targets=[node.target], value=node.value), scope)


def _augmented(node: ast.AugAssign, scope: Scope) -> Execute:
    """``x += y``. A list and a set grow in place, as in Python."""
    apply, value = BINARY[type(node.op)], compiled(node.value, scope)
    kind = type(node.op)

    def combined(frame: Frame, old: Any) -> Any:
        new = value(frame)
        if kind is ast.Add and type(old) is list:
            more = collected(frame.budget, new)
            frame.budget.grow(len(old) + len(more))
            old.extend(more)
            return old
        made = apply(frame.budget, old, new)
        if type(old) in (set, dict) and type(made) is type(old):
            old.clear()
            old.update(made)
            return old
        return made

    if isinstance(node.target, ast.Name):
        read = compiled(ast.Name(node.target.id, ast.Load(), **_place(node)), scope)
        name = node.target.id

        def run_name(frame: Frame) -> int:
            frame.variables[name] = combined(frame, read(frame))
            return ON

        return run_name
    assert isinstance(node.target, ast.Subscript)
    owner, key = compiled(node.target.value, scope), compiled(node.target.slice, scope)

    def run(frame: Frame) -> int:
        whose, which = owner(frame), key(frame)
        put(frame.budget, whose, which, combined(frame, subscript(frame.budget, whose, which)))
        return ON

    return run


def _place(node: ast.stmt) -> dict[str, int]:
    return {"lineno": node.lineno, "col_offset": node.col_offset}


def _delete(node: ast.Delete, scope: Scope) -> Execute:
    removals = [_removal(part, scope) for part in node.targets]

    def run(frame: Frame) -> int:
        for removal in removals:
            removal(frame)
        return ON

    return run


def _removal(node: ast.expr, scope: Scope) -> Evaluate:
    match node:
        case ast.Subscript(value=owner, slice=key):
            whose, which = compiled(owner, scope), compiled(key, scope)
            return lambda frame: remove(frame.budget, whose(frame), which(frame))
        case ast.Name(id=name):

            def forget(frame: Frame) -> None:
                if name not in frame.variables:
                    raise UnboundLocalError(f"'{name}' has no value yet")
                del frame.variables[name]

            return forget
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            several = [_removal(part, scope) for part in parts]
            return lambda frame: [removal(frame) for removal in several]
    raise AssertionError(f"{type(node).__name__} cannot be deleted")


# --- choosing and repeating ----------------------------------------------------------------------------------------


def _if(node: ast.If, scope: Scope) -> Execute:
    test, yes, no = compiled(node.test, scope), block(node.body, scope), block(node.orelse, scope)
    return lambda frame: yes(frame) if truth(test(frame)) else no(frame)


def _for(node: ast.For, scope: Scope) -> Execute:
    iterable, assign = compiled(node.iter, scope), target(node.target, scope)
    body, otherwise = block(node.body, scope), block(node.orelse, scope)

    def run(frame: Frame) -> int:
        for item in items(frame.budget, iterable(frame)):
            assign(frame, item)
            then = body(frame)
            if then == BREAK:
                return ON
            if then == RETURN:
                return RETURN
        return otherwise(frame)

    return run


def _while(node: ast.While, scope: Scope) -> Execute:
    test, price = compiled(node.test, scope), 1 + cost(node.test)
    body, otherwise = block(node.body, scope), block(node.orelse, scope)

    def run(frame: Frame) -> int:
        while truth(test(frame)):
            frame.budget.spend(price)
            then = body(frame)
            if then == BREAK:
                return ON
            if then == RETURN:
                return RETURN
        return otherwise(frame)

    return run


def _function(node: ast.FunctionDef, scope: Scope) -> Execute:
    inside = Scope(parameters(node.args) | bound_names(node.body), scope)
    make = function_maker(node.name, node.args, block(node.body, inside), scope, max(map(depth, node.body)))
    name = node.name

    def run(frame: Frame) -> int:
        frame.variables[name] = make(frame)
        return ON

    return run


# --- going wrong ---------------------------------------------------------------------------------------------------

Caught = Callable[[Frame, Exception], bool]


def _try(node: ast.Try, scope: Scope) -> Execute:
    body, otherwise, last = (block(part, scope) for part in (node.body, node.orelse, node.finalbody))
    handlers = [(_catches(part, scope), part.name, block(part.body, scope)) for part in node.handlers]

    def handled(frame: Frame, error: Exception) -> int:
        for catches, name, respond in handlers:
            if catches(frame, error):
                before, frame.handling = frame.handling, error
                if name is not None:
                    frame.variables[name] = error
                try:
                    return respond(frame)
                finally:
                    frame.handling = before
                    if name is not None:
                        frame.variables.pop(name, None)
        raise error

    def attempt(frame: Frame) -> int:
        try:
            then = body(frame)
        except RecursionError:
            raise
        except Exception as error:
            # One that is kept, or raised again and again, would keep every frame that it ever passed.
            return handled(frame, _light(error))
        return otherwise(frame) if then == ON else then

    def run(frame: Frame) -> int:
        try:
            then = attempt(frame)
        except Exception:
            if (instead := last(frame)) != ON:
                return instead
            raise
        returned = frame.returned
        if (instead := last(frame)) != ON:
            return instead
        frame.returned = returned
        return then

    return run


def _light(error: Exception) -> Exception:
    error.__context__ = None
    return error.with_traceback(None)


def _catches(node: ast.ExceptHandler, scope: Scope) -> Caught:
    if node.type is None:
        return lambda frame, error: True
    which = compiled(node.type, scope)

    def run(frame: Frame, error: Exception) -> bool:
        kinds = which(frame)
        for kind in kinds if type(kinds) is tuple else (kinds,):
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                raise TypeError("what an “except” catches must be a kind of exception")
            if isinstance(error, kind):
                return True
        return False

    return run


def _raise(node: ast.Raise, scope: Scope) -> Execute:
    what = compiled(node.exc, scope) if node.exc is not None else None
    cause = compiled(node.cause, scope) if node.cause is not None else None

    def run(frame: Frame) -> int:
        error = what(frame) if what is not None else frame.handling
        if cause is not None:
            cause(frame)
        if isinstance(error, type) and issubclass(error, Exception):
            error = call(frame.budget, error, (), {})
        if not isinstance(error, Exception):
            raise TypeError("only exceptions can be raised")
        raise error

    return run


def _assert(node: ast.Assert, scope: Scope) -> Execute:
    test = compiled(node.test, scope)
    message = compiled(node.msg, scope) if node.msg is not None else None

    def run(frame: Frame) -> int:
        if not truth(test(frame)):
            raise AssertionError(*([shown(frame.budget, message(frame))] if message is not None else []))
        return ON

    return run


_KINDS: dict[type[ast.stmt], Callable[[Any, Scope], Execute]] = {
    ast.Pass: _always(ON),
    ast.Break: _always(BREAK),
    ast.Continue: _always(CONTINUE),
    ast.Return: _return,
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.If: _if,
    ast.For: _for,
    ast.While: _while,
    ast.FunctionDef: _function,
    ast.Try: _try,
    ast.Raise: _raise,
    ast.Assert: _assert,
}
