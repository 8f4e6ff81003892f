"""Filters as people write them (RFC 4515), for tests, settings and diagnostics. The wire never carries this form."""

from __future__ import annotations

import re
from collections.abc import Callable

from protocols.ldap.filter import (
    MAX_DEPTH,
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
)

_ITEM = re.compile(
    r"(?P<attribute>[^()=<>~:*]*)(?P<extension>(?::[^()=:]+)*)(?P<sign>:=|=|>=|<=|~=)(?P<value>[^()]*)\Z"
)
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})?")
MOST_PARENTHESES = 3 * MAX_DEPTH
"""Inside each other, also where they stand alone: far from where Python's own stack ends."""
_COMPARISONS: dict[str, Callable[[str, bytes], Filter]] = {">=": GreaterOrEqual, "<=": LessOrEqual, "~=": Approx}


def parse(text: str) -> Filter:
    """Raises ValueError if ``text`` is no filter, or one that `protocols.ldap.filter.decode` finds too deep."""
    filter, at, depth = _filter(text, 0, MOST_PARENTHESES)
    if at != len(text):
        raise ValueError("something stands behind the filter")
    if depth > MAX_DEPTH:
        raise ValueError("the filter is too deep")
    return filter


def _filter(text: str, at: int, left: int) -> tuple[Filter, int, int]:
    """And how deep it is, where what stands alone counts as itself. ``left``: parentheses that may still open."""
    if left == 0:
        raise ValueError("the filter is too deep")
    if text[at : at + 1] != "(":
        raise ValueError("a filter stands in parentheses")
    match text[at + 1 : at + 2]:
        case "&" | "|" as sign:
            parts, at, depth = _parts(text, at + 2, left)
            return (And if sign == "&" else Or)(tuple(parts)), at, depth + (len(parts) != 1)
        case "!":
            parts, at, depth = _parts(text, at + 2, left)
            if len(parts) != 1:
                raise ValueError("not has one part")
            return Not(parts[0]), at, depth
    end = text.find(")", at)
    if end < 0:
        raise ValueError("a parenthesis is not closed")
    return _item(text[at + 1 : end]), end + 1, 1


def _parts(text: str, at: int, left: int) -> tuple[list[Filter], int, int]:
    parts, deepest = [], 0
    while text[at : at + 1] == "(":
        part, at, depth = _filter(text, at, left - 1)
        parts.append(part)
        deepest = max(deepest, depth)
    if text[at : at + 1] != ")":
        raise ValueError("a parenthesis is not closed")
    return parts, at + 1, deepest


def _item(text: str) -> Filter:
    found = _ITEM.match(text)
    if not found:
        raise ValueError(f"no filter: {text}")
    attribute, extension, sign, value = found.group("attribute", "extension", "sign", "value")
    if sign == ":=":
        flags = [part for part in extension.split(":") if part]
        dn_attributes = "dn" in flags
        rules = [part for part in flags if part != "dn"]
        return Extensible(rules[0] if rules else None, attribute or None, _value(value), dn_attributes)
    if not attribute or extension:
        raise ValueError(f"no filter: {text}")
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](attribute, _value(value))
    if value == "*":
        return Present(attribute)
    if "*" not in value:
        return Equality(attribute, _value(value))
    initial, *middle, final = value.split("*")
    return Substrings(
        attribute,
        _value(initial) if initial else None,
        tuple(_value(piece) for piece in middle if piece),
        _value(final) if final else None,
    )


def _value(text: str) -> bytes:
    def octet(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            raise ValueError("a backslash needs two hexadecimal digits")
        return bytes.fromhex(found[1].decode())

    return _ESCAPE.sub(octet, text.encode())
