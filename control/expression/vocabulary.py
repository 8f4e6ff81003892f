"""What every expression is given: a small part of Python's built-ins, and authentik's functions that touch nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import re2

from control.expression.budget import Budget
from control.expression.exposed import Exposed, Routine, free
from control.expression.faults import SkipObject
from control.expression.functions import call
from control.expression.methods import attribute, dict_of_pairs, in_order
from control.expression.operations import NUMBERS, add, collected, items, kind_of, shown, truth

LONGEST_NUMBER = 1_000
"""Digits that are read: turning more into a number takes time that grows with their square."""
LONGEST_PATTERN = 1_000
STATES_PER_STEP = 64
"""A pattern that has no small automaton is tried in each of its states at each character."""
STATES_PER_STEP_AGAIN = 4_096
"""For another match in the same text: the automaton is there by then, or the first search was dear enough."""
_MISSING = object()


# --- Python's ------------------------------------------------------------------------------------------------------


def _abs(value: Any) -> Any:
    if type(value) not in NUMBERS:
        raise TypeError(f"bad operand type for abs(): '{kind_of(value)}'")
    return abs(value)


def _all(budget: Budget, values: Any) -> bool:
    return all(truth(value) for value in items(budget, values))


def _any(budget: Budget, values: Any) -> bool:
    return any(truth(value) for value in items(budget, values))


def _dict(budget: Budget, /, *given: Any, **named: Any) -> Any:
    if len(given) > 1:
        raise TypeError("dict expected at most 1 argument")
    made: dict[Any, Any] = {}
    for more in (*given, named):
        made.update(more if type(more) is dict else dict_of_pairs(budget, more))
    budget.grow(len(made))
    return made


def _divmod(left: Any, right: Any) -> Any:
    if type(left) not in NUMBERS or type(right) not in NUMBERS:
        raise TypeError("divmod takes numbers")
    return divmod(left, right)


def _enumerate(budget: Budget, values: Any, start: int = 0) -> Any:
    return [(number, value) for number, value in enumerate(items(budget, values), start)]


def _filter(budget: Budget, function: Any, values: Any) -> Any:
    return [
        value
        for value in items(budget, values)
        if truth(value if function is None else call(budget, function, [value], {}))
    ]


def _map(budget: Budget, function: Any, *values: Any) -> Any:
    return [call(budget, function, list(given), {}) for given in _zip(budget, *values)]


def _zip(budget: Budget, *values: Any, strict: bool = False) -> Any:
    return list(zip(*(items(budget, value) for value in values), strict=bool(strict)))


def _float(value: Any = 0.0) -> float:
    if (type(value) is str and len(value) <= LONGEST_NUMBER) or type(value) in NUMBERS:
        return float(value)
    raise TypeError(f"float() takes text or a number, not '{kind_of(value)}'")


def _int(value: Any = 0, base: Any = _MISSING) -> int:
    if type(value) is str:
        if len(value) > LONGEST_NUMBER:
            raise ValueError(f"a number of more than {LONGEST_NUMBER} digits is not read")
        return int(value) if base is _MISSING else int(value, base)
    if type(value) in NUMBERS and base is _MISSING:
        return int(value)
    raise TypeError(f"int() takes text or a number, not '{kind_of(value)}'")


def _getattr(budget: Budget, value: Any, name: str, default: Any = _MISSING) -> Any:
    if type(name) is not str or name.startswith("_"):
        raise TypeError("getattr takes a name that does not begin with an underscore")
    try:
        return attribute(budget, value, name)
    except AttributeError:
        if default is _MISSING:
            raise
        return default


def _hasattr(budget: Budget, value: Any, name: str) -> bool:
    return type(name) is str and not name.startswith("_") and _getattr(budget, value, name, _MISSING2) is not _MISSING2


_MISSING2 = object()


def _isinstance(value: Any, kinds: Any) -> bool:
    for kind in kinds if type(kinds) is tuple else (kinds,):
        if type(kind) is Routine and kind.types:
            if isinstance(value, kind.types):
                return True
        elif isinstance(kind, type) and issubclass(kind, Exception):
            if isinstance(value, kind):
                return True
        else:
            raise TypeError("isinstance takes a kind, or a tuple of them")
    return False


def _len(budget: Budget, value: Any) -> int:
    if isinstance(value, Exposed):
        return value.length()
    if type(value) in (str, list, tuple, dict, set, frozenset, range):
        return len(value)
    raise TypeError(f"object of type '{kind_of(value)}' has no len()")


def _extreme(reverse: bool) -> Callable[..., Any]:
    def pick(budget: Budget, *values: Any, key: Any = None, default: Any = _MISSING) -> Any:
        ordered = in_order(budget, values[0] if len(values) == 1 else values, key, reverse)
        if ordered:
            return ordered[0]
        if default is _MISSING:
            raise ValueError("an empty collection has no smallest and no largest item")
        return default

    return pick


def _next(budget: Budget, source: Any, default: Any = _MISSING) -> Any:
    from types import GeneratorType

    if type(source) is not GeneratorType:
        raise TypeError(f"'{kind_of(source)}' object is not an iterator")
    for item in items(budget, source):
        return item
    if default is _MISSING:
        raise ValueError("there is no next item")
    return default


def _range(*given: Any) -> range:
    if not all(type(part) is int for part in given):
        raise TypeError("range takes whole numbers")
    return range(*given)


def _reversed(budget: Budget, values: Any) -> Any:
    return collected(budget, values)[::-1]


def _round(value: Any, digits: Any = None) -> Any:
    if type(value) not in NUMBERS or not (digits is None or (type(digits) is int and -20 <= digits <= 20)):
        raise TypeError("round takes a number, and at most 20 digits")
    return round(value, digits)


def _set(budget: Budget, values: Any = ()) -> Any:
    listed = collected(budget, values)
    budget.weigh(listed)
    return set(listed)


def _sorted(budget: Budget, values: Any, *, key: Any = None, reverse: bool = False) -> Any:
    return in_order(budget, values, key, reverse)


def _sum(budget: Budget, values: Any, start: Any = 0) -> Any:
    total = start
    for value in items(budget, values):
        total = add(budget, total, value)
    return total


def _chr(number: Any) -> str:
    if type(number) is not int or 0xD800 <= number <= 0xDFFF:
        raise ValueError("chr takes the number of a character")
    return chr(number)


def _ord(character: Any) -> int:
    if type(character) is not str:
        raise TypeError("ord takes a character")
    return ord(character)


PYTHON: dict[str, Any] = {
    "abs": free("abs", _abs),
    "all": Routine("all", _all),
    "any": Routine("any", _any),
    "bool": Routine("bool", lambda budget, value=False: truth(value), (bool,)),
    "chr": free("chr", _chr),
    "dict": Routine("dict", _dict, (dict,)),
    "divmod": free("divmod", _divmod),
    "enumerate": Routine("enumerate", _enumerate),
    "filter": Routine("filter", _filter),
    "float": Routine("float", lambda budget, *given: _float(*given), (float,)),
    "getattr": Routine("getattr", _getattr),
    "hasattr": Routine("hasattr", _hasattr),
    "int": Routine("int", lambda budget, *given, **named: _int(*given, **named), (int,)),
    "isinstance": free("isinstance", _isinstance),
    "len": Routine("len", _len),
    "list": Routine("list", lambda budget, values=(): collected(budget, values), (list,)),
    "map": Routine("map", _map),
    "max": Routine("max", _extreme(True)),
    "min": Routine("min", _extreme(False)),
    "next": Routine("next", _next),
    "ord": free("ord", _ord),
    "range": free("range", _range),
    "repr": Routine("repr", lambda budget, value: shown(budget, value, repr)),
    "reversed": Routine("reversed", _reversed),
    "round": free("round", _round),
    "set": Routine("set", _set, (set,)),
    "sorted": Routine("sorted", _sorted),
    "str": Routine("str", lambda budget, value="": shown(budget, value), (str,)),
    "sum": Routine("sum", _sum),
    "tuple": Routine("tuple", lambda budget, values=(): tuple(collected(budget, values)), (tuple,)),
    "zip": Routine("zip", _zip),
    **{
        kind.__name__: kind
        for kind in (
            *(Exception, ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, LookupError),
            *(NameError, OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError, SkipObject),
        )
    },
}


# --- authentik's ---------------------------------------------------------------------------------------------------


def compiled_pattern(text: Any) -> Any:
    if type(text) is not str or len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern is text of at most {LONGEST_PATTERN} characters")
    return _kept_pattern(text)


@lru_cache(maxsize=500)
def _kept_pattern(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"“{text}” is no pattern (RE2): {reason}") from None


def found(budget: Budget, regex: Any, text: str) -> bool:
    """Is it anywhere in there?"""
    pattern = compiled_pattern(regex)
    budget.spend(len(text) * pattern.programsize // STATES_PER_STEP)
    return pattern.search(text) is not None


def _regex_match(budget: Budget, value: Any, regex: Any) -> bool:
    """authentik's ``regex_match`` searches anywhere."""
    return found(budget, regex, shown(budget, value))


def _regex_replace(budget: Budget, value: Any, regex: Any, repl: Any) -> str:
    text = shown(budget, value)
    if type(repl) is not str:
        raise TypeError("what to put in its place is text")
    pattern = compiled_pattern(regex)
    budget.spend(len(text) * pattern.programsize // STATES_PER_STEP)
    matches = 0
    for match in pattern.finditer(text):
        matches += 1
        budget.spend(4 + (len(text) - match.start()) * pattern.programsize // STATES_PER_STEP_AGAIN)
    budget.text(len(text) + matches * (len(repl) + repl.count("\\") * len(text)))
    return str(pattern.sub(repl, text))


def _list_flatten(value: Any) -> Any:
    if type(value) is not list:
        return value
    return value[0] if value else None


def _delete_none_values(budget: Budget, value: Any) -> Any:
    """Takes what is None out of a dictionary, and out of those inside, and gives it back."""
    if type(value) is not dict:
        raise TypeError(f"delete_none_values takes a dictionary, not '{kind_of(value)}'")
    budget.weigh(value)  # which nests no deeper than it may, and so not endlessly
    waiting: list[Any] = [value]
    while waiting:
        part = waiting.pop()
        for key in [key for key, found in part.items() if found is None]:
            del part[key]
        inside = [one for found in part.values() for one in (found if type(found) is list else [found])]
        waiting.extend(one for one in inside if type(one) is dict)
    return value


def _obj_attr(budget: Budget, value: Any, /, *names: Any) -> Any:
    """The first of these that somebody has: among their attributes, or else as a field."""
    own = _getattr(budget, value, "attributes", None)
    for name in names:
        found = own.get(name) if type(own) is dict and type(name) is str else None
        if found is None:
            found = _getattr(budget, value, name, None)
        if found is not None:
            return found
    return None


def _slugify(budget: Budget, value: Any) -> str:
    """Letters, digits, underscores and single hyphens, in lower case."""
    text = unicodedata.normalize("NFKD", shown(budget, value)).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text.lower())).strip("-_")


def _address(make: Callable[..., Any], what: str) -> Callable[..., Any]:
    def read(value: Any, strict: Any = True) -> Any:
        if type(value) is not str or len(value) > 100:
            raise ValueError(f"{what} takes the text of an address")
        return make(value) if make is ip_address else make(value, strict=bool(strict))

    return read


AUTHENTIK: dict[str, Any] = {
    "regex_match": Routine("regex_match", _regex_match),
    "regex_replace": Routine("regex_replace", _regex_replace),
    "ip_address": free("ip_address", _address(ip_address, "ip_address")),
    "ip_network": free("ip_network", _address(ip_network, "ip_network")),
    "list_flatten": free("list_flatten", _list_flatten),
    "slugify": Routine("slugify", _slugify),
    "ak_obj_attr": Routine("ak_obj_attr", _obj_attr),
    "delete_none_values": Routine("delete_none_values", _delete_none_values),
}
EVERYWHERE: dict[str, Any] = {**PYTHON, **AUTHENTIK}
"""Names that are never taken away, and may be used for variables of one's own."""
