"""What an outpost says of a proof's last time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from control import last_tries
from control.last_tries import LastTries
from protocols.link.messages import Authenticate
from rules.proofs import digest
from rules.reasons import Outcome

HERE, THERE = "192.0.2.1", "192.0.2.2"
WRONG, RIGHT = Outcome.BAD_CREDENTIALS, Outcome.ACCEPTED


def question(password: str, username: str = "alice", **said: Any) -> Authenticate:
    return Authenticate("q", 1, username, {"kind": "password", "password": password}, "ldap", HERE, **said)


@pytest.fixture
def known() -> LastTries:
    return LastTries(b"k" * 32)


def again(known: LastTries, password: str, place: str = HERE, username: str = "alice") -> bool:
    return known.believed(question(password, username, again=True), place).again


def known_good(known: LastTries, password: str, place: str = HERE) -> bool:
    return known.believed(question(password, known_good=True), place).known_good


def test_the_last_wrong_one_comes_again(known: LastTries) -> None:
    known.settled(question("a"), HERE, WRONG)
    assert again(known, "a")
    assert again(known, "a", username="ALICE")
    assert not again(known, "a", THERE)
    assert not again(known, "a", username="bob")
    assert not again(known, "b")
    assert not again(known, "a")  # b was the last


def test_guesses_that_come_all_at_once_are_not_the_same(known: LastTries) -> None:
    """None of them is answered yet."""
    assert [again(known, password) for password in "abc"] == [False] * 3
    assert [known_good(known, password) for password in "de"] == [False] * 2


def test_what_was_right_the_last_time(known: LastTries) -> None:
    known.settled(question("right"), HERE, RIGHT)
    assert known_good(known, "right")
    assert not known_good(known, "guess")
    known.settled(question("guess"), HERE, WRONG)
    assert known_good(known, "right")  # whoever guesses there does not hold it up
    known.settled(question("right"), HERE, WRONG)  # the password is another one now
    assert not known_good(known, "guess")


def test_after_a_restart_an_outpost_is_believed_once(known: LastTries) -> None:
    assert known_good(known, "a")
    assert known_good(known, "a")  # nobody could answer the first time
    assert not known_good(known, "b")
    assert known_good(known, "a", THERE)


def test_nobody_could_tell(known: LastTries) -> None:
    known.settled(question("a"), HERE, Outcome.UNAVAILABLE)
    assert not again(known, "a")


def test_nothing_is_kept_of_what_nothing_is_said(known: LastTries) -> None:
    asked = question("a")
    assert known.believed(asked, HERE) is asked
    assert not again(known, "a")


def test_what_is_remembered_is_bounded(known: LastTries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_tries, "MOST_REMEMBERED", 2)
    for name in ("a", "b", "c"):
        known.settled(replace(question("x"), username=name), HERE, WRONG)
    assert [again(known, "x", username=name) for name in ("c", "b", "a")] == [True, True, False]


def test_two_processes_have_two_keys() -> None:
    one, other = LastTries(), LastTries()
    proof = question("a").proof
    assert digest(one._key, proof) != digest(other._key, proof)
