"""Many values in one text: what is found, what is too much, and what becomes of values that go."""

from __future__ import annotations

import pytest

from outpost.directory import index as module
from outpost.directory import texts
from outpost.directory.index import Index, Term
from outpost.directory.texts import grown, holding
from protocols.ldap.matching import CASE_IGNORE
from protocols.ldap.substrings import Pieces

NAMES = ("anna", "hanna", "hannah", "an na", "na")
TEXT = grown("", NAMES, NAMES)
NN = Pieces("", ("nn",), "")
NOTHING: frozenset[Term] = frozenset()


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        (Pieces("an", (), ""), ["anna", "an na"]),
        (Pieces("", (), "na"), ["anna", "hanna", "an na", "na"]),
        (NN, ["anna", "hanna", "hannah"]),
        (Pieces("h", ("n", "n"), "h"), ["hannah"]),
        (Pieces("na", (), "na"), []),
        (Pieces("", (" ",), ""), ["an na"]),
        (Pieces("", ("a\nh",), ""), []),
        (Pieces("", (), ""), None),
    ],
)
def test_what_is_found(pieces: Pieces, found: list[str] | None) -> None:
    assert holding(TEXT, pieces) == found
    assert holding(grown(grown("", NAMES[:2], NAMES[:2]), NAMES[2:], NAMES), pieces) == found


def test_nothing_is_found_in_nothing() -> None:
    assert holding("", NN) == []
    assert holding(grown("", (), ()), NN) == []


def test_too_many_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_LOOKED_AT", 5)
    assert holding(TEXT, Pieces("", ("a",), "")) is None
    assert holding(TEXT, NN) == ["anna", "hanna", "hannah"]


def test_what_is_stale_is_left_out_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "FEW", 3)
    assert grown(TEXT, ["new"], ["new"]) == "\nnew\n"
    assert grown(TEXT, ["new"], [*NAMES, "new"]) == f"{TEXT}new\n"


def test_no_value_holds_what_stands_between() -> None:
    blanks = "".join(character for character in map(chr, range(0x110000)) if character.isspace())
    assert CASE_IGNORE.normalise(f"a{blanks}b") == "a b"


def test_an_index_follows_its_values() -> None:
    empty: Index[int] = Index()
    index = empty.updated([(1, NOTHING, frozenset({("uid", "anna"), ("title", "cook")}))])
    assert index.holding("uid", NN) == {1}
    assert index.holding("title", Pieces("c", (), "")) == {1}
    assert index.holding("unheard", Pieces("c", (), "")) == frozenset()
    after = index.updated([(2, NOTHING, frozenset({("uid", "hanna")})), (3, NOTHING, frozenset({("uid", "anna")}))])
    assert after.holding("uid", NN) == {1, 2, 3}
    gone = after.updated([(1, frozenset({("uid", "anna"), ("title", "cook")}), NOTHING)])
    assert gone.holding("uid", NN) == {2, 3}
    assert index.holding("uid", NN) == {1}


def test_of_other_attributes_few_values_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    empty: Index[int] = Index()
    terms: list[Term] = [("title", "cook"), ("title", "waiter"), ("title", 7)]
    index = empty.updated([(pk, NOTHING, frozenset({term})) for pk, term in enumerate(terms)])
    assert index.holding("title", Pieces("", ("oo",), "")) == {0}
    monkeypatch.setattr(module, "MOST_LOOKED_AT", 2)
    assert index.holding("title", Pieces("", ("oo",), "")) is None
