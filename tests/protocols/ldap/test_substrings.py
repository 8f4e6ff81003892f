"""Pieces of values."""

from __future__ import annotations

from protocols.ldap.matching import CASE_IGNORE, TELEPHONE
from protocols.ldap.substrings import Pieces, holds_pieces, pieces_of


def test_what_a_rule_makes_nothing_of_is_not_looked_for() -> None:
    pieces = pieces_of(TELEPHONE, None, [b"-", b"5 5-5", b" - "], None)
    assert pieces == Pieces("", ("555",), "")
    assert holds_pieces("+15551", pieces)
    assert pieces_of(CASE_IGNORE, None, [b"-", b"  "], None) == Pieces("", ("-", " "), "")
