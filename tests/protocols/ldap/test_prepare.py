"""String preparation: what is equal, and what is too much work."""

import sys
from typing import Literal
from unicodedata import normalize

import pytest

from protocols.ldap import prepare
from rules.names import is_possible_name


@pytest.mark.parametrize(
    ("one", "other"),
    [("Bob", "bOB"), (" a  b ", "a b"), ("Zoë", "ZOE\u0308"), ("ﬁ", "FI"), ("ß", "SS"), ("Å", "\u212b")],
)
def test_equal_but_for_case_blanks_and_composition(one: str, other: str) -> None:
    assert prepare.case_ignore(one) == prepare.case_ignore(other)


@pytest.mark.parametrize("unseen", ["\u00ad", "\u200b", "\ufeff", "\u2060", "\u202a", "\u180e", "\ufffb"])
def test_what_is_not_seen_does_not_count(unseen: str) -> None:
    for rule in (prepare.case_ignore, prepare.case_exact):
        assert rule(f"{unseen}bo{unseen}b{unseen}") == "bob"


def test_what_may_be_in_a_name_counts() -> None:
    """Control has accounts of both names, and whoever takes one of them is not to be met under the other."""
    letters = filter(is_possible_name, map(chr, range(0x21, sys.maxunicode)))
    assert [letter for letter in letters if prepare.case_ignore(f"bob{letter}") == "bob"] == []
    assert prepare.case_ignore("bob\ufe0f") != prepare.case_ignore("bob")


def test_blanks_of_all_kinds_are_one() -> None:
    for blank in ("\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u1680", "\t", "\r\n", "\x85"):
        assert prepare.case_ignore(f"{blank}a{blank} b") == "a b"


def test_control_characters_count() -> None:
    assert prepare.case_ignore("bob\x00") != "bob"


def test_marks_without_end_are_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting them takes quadratic time, and anybody may send them in a filter or a name."""
    normalised: list[str] = []

    def recorded(form: Literal["NFKC"], text: str) -> str:
        normalised.append(text)
        return normalize(form, text)

    monkeypatch.setattr(prepare, "normalize", recorded)
    bomb = "\u0315\u0300" * 50_000
    for rule in (prepare.case_ignore, prepare.case_exact):
        assert rule(bomb) == bomb
        assert rule("x" + bomb) != rule("y" + bomb)
        assert rule("É" + "\u0301" * (prepare.MOST_MARKS - 1)) == rule("E" + "\u0301" * prepare.MOST_MARKS)
    assert max(map(len, normalised)) < 100
