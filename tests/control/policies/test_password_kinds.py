"""Policies about passwords: what they say of one that is being chosen, and of one that grows old."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control.passwords.hashing import Candidate
from control.policies.asking import Verdict
from control.policies.kinds import KINDS
from control.verbs.fields import Invalid, parse
from control.verbs.password_terms import DAY, OF_AGE, OF_NEW_PASSWORDS
from tests.control.policies.asking import NOON, House


def chosen(house: House, fields: dict[str, Any], password: str, **known: Any) -> Verdict:
    return house.decide_kind("password", fields, candidate=Candidate(password, **known))


@pytest.mark.parametrize(
    ("fields", "refused", "taken", "word"),
    [
        ({"length_min": 12}, "eleven long", "twelve long!", "12 characters"),
        ({"amount_digits": 2}, "only 1", "now 22", "2 digits"),
        ({"amount_uppercase": 1}, "small", "Tall", "capital letter"),
        ({"amount_lowercase": 1}, "TALL", "TALLs", "small letter"),
        ({"amount_symbols": 1}, "nosymbol", "with-one", "symbol"),
        ({"amount_symbols": 1, "symbol_charset": "!?"}, "with-one", "with!one", "symbol"),
        ({"amount_symbols": 1}, "nosymbol", "a blank is one", "symbol"),
    ],
)
def test_characters(house: House, fields: dict[str, Any], refused: str, taken: str, word: str) -> None:
    verdict = chosen(house, fields, refused)
    assert (verdict.passing, verdict.reuse) == (False, None)
    assert word in verdict.messages[0]
    assert word in verdict.log[0]
    assert chosen(house, fields, taken).passing
    assert chosen(house, {**fields, "check_static_rules": False}, refused).passing


def test_its_own_words_take_the_place_of_ours(house: House) -> None:
    verdict = chosen(house, {"length_min": 9, "amount_digits": 1, "error_message": "As on the poster."}, "short")
    assert verdict.messages == ("As on the poster.",)


@pytest.mark.parametrize(("score", "passing"), [(0, False), (2, False), (3, True), (4, True)])
def test_strength_has_to_be_above_the_threshold(house: House, score: int, passing: bool) -> None:
    assert chosen(house, {"check_zxcvbn": True}, "p", strength=score).passing is passing


def test_strength_that_nobody_estimated_is_a_failure(house: House) -> None:
    with pytest.raises(LookupError):
        chosen(house, {"check_zxcvbn": True}, "p")


@pytest.mark.parametrize(("times", "passing"), [(0, True), (3, True), (4, False)])
def test_what_has_become_known(house: House, times: int, passing: bool) -> None:
    verdict = chosen(house, {"check_have_i_been_pwned": True, "hibp_allowed_count": 3}, "p", breached=times)
    assert verdict.passing is passing


def test_without_a_list_nobody_can_say_what_has_become_known(house: House) -> None:
    with pytest.raises(LookupError, match=r"breached-passwords\.txt"):
        chosen(house, {"check_have_i_been_pwned": True}, "p")


@pytest.mark.parametrize(("like", "passing"), [(None, True), (0, False), (1, False), (2, True)])
def test_one_that_they_have_had(house: House, like: int | None, passing: bool) -> None:
    asked = Candidate("p", like=like)
    verdict = house.decide_kind("unique_password", {"num_historical_passwords": 2}, candidate=asked)
    assert verdict.passing is passing


@pytest.mark.parametrize("kind", sorted(OF_NEW_PASSWORDS))
def test_where_no_password_is_chosen_they_do_not_pass(house: House, kind: str) -> None:
    verdict = house.decide_kind(kind, {})
    assert (verdict.passing, verdict.messages) == (False, ("No password is being chosen.",))


def test_the_password_itself_is_told_nobody(house: House) -> None:
    verdict = chosen(house, {"length_min": 99}, "correct horse")
    assert "correct" not in repr(verdict)
    assert "correct" not in repr(house.asking(candidate=Candidate("correct horse")))


def aged(house: House, days: float, **fields: Any) -> Verdict:
    alice = replace(house.alice, password="hash", password_change_date=NOON - days * DAY)
    return house.decide_kind("password_expiry", {"days": 30, **fields}, user=alice)


def test_age(house: House) -> None:
    fresh = aged(house, 29.5)
    assert fresh.passing
    assert fresh.reuse is not None
    assert fresh.reuse.not_after == NOON + DAY / 2
    old = aged(house, 30)
    assert (old.passing, old.reuse) == (False, None)
    assert "Change it" in old.messages[0]


@pytest.mark.parametrize("user", ["nobody", "without a password"])
def test_what_is_not_there_is_not_too_old(house: House, user: str) -> None:
    alice = None if user == "nobody" else replace(house.alice, password=None)
    assert house.decide_kind("password_expiry", {"days": 1}, user=alice).passing


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("password", {"length_min": 129}),
        ("password", {"zxcvbn_score_threshold": 4}),
        ("password", {"hibp_allowed_count": -1}),
        ("password", {"symbol_charset": ""}),
        ("password_expiry", {}),
        ("password_expiry", {"days": 0}),
        ("unique_password", {"num_historical_passwords": 0}),
        ("unique_password", {"num_historical_passwords": 25}),
    ],
)
def test_what_nobody_could_keep_is_refused(kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse(KINDS[kind].fields, {"name": "p", **fields})


def test_symbols_are_kept_as_they_are_written() -> None:
    fields = parse(KINDS["password"].fields, {"name": "p", "symbol_charset": " ! "})
    assert fields.model_dump()["symbol_charset"] == " ! "


def test_the_names_of_the_kinds_are_those_of_the_table() -> None:
    assert {*OF_NEW_PASSWORDS, OF_AGE} <= KINDS.keys()
