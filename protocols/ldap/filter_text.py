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
_COMPARISONS: dict[str, Callable[[str, bytes], Filter]] = {">=": GreaterOrEqual, "<=": LessOrEqual, "~=": Approx}


def parse(text: str) -> Filter:
    """Raises ValueError if ``text`` is no filter."""
    filter, at = _filter(text, 0, MAX_DEPTH)
    if at != len(text):
        raise ValueError("something stands behind the filter")
    return filter


def _filter(text: str, at: int, depth: int) -> tuple[Filter, int]:
    if depth == 0:
        raise ValueError("the filter is too deep")
    if text[at : at + 1] != "(":
        raise ValueError("a filter stands in parentheses")
    match text[at + 1 : at + 2]:
        case "&" | "|" as sign:
            parts, at = _parts(text, at + 2, depth)
            return (And if sign == "&" else Or)(tuple(parts)), at
        case "!":
            parts, at = _parts(text, at + 2, depth)
            if len(parts) != 1:
                raise ValueError("not has one part")
            return Not(parts[0]), at
    end = text.find(")", at)
    if end < 0:
        raise ValueError("a parenthesis is not closed")
    return _item(text[at + 1 : end]), end + 1


def _parts(text: str, at: int, depth: int) -> tuple[list[Filter], int]:
    parts = []
    while text[at : at + 1] == "(":
        part, at = _filter(text, at, depth - 1)
        parts.append(part)
    if text[at : at + 1] != ")":
        raise ValueError("a parenthesis is not closed")
    return parts, at + 1


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
