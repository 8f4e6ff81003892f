"""What a new password must be like."""

from __future__ import annotations

import subprocess
import sys

import pytest

from control.passwords.rules import LONGEST_JUDGED, PasswordRules, faults


@pytest.mark.parametrize(
    ("rules", "refused", "taken", "word"),
    [
        (PasswordRules(), "seven 7", "eight  8", "8 characters"),
        (PasswordRules(digits=2), "only one 1", "here are 22", "2 digits"),
        (PasswordRules(uppercase=1), "all small letters", "One is a capital", "1 capital letter"),
        (PasswordRules(lowercase=3), "ALL BUT Two", "ALL BUT Three", "3 small letters"),
        (PasswordRules(symbols=1), "nosymbols1", "one-symbol", "1 symbol."),
        (PasswordRules(symbols=1, symbol_charset="!?"), "not-one-of-these", "one of these!", "1 symbol."),
        (PasswordRules(strength=3), "password123", "plum ocean grid", "easy to guess"),
    ],
)
def test_each_rule_refuses_and_says_what_to_change(rules: PasswordRules, refused: str, taken: str, word: str) -> None:
    (sentence,) = faults(refused, rules)
    assert word in sentence
    assert faults(taken, rules) == []


def test_all_that_is_missing_is_told_at_once() -> None:
    assert len(faults("", PasswordRules(length=1, digits=1, uppercase=1, lowercase=1, symbols=1))) == 5


def test_rules_of_nothing_take_everything() -> None:
    assert faults("", PasswordRules(length=0)) == []


def test_letters_of_all_scripts_count() -> None:
    assert faults("Ünïcødé٣", PasswordRules(digits=1, uppercase=1, lowercase=4)) == []


@pytest.mark.parametrize("password", ["Bob.Smith-Example", "smithBOBsmithbob", "bob@example.org."])
def test_ones_own_names_are_worth_nothing(password: str) -> None:
    strict = PasswordRules(strength=2)
    assert faults(password, strict) == []
    assert faults(password, strict, ("bob", "Bob Smith", "bob@example.org"))


def test_a_name_of_a_page_does_not_take_long() -> None:
    about = " ".join(f"name{number}" for number in range(10_000))
    assert faults("plum ocean grid", PasswordRules(strength=3), (about,)) == []


def test_no_more_is_judged_than_can_be_in_time() -> None:
    """Letters that stand for others, in all combinations: the whole of it takes minutes."""
    assert faults("4@8({[<369&#!1/|0$5+7%2" * 40, PasswordRules(strength=4)) == []
    assert faults("a" * LONGEST_JUDGED, PasswordRules(strength=1))


def test_the_estimate_is_loaded_only_when_it_is_asked_for() -> None:
    """It takes 14 MB."""
    asks = (
        "import sys; from control.passwords.rules import PasswordRules, faults; "
        "faults('a' * 9, PasswordRules({})); print('zxcvbn' in sys.modules)"
    )
    for rules, loaded in (("", "False"), ("strength=1", "True")):
        done = subprocess.run([sys.executable, "-c", asks.format(rules)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == loaded
