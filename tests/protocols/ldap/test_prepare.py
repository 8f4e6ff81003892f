"""String preparation: what is equal, and what is too much work."""

from typing import Literal
from unicodedata import normalize

import pytest

from protocols.ldap import prepare


@pytest.mark.parametrize(
    ("one", "other"),
    [("Bob", "bOB"), (" a  b ", "a b"), ("Zoë", "ZOE\u0308"), ("ﬁ", "FI"), ("ß", "SS"), ("Å", "\u212b")],
)
def test_equal_but_for_case_blanks_and_composition(one: str, other: str) -> None:
    assert prepare.case_ignore(one) == prepare.case_ignore(other)


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
