"""Reading: which syntax may stand in an expression, and which names it uses."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator

from control.expression.faults import Fault, Refused

LONGEST = 32_768
"""Characters. The longest of authentik's own has 1,500."""
DEEPEST = 60
"""Nesting of the syntax tree: people reach 15, and every level costs a frame or two of Python's stack."""

_NETWORK = "expressions reach no network"
_NOBODY_ELSE = "an expression sees whom it is asked about, and nobody else"
_NO_CHANGE = "an expression changes nothing; use ak_logger"
_BIND_IT = "bind that policy, too, where all of them have to pass"
ABSENT = {
    **dict.fromkeys(("requests", "resolve_dns", "reverse_dns", "ak_send_email"), _NETWORK),
    **dict.fromkeys(("ak_user_by", "User", "Group", "Event"), _NOBODY_ELSE),
    **dict.fromkeys(("ak_create_event", "ak_create_jwt", "ak_create_jwt_raw"), _NO_CHANGE),
    "ak_call_policy": _BIND_IT,
}
"""Names that authentik's expressions have and these do not, and why."""

ALLOWED: frozenset[type[ast.AST]] = frozenset(
    {
        # statements
        *(ast.Module, ast.Return, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Pass, ast.Delete),
        *(ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.FunctionDef, ast.arguments, ast.arg),
        *(ast.Try, ast.ExceptHandler, ast.Raise, ast.Assert),
        # expressions
        *(ast.Constant, ast.Name, ast.Load, ast.Store, ast.Del, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred),
        *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Invert, ast.IfExp, ast.NamedExpr),
        *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
        *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
        *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is, ast.IsNot, ast.In, ast.NotIn),
        *(ast.Call, ast.keyword, ast.Lambda, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr, ast.FormattedValue),
        *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    }
)
CONSTANTS = (str, int, float, bool, type(None))
MOST_BITS = 4_096
"""Of a number: keys and serial numbers fit."""

WORDS: dict[type[ast.AST], str] = {
    ast.Import: "“import” is not possible here; the functions that are available need none.",
    ast.ImportFrom: "“import” is not possible here; the functions that are available need none.",
    ast.ClassDef: "A class cannot be made here.",
    ast.Global: "“global” is not possible here.",
    ast.Nonlocal: "“nonlocal” is not possible here.",
    ast.With: "“with” is not possible here: there are no files and no connections.",
    ast.Yield: "“yield” is not possible here; return a list.",
    ast.YieldFrom: "“yield” is not possible here; return a list.",
    ast.Match: "“match” is not possible here; use if and elif.",
}
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def parse(source: str) -> ast.Module:
    """The syntax tree, every part of it allowed. Raises Refused."""
    if len(source) > LONGEST:
        raise Refused(Fault(1, 1, f"It is longer than {LONGEST} characters."))
    try:
        with warnings.catch_warnings():
            # A pattern is often written without the r that Python would like to see before it.
            for kind in (DeprecationWarning, SyntaxWarning):
                warnings.filterwarnings("ignore", category=kind, module="<expression>")
            tree = ast.parse(source, "<expression>", type_comments=False)
    except SyntaxError as error:
        sentence = f"This is no Python: {error.msg}."
        raise Refused(Fault(error.lineno or 1, max(error.offset or 1, 1), sentence)) from None
    except (ValueError, RecursionError, MemoryError):
        raise Refused(Fault(1, 1, "This cannot be read: it is nested too deeply, or holds a NUL character.")) from None
    tree.body = [ast.copy_location(ast.Pass(), line) if _imports_what_is_there(line) else line for line in tree.body]
    faults = list(_faults(tree))
    if faults:
        raise Refused(*faults)
    return tree


def _imports_what_is_there(line: ast.stmt) -> bool:
    """``from ipaddress import ip_network``, as authentik's documentation has it: the name is given to everybody."""
    return (
        isinstance(line, ast.ImportFrom)
        and (line.module, line.level) == ("ipaddress", 0)
        and all(name.asname is None and name.name in ("ip_address", "ip_network") for name in line.names)
    )


def _faults(tree: ast.AST) -> Iterator[Fault]:
    waiting: list[tuple[ast.AST, int, int, int]] = [(tree, 0, 1, 0)]
    while waiting:
        node, depth, line, column = waiting.pop()
        line, column = getattr(node, "lineno", line), getattr(node, "col_offset", column)
        sentence = "It is nested too deeply." if depth > DEEPEST else _objection(node)
        if sentence is not None:
            yield Fault(line, column + 1, sentence)
        else:
            below = list(ast.iter_child_nodes(node))
            waiting.extend((child, depth + 1, line, column) for child in reversed(below))


def _objection(node: ast.AST) -> str | None:
    if type(node) not in ALLOWED:
        return WORDS.get(type(node), f"{type(node).__name__} is not possible here.")
    match node:
        case ast.Constant(value) if type(value) not in CONSTANTS:
            return f"A constant of the kind {type(value).__name__} is not possible here."
        case ast.Constant(int(number)) if number.bit_length() > MOST_BITS:
            return f"A number of more than {MOST_BITS} bits is not possible here."
        case ast.Constant(str(text)) if any("\ud800" <= character <= "\udfff" for character in text):
            return "Half a character (a surrogate) is not possible here; write \\U and eight digits."
        case ast.Attribute(attr=name) if name.startswith("_"):
            return f"“{name}” cannot be reached: names that begin with an underscore are Python's own."
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            return "The attributes of an object cannot be changed here."
        case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) if name.startswith("__"):
            return f"“{name}” cannot be used: names that begin with two underscores are Python's own."
        case ast.ExceptHandler(name=str(name)) | ast.keyword(arg=str(name)) if name.startswith("__"):
            return f"“{name}” cannot be used: names that begin with two underscores are Python's own."
        case ast.FunctionDef(decorator_list=[_, *_]):
            return "Decorators are not possible here."
        case ast.comprehension(is_async=1):
            return "“async” is not possible here."
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            if any(isinstance(below, ast.NamedExpr) for below in ast.walk(node)):
                return "“:=” is not possible inside a comprehension here."
    return None


# --- names ---------------------------------------------------------------------------------------------------------


def bound_names(body: Collection[ast.AST]) -> frozenset[str]:
    """The names that these statements assign in their own scope: Python takes them for local from the first line on."""
    found: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef(name=name, args=arguments):
                found.add(name)
                waiting.extend(_defaults(arguments))
                continue
            case ast.Lambda(args=arguments):
                waiting.extend(_defaults(arguments))
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                waiting.append(node.generators[0].iter)
                continue
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def _defaults(arguments: ast.arguments) -> list[ast.AST]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def parameters(arguments: ast.arguments) -> frozenset[str]:
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return frozenset(part.arg for part in (*named, arguments.vararg, arguments.kwarg) if part is not None)


def unknown_names(tree: ast.Module, known: Collection[str]) -> Iterator[Fault]:
    """Names that nothing gives: mistyped, or of functions that there are not here."""
    yield from _unknown(tree.body, frozenset(known) | bound_names(tree.body))


def _unknown(body: Collection[ast.AST], known: frozenset[str]) -> Iterator[Fault]:
    for node in body:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name not in known:
                reason = f": {ABSENT[name]}" if name in ABSENT else ""
                yield Fault(node.lineno, node.col_offset + 1, f"There is no “{name}” here{reason}.")
            case ast.FunctionDef(args=arguments, body=inside):
                yield from _unknown(_defaults(arguments), known)
                yield from _unknown(inside, known | parameters(arguments) | bound_names(inside))
            case ast.Lambda(args=arguments, body=value):
                yield from _unknown(_defaults(arguments), known)
                yield from _unknown([value], known | parameters(arguments))
            case ast.AnnAssign(target=target, value=assigned):
                yield from _unknown([part for part in (target, assigned) if part is not None], known)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                targets = [part.target for part in node.generators]
                yield from _unknown(list(ast.iter_child_nodes(node)), known | bound_names(targets))
            case _:
                yield from _unknown(list(ast.iter_child_nodes(node)), known)
