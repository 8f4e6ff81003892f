"""The methods and attributes of plain values: everything that is not in these tables cannot be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from string import Formatter
from types import MappingProxyType
from typing import Any

from control.expression.budget import Budget
from control.expression.exposed import Exposed, Routine
from control.expression.functions import call
from control.expression.operations import (
    SCALARS,
    collected,
    formatted,
    kind_of,
    moment_text,
    shown,
)

Method = Callable[..., Any]
"""``(budget, value, *arguments, **named)``"""


def attribute(budget: Budget, value: Any, name: str) -> Any:
    """``value.name``. Raises AttributeError."""
    if isinstance(value, Exposed):
        return value.attribute(name)
    kind = type(value)
    method = method_of(value, name)
    if method is not None:
        return Routine(name, lambda budget, *given, **named: method(budget, value, *given, **named))
    if name in SHOWN.get(kind, ()):
        return getattr(value, name)
    if isinstance(value, Exception) and name == "args":
        return value.args
    raise AttributeError(f"'{kind_of(value)}' object has no attribute '{name}'")


def method_of(value: Any, name: str) -> Method | None:
    """The method of a plain value, to be called with the budget and the value in front; None: it has none."""
    return METHODS.get(type(value), _NONE).get(name)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NONE: MappingProxyType[str, Method] = MappingProxyType({})

# --- text ----------------------------------------------------------------------------------------------------------


COMPARED_PER_STEP = 1_024
"""Characters with characters, by what looks for each one of a text in all of another."""


def _text_method(name: str, compares: bool = False) -> Method:
    """A method of `str` whose result is no longer than what it was given, or three times as long (`ß` to `SS`).
    ``compares``: its time may grow with the product of the lengths (searching from the end, and stripping)."""
    natural = getattr(str, name)

    def method(budget: Budget, text: str, /, *given: Any, **named: Any) -> Any:
        budget.weigh(text)
        for argument in (*given, *named.values()):
            budget.weigh(argument)
            if type(argument) not in SCALARS and not (type(argument) is tuple and _all_text(argument)):
                raise TypeError(f"{name} takes no {kind_of(argument)}")
            if compares and type(argument) is str:
                budget.spend(len(text) * len(argument) // COMPARED_PER_STEP)
        result = natural(text, *given, **named)
        if type(result) is list:
            budget.grow(len(result))
        return result

    return method


def _all_text(parts: Iterable[Any]) -> bool:
    return all(type(part) is str for part in parts)


def _replace(budget: Budget, text: str, old: str, new: str, count: int = -1) -> str:
    for part in (text, old, new):
        budget.weigh(part)
    most = text.count(old) if count < 0 else min(count, text.count(old))
    budget.text(len(text) + max(len(new) - len(old), 0) * most)
    return text.replace(old, new, count)


def _join(budget: Budget, text: str, parts: Any) -> str:
    listed = collected(budget, parts)
    for index, part in enumerate(listed):
        if type(part) is not str:
            raise TypeError(f"sequence item {index}: expected str instance, {kind_of(part)} found")
    budget.text(sum(map(len, listed)) + len(text) * len(listed))
    return text.join(listed)


def _padding(name: str) -> Method:
    natural = getattr(str, name)

    def method(budget: Budget, text: str, width: int, *fill: str) -> Any:
        budget.text(max(len(text), width))
        return natural(text, width, *fill)

    return method


def _format(budget: Budget, text: str, /, *given: Any, **named: Any) -> str:
    """``str.format`` with names and numbers alone: nothing can be reached through a field."""
    parts: list[str] = []
    next_number = length = 0
    for literal, field, spec, conversion in Formatter().parse(text):
        parts.append(literal)
        length += len(literal)
        if field is None:
            continue
        if not field:
            field, next_number = str(next_number), next_number + 1
        if not (field.isdecimal() or field.isidentifier()) or "{" in (spec or ""):
            raise ValueError("a field of a format is a name or a number, and nothing more")
        value = given[int(field)] if field.isdecimal() else named[field]
        if conversion in ("r", "a"):
            value = shown(budget, value, repr if conversion == "r" else ascii)
        elif conversion:
            value = shown(budget, value)
        parts.append(formatted(budget, value, spec or ""))
        length += len(parts[-1])
        budget.text(length)
    return "".join(parts)


_STR = {
    name: _text_method(name)
    for name in _words(
        "upper lower casefold title capitalize swapcase startswith endswith find index count "
        "isalpha isalnum isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace "
        "istitle isupper partition split splitlines removeprefix removesuffix"
    )
}
_STR.update(
    {name: _text_method(name, compares=True) for name in _words("strip lstrip rstrip rfind rindex rpartition rsplit")}
)
_STR.update({"replace": _replace, "join": _join, "format": _format})
_STR.update({name: _padding(name) for name in ("center", "ljust", "rjust", "zfill")})

# --- lists, dictionaries, sets -------------------------------------------------------------------------------------


def _natural(kind: type, name: str, weighs: bool = False, takes_items: bool = False) -> Method:
    """``weighs``: it compares or copies what is inside. ``takes_items``: its arguments are gone through."""
    natural = getattr(kind, name)

    def method(budget: Budget, value: Any, *given: Any) -> Any:
        if weighs:
            budget.weigh(value)
        arguments = tuple(collected(budget, part) for part in given) if takes_items else given
        for argument in arguments:
            budget.weigh(argument)
        return natural(value, *arguments)

    return method


def _extend(budget: Budget, value: list[Any], more: Any) -> None:
    new = collected(budget, more)
    budget.grow(len(value) + len(new))
    value.extend(new)


def _append(budget: Budget, value: list[Any], item: Any) -> None:
    value.append(item)


def _insert(budget: Budget, value: list[Any], place: int, item: Any) -> None:
    budget.spend(1 + len(value) // 16)
    value.insert(place, item)


def _sort(budget: Budget, value: list[Any], *, key: Any = None, reverse: bool = False) -> None:
    value[:] = in_order(budget, value, key, reverse)


def in_order(budget: Budget, value: Any, key: Any, reverse: bool) -> list[Any]:
    """``sorted``; ``key`` is a function of the expression's, or None."""
    listed = collected(budget, value)
    keys = listed if key is None else [call(budget, key, [item], {}) for item in listed]
    for part in keys:
        budget.weigh(part)
        if isinstance(part, Exposed):
            raise TypeError(f"'{kind_of(part)}' objects cannot be put in order")
    budget.spend(4 * len(listed))
    order = sorted(range(len(listed)), key=keys.__getitem__, reverse=bool(reverse))
    return [listed[place] for place in order]


def _get(budget: Budget, value: dict[Any, Any], key: Any, default: Any = None) -> Any:
    if type(key) is not str:
        budget.weigh(key)
    return value.get(key, default)


def _pop(budget: Budget, value: dict[Any, Any], key: Any, *default: Any) -> Any:
    budget.weigh(key)
    return value.pop(key, *default)


def _setdefault(budget: Budget, value: dict[Any, Any], key: Any, default: Any = None) -> Any:
    budget.weigh(key)
    return value.setdefault(key, default)


def _update(budget: Budget, value: dict[Any, Any], /, *given: Any, **named: Any) -> None:
    for more in (*given, named):
        if type(more) is not dict:
            more = dict_of_pairs(budget, more)
        budget.grow(len(value) + len(more))
        value.update(more)


def dict_of_pairs(budget: Budget, pairs: Any) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for pair in collected(budget, pairs):
        parts = collected(budget, pair)
        if len(parts) != 2:
            raise ValueError(f"a dictionary is made of pairs, not of {len(parts)} items")
        budget.weigh(parts[0])
        made[parts[0]] = parts[1]
    return made


def _listed(what: str) -> Method:
    def method(budget: Budget, value: dict[Any, Any]) -> list[Any]:
        budget.grow(len(value))
        return list(getattr(value, what)())

    return method


def _set_update(budget: Budget, value: set[Any], *given: Any) -> None:
    for more in given:
        for item in collected(budget, more):
            budget.weigh(item)
            value.add(item)


_LIST: dict[str, Method] = {
    "append": _append,
    "extend": _extend,
    "insert": _insert,
    "sort": _sort,
    "pop": _natural(list, "pop"),
    "clear": _natural(list, "clear"),
    **{name: _natural(list, name, weighs=True) for name in ("remove", "index", "count", "reverse", "copy")},
}
_DICT: dict[str, Method] = {
    "get": _get,
    "pop": _pop,
    "setdefault": _setdefault,
    "update": _update,
    "keys": _listed("keys"),
    "values": _listed("values"),
    "items": _listed("items"),
    "copy": _natural(dict, "copy", weighs=True),
    **{name: _natural(dict, name) for name in ("clear", "popitem")},
}
_FROZEN: dict[str, Method] = {
    **{
        name: _natural(frozenset, name, weighs=True, takes_items=True)
        for name in _words("union intersection difference symmetric_difference issubset issuperset isdisjoint copy")
    },
}
_SET: dict[str, Method] = {
    **{name: _natural(set, name, weighs=True, takes_items=True) for name in _FROZEN},
    **{name: _natural(set, name) for name in ("add", "discard", "remove", "pop", "clear")},
    "update": _set_update,
}

# --- numbers, moments, addresses -----------------------------------------------------------------------------------


def _within(name: str) -> Method:
    def method(budget: Budget, network: Any, other: Any) -> Any:
        if type(other) not in (IPv4Network, IPv6Network):
            raise TypeError(f"{name} takes a network")
        return getattr(network, name)(other)

    return method


_NETWORK = {name: _within(name) for name in ("overlaps", "subnet_of", "supernet_of")}
_MOMENT: dict[str, Method] = {
    "strftime": moment_text,
    **{name: _natural(date, name) for name in ("isoformat", "weekday", "isoweekday")},
}
METHODS: dict[type, dict[str, Method]] = {
    str: _STR,
    list: _LIST,
    tuple: {name: _natural(tuple, name, weighs=True) for name in ("index", "count")},
    dict: _DICT,
    set: _SET,
    frozenset: _FROZEN,
    int: {"bit_length": _natural(int, "bit_length")},
    float: {"is_integer": _natural(float, "is_integer")},
    date: _MOMENT,
    datetime: {**_MOMENT, **{name: _natural(datetime, name) for name in ("timestamp", "date", "time", "isoformat")}},
    timedelta: {"total_seconds": _natural(timedelta, "total_seconds")},
    IPv4Network: _NETWORK,
    IPv6Network: _NETWORK,
}
_ADDRESS = frozenset(
    _words(
        "version compressed exploded is_private is_global is_loopback is_link_local is_multicast "
        "is_reserved is_unspecified"
    )
)
_OF_NETWORK = _ADDRESS | {"network_address", "broadcast_address", "netmask", "prefixlen", "num_addresses"}
_DAY = frozenset({"year", "month", "day"})
SHOWN: dict[type, frozenset[str]] = {
    IPv4Address: _ADDRESS,
    IPv6Address: _ADDRESS | {"ipv4_mapped"},
    IPv4Network: _OF_NETWORK,
    IPv6Network: _OF_NETWORK,
    date: _DAY,
    datetime: _DAY | {"hour", "minute", "second", "microsecond"},
    timedelta: frozenset({"days", "seconds"}),
}
