"""New passwords: long enough, of these characters, hard enough to guess, and not known to everybody?

The rules are those of `control.passwords.rules`; what takes work is known of the candidate already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from control.passwords.hashing import BREACHED, Candidate
from control.passwords.rules import STRONGEST, TOO_EASY, PasswordRules, faults
from control.policies.asking import Around, Asking, Verdict
from control.policies.kinds.kind import Kind, PolicyFields
from control.store.interface import Transaction
from control.verbs.fields import Count, Name, Text
from control.verbs.system import Characters

SYMBOLS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "
"""What ASCII has beside letters and digits."""
NOT_CHOOSING = "No password is being chosen."
NO_LIST = "There is no list of known passwords. Put one into the data folder, as breached-passwords.txt."


class PasswordFields(PolicyFields):
    password_field: Name = "password"  # noqa: S105
    amount_digits: Characters = 0
    amount_uppercase: Characters = 0
    amount_lowercase: Characters = 0
    amount_symbols: Characters = 0
    length_min: Characters = 0
    symbol_charset: Annotated[str, StringConstraints(strip_whitespace=False), Field(min_length=1, max_length=255)] = (
        SYMBOLS
    )
    error_message: Text = ""
    """What the person is told in place of our own sentences, where the characters are not as they should be."""
    check_static_rules: bool = True
    check_have_i_been_pwned: bool = False
    """In the operator's list (`control.passwords.breached`): nothing is sent anywhere."""
    hibp_allowed_count: Count = 0
    check_zxcvbn: bool = False
    zxcvbn_score_threshold: Annotated[int, Field(ge=0, lt=STRONGEST)] = 2
    """A score that is not above it is too low."""


def rules(settings: Mapping[str, Any]) -> PasswordRules:
    return PasswordRules(
        length=settings["length_min"],
        digits=settings["amount_digits"],
        uppercase=settings["amount_uppercase"],
        lowercase=settings["amount_lowercase"],
        symbols=settings["amount_symbols"],
        symbol_charset=settings["symbol_charset"],
    )


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """Raises LookupError where there is no list to look the password up in."""
    candidate = asking.candidate
    if candidate is None:
        return Verdict(False, (NOT_CHOOSING,), log=(NOT_CHOOSING,))
    found = list(_found(candidate, settings))
    log = tuple(f"{check}: {'; '.join(sentences) or 'passed'}" for check, sentences in found)
    messages = tuple(sentence for _, sentences in found for sentence in sentences)
    return Verdict(not messages, messages, log=log)


def _found(candidate: Candidate, settings: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What is checked, and what is wrong with it."""
    if settings["check_static_rules"]:
        wrong = faults(candidate.password, rules(settings))
        yield "Characters", [settings["error_message"]] if wrong and settings["error_message"] else wrong
    if settings["check_have_i_been_pwned"]:
        if candidate.breached is None:
            raise LookupError(NO_LIST)
        yield "Known passwords", [BREACHED] if candidate.breached > settings["hibp_allowed_count"] else []
    if settings["check_zxcvbn"]:
        if candidate.strength is None:
            raise LookupError("The password's strength was not estimated.")
        yield "Strength", [TOO_EASY] if candidate.strength <= settings["zxcvbn_score_threshold"] else []


KIND = Kind("password", "Password Policy", "Passes for new passwords that keep certain rules.", PasswordFields, decide)
