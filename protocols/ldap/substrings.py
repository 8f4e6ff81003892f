"""Substring assertions (RFC 4517 s4.1): the pieces, normalised, and whether a value holds them in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from protocols.ldap.matching import MatchingRule


class Pieces(NamedTuple):
    initial: str
    middle: tuple[str, ...]
    final: str


def pieces_of(rule: MatchingRule, initial: bytes | None, middle: Iterable[bytes], final: bytes | None) -> Pieces | None:
    """None if one of them fits no syntax, or is empty (RFC 4517 s3.3.30). The rule must be one of text.

    ``initial`` and ``final`` None: there is none.
    """
    normalise, middle = rule.normalise, tuple(middle)
    if b"" in (initial, final, *middle):
        return None
    # The full stops keep the blanks at the inner edges, which are significant (RFC 4518 s2.6.1).
    first, last = normalise((initial or b"") + b"."), normalise(b"." + (final or b""))
    inner = [normalise(b"." + piece + b".") for piece in middle]
    if first is None or last is None or None in inner:
        return None
    # Of a telephone number a hyphen is nothing, and nothing is found everywhere without end.
    return Pieces(first[:-1], tuple(piece[1:-1] for piece in inner if len(piece) > 2), last[1:])


def holds_pieces(value: str, pieces: Pieces) -> bool:
    """Both normalised. The pieces do not overlap."""
    initial, middle, final = pieces
    if not value.startswith(initial):
        return False
    at = len(initial)
    for piece in middle:
        found = value.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(value) - len(final) >= at and value.endswith(final)
