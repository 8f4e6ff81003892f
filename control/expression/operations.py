"""Operators. Each looks at what it would make before it makes it."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from types import GeneratorType
from typing import Any

from control.expression.budget import CONTAINERS, NETWORKS, Budget
from control.expression.exposed import Exposed

NUMBERS = frozenset({int, float, bool})
SEQUENCES = frozenset({str, list, tuple})
MOMENTS = frozenset({datetime, date, time, timedelta})
ADDRESSES = frozenset({IPv4Address, IPv6Address})
SCALARS = NUMBERS | MOMENTS | ADDRESSES | NETWORKS | {str, type(None)}
PLAIN = SCALARS | CONTAINERS | {range}

WIDEST = 1_000
"""Columns that a format may fill."""

Binary = Callable[[Budget, Any, Any], Any]


def kind_of(value: Any) -> str:
    return value.title if isinstance(value, Exposed) else type(value).__name__


def _unsupported(sign: str, left: Any, right: Any) -> TypeError:
    return TypeError(f"unsupported operand type(s) for {sign}: '{kind_of(left)}' and '{kind_of(right)}'")


def _numbers(left: Any, right: Any) -> bool:
    return type(left) in NUMBERS and type(right) in NUMBERS


def _checked(budget: Budget, value: Any) -> Any:
    if type(value) is int:
        budget.integer(value.bit_length())
    elif type(value) is complex:
        raise ValueError("a negative number cannot be raised to a fractional power")
    return value


def add(budget: Budget, left: Any, right: Any) -> Any:
    if _numbers(left, right):
        return _checked(budget, left + right)
    if type(left) is type(right) and type(left) in SEQUENCES:
        (budget.text if type(left) is str else budget.grow)(len(left) + len(right))
        return left + right
    if (type(left) in MOMENTS and type(right) in MOMENTS) or (type(left) in ADDRESSES and type(right) is int):
        return left + right
    raise _unsupported("+", left, right)


def subtract(budget: Budget, left: Any, right: Any) -> Any:
    if _numbers(left, right):
        return _checked(budget, left - right)
    if (type(left) in MOMENTS and type(right) in MOMENTS) or (type(left) in ADDRESSES and type(right) is int):
        return left - right
    return _sets("-", operator.sub, budget, left, right)


def multiply(budget: Budget, left: Any, right: Any) -> Any:
    if _numbers(left, right):
        budget.integer(_bits(left) + _bits(right))
        return left * right
    if type(right) in SEQUENCES:
        left, right = right, left
    if type(left) in SEQUENCES and type(right) in (int, bool):
        (budget.text if type(left) is str else budget.grow)(len(left) * max(right, 0))
        return left * right
    if type(left) is timedelta and type(right) in NUMBERS:
        return left * right
    raise _unsupported("*", left, right)


def power(budget: Budget, left: Any, right: Any) -> Any:
    if not _numbers(left, right):
        raise _unsupported("**", left, right)
    if type(left) is not float and type(right) is not float and right > 0:
        budget.integer(_bits(left) * min(right, 1 << 40))
    return _checked(budget, left**right)


def shift_left(budget: Budget, left: Any, right: Any) -> Any:
    if type(left) not in (int, bool) or type(right) not in (int, bool):
        raise _unsupported("<<", left, right)
    budget.integer(_bits(left) + max(min(right, 1 << 40), 0))
    return left << right


def shift_right(budget: Budget, left: Any, right: Any) -> Any:
    if type(left) not in (int, bool) or type(right) not in (int, bool):
        raise _unsupported(">>", left, right)
    return left >> right


def modulo(budget: Budget, left: Any, right: Any) -> Any:
    if type(left) is str:
        return percent(budget, left, right)
    if not _numbers(left, right):
        raise _unsupported("%", left, right)
    return left % right


def _divided(sign: str, divide: Callable[[Any, Any], Any]) -> Binary:
    def apply(budget: Budget, left: Any, right: Any) -> Any:
        if not _numbers(left, right) and not (type(left) is timedelta and type(right) in NUMBERS | {timedelta}):
            raise _unsupported(sign, left, right)
        return divide(left, right)

    return apply


def _bitwise(sign: str, combine: Callable[[Any, Any], Any]) -> Binary:
    def apply(budget: Budget, left: Any, right: Any) -> Any:
        if type(left) in (int, bool) and type(right) in (int, bool):
            return combine(left, right)
        if sign == "|" and type(left) is dict and type(right) is dict:
            budget.grow(len(left) + len(right))
            return left | right
        return _sets(sign, combine, budget, left, right)

    return apply


def _sets(sign: str, combine: Callable[[Any, Any], Any], budget: Budget, left: Any, right: Any) -> Any:
    if type(left) not in (set, frozenset) or type(right) not in (set, frozenset):
        raise _unsupported(sign, left, right)
    budget.grow(len(left) + len(right))
    return combine(left, right)


def _bits(value: Any) -> int:
    return value.bit_length() if type(value) is not float else 0


BINARY: dict[type[ast.operator], Binary] = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: _divided("/", operator.truediv),
    ast.FloorDiv: _divided("//", operator.floordiv),
    ast.Mod: modulo,
    ast.Pow: power,
    ast.LShift: shift_left,
    ast.RShift: shift_right,
    ast.BitAnd: _bitwise("&", operator.and_),
    ast.BitOr: _bitwise("|", operator.or_),
    ast.BitXor: _bitwise("^", operator.xor),
}


def unary(sign: type[ast.unaryop], value: Any) -> Any:
    if sign is ast.Not:
        return not truth(value)
    if type(value) not in NUMBERS and not (type(value) is timedelta and sign is not ast.Invert):
        raise TypeError(f"bad operand type for unary operator: '{kind_of(value)}'")
    if sign is ast.USub:
        return -value
    return +value if sign is ast.UAdd else ~value


def truth(value: Any) -> bool:
    if isinstance(value, Exposed):
        try:
            return value.length() > 0
        except TypeError:
            return True
    return bool(value)


# --- comparing -----------------------------------------------------------------------------------------------------


def _equal(budget: Budget, left: Any, right: Any) -> bool:
    budget.weigh(left)
    budget.weigh(right)
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Binary:
    def apply(budget: Budget, left: Any, right: Any) -> bool:
        budget.weigh(left)
        budget.weigh(right)
        if type(left) not in PLAIN or type(right) not in PLAIN:
            raise TypeError(f"'{kind_of(left)}' and '{kind_of(right)}' cannot be put in order")
        return bool(compare(left, right))

    return apply


def inside(budget: Budget, key: Any, container: Any) -> bool:
    """``key in container``."""
    kind = type(container)
    if isinstance(container, Exposed):
        return container.contains(key)
    budget.weigh(key)
    if kind in (dict, set, frozenset) or kind in NETWORKS:
        return key in container
    if kind is range:
        return _in_range(key, container)
    if kind is str:
        budget.weigh(container)
        return key in container
    if kind in (list, tuple):
        budget.weigh(container)
        return key in container
    if kind is GeneratorType:
        return any(part is key or _equal(budget, part, key) for part in items(budget, container))
    raise TypeError(f"argument of type '{kind_of(container)}' is not iterable")


def _in_range(key: Any, container: range) -> bool:
    """Python itself goes through all of it for a number that is not whole."""
    if type(key) is float:
        return key.is_integer() and int(key) in container
    return type(key) in NUMBERS and key in container


COMPARE: dict[type[ast.cmpop], Binary] = {
    ast.Eq: _equal,
    ast.NotEq: lambda budget, left, right: not _equal(budget, left, right),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Is: lambda budget, left, right: left is right,
    ast.IsNot: lambda budget, left, right: left is not right,
    ast.In: inside,
    ast.NotIn: lambda budget, left, right: not inside(budget, left, right),
}


# --- going through, and picking out --------------------------------------------------------------------------------

ITERABLE = CONTAINERS | {str, range, GeneratorType}


def items(budget: Budget, value: Any) -> Iterator[Any]:
    """Each item, and a step for it. Raises TypeError for what has none."""
    if isinstance(value, Exposed):
        source = value.each()
    elif type(value) in ITERABLE:
        source = iter(value)
    else:
        raise TypeError(f"'{kind_of(value)}' object is not iterable")
    return _charged(budget, source)


def _charged(budget: Budget, source: Iterator[Any]) -> Iterator[Any]:
    for item in source:
        budget.spend(1)
        yield item


def collected(budget: Budget, value: Any) -> list[Any]:
    """All items as a list of our own."""
    if type(value) in (list, tuple, set, frozenset, dict, str, range):
        length = len(value) if type(value) is not range else _length(value)
        budget.grow(length)
        return list(value)
    found = list(items(budget, value))
    budget.grow(len(found))
    return found


def _length(value: range) -> int:
    try:
        return len(value)
    except OverflowError:
        return 1 << 62


def subscript(budget: Budget, value: Any, key: Any) -> Any:
    kind = type(value)
    if isinstance(value, Exposed):
        return value.item(key)
    if kind in (list, tuple, str, range):
        if type(key) is slice and kind is not range:
            budget.grow(len(value), 1 if kind is not str else 16)
        return value[key]
    if kind is dict:
        budget.weigh(key)
        return value[key]
    raise TypeError(f"'{kind_of(value)}' object is not subscriptable")


def put(budget: Budget, value: Any, key: Any, item: Any) -> None:
    """``value[key] = item``"""
    if isinstance(value, Exposed):
        value.put(key, item)
    elif type(value) is dict:
        budget.weigh(key)
        value[key] = item
    elif type(value) is list and type(key) is slice:
        new = collected(budget, item)
        budget.grow(len(value) + len(new))
        value[key] = new
    elif type(value) is list:
        value[key] = item
    else:
        raise TypeError(f"'{kind_of(value)}' object does not support item assignment")


def remove(budget: Budget, value: Any, key: Any) -> None:
    """``del value[key]``"""
    if isinstance(value, Exposed):
        value.remove(key)
    elif type(value) in (dict, list):
        budget.weigh(key)
        budget.spend(1 + len(value) // 16)
        del value[key]
    else:
        raise TypeError(f"'{kind_of(value)}' object does not support item deletion")


# --- text ----------------------------------------------------------------------------------------------------------


def shown(budget: Budget, value: Any, form: Callable[[Any], str] = str) -> str:
    """``str(value)`` or ``repr(value)``."""
    budget.weigh(value)
    if type(value) not in PLAIN and not isinstance(value, (Exposed, Exception)):
        return f"<{kind_of(value)}>"
    text = form(value)
    budget.text(len(text))
    return text


_SPEC = re.compile(r"(?:.?[<>=^])?[-+ ]?z?#?0?(?P<width>\d*)[,_]?(?:\.(?P<precision>\d+))?[a-zA-Z%]?", re.DOTALL)
_STRFTIME = re.compile(r"(?:[^%]|%-?[aAbBcdHIjmMpSUwWxXyYZzfGVu%])*", re.DOTALL)


def formatted(budget: Budget, value: Any, spec: str) -> str:
    """``format(value, spec)``"""
    if not spec:
        return shown(budget, value)
    if type(value) in MOMENTS:
        return moment_text(budget, value, spec)
    if type(value) not in SCALARS:
        raise TypeError(f"a {kind_of(value)} cannot be formatted with “{spec}”")
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ValueError(f"“{spec}” is no format")
    for part in found.groups():
        if part and (len(part) > 4 or int(part) > WIDEST):
            raise ValueError(f"a format may fill {WIDEST} columns and no more")
    budget.weigh(value)
    return format(value, spec)


def moment_text(budget: Budget, value: Any, form: str) -> str:
    """``strftime``, without the widths that some C libraries know."""
    if len(form) > WIDEST or _STRFTIME.fullmatch(form) is None or type(value) is timedelta:
        raise ValueError(f"“{form[:50]}” is no format for a {kind_of(value)}")
    budget.text(len(form) * 8)
    return str(format(value, form))


_PERCENT = re.compile(r"%(?:\([^()]*\))?[-+ #0]*+(\d*+)(?:\.(\d++))?[a-zA-Z%]", re.DOTALL)
"""Nothing in it can match in two ways, or a line of zeros would take time that grows with its square."""


def percent(budget: Budget, form: str, values: Any) -> str:
    """``form % values``"""
    budget.weigh(form)
    for value in values if type(values) is tuple else values.values() if type(values) is dict else (values,):
        if type(value) not in SCALARS:
            raise TypeError(f"a {kind_of(value)} cannot be formatted with %")
    budget.weigh(values)
    if "%" in _PERCENT.sub("", form):
        raise ValueError("unsupported format")
    width = 0
    for found in _PERCENT.finditer(form):
        for part in found.groups():
            if part and (len(part) > 4 or int(part) > WIDEST):
                raise ValueError(f"a format may fill {WIDEST} columns and no more")
        width += WIDEST if found[1] or found[2] else 0
    budget.text(len(form) + width + _longest(values) * form.count("%"))
    return str(form % values)


def _longest(values: Any) -> int:
    parts = values if type(values) is tuple else values.values() if type(values) is dict else (values,)
    return max((len(part) if type(part) is str else 1_300 for part in parts), default=0)
