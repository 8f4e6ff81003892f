"""A second factor behind radclient: the password is answered with a question, and the code with yes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

from control.store.interface import Transaction
from control.verbs import authenticators
from tests.wire.apart import store
from tests.wire.clients import Answer, radclient
from tests.wire.directory import Directory, add_user
from tests.wire.doors import hear_of
from tests.wire.program import Program
from tests.wire.supplicant import eapol_test

pytestmark = pytest.mark.peer

PASSWORD = "grace-password-1"
SIGNED = "Message-Authenticator = 0x00"


class Grace:
    """Who has a list of codes, and a program for others."""

    def __init__(self, program: Program, pk: int) -> None:
        self.program = program
        with store(program) as opened:
            self.codes, self._key = opened.write_now(lambda tx: _factors(tx, pk))

    @property
    def next_code(self) -> str:
        """Of the program; the one of this period was spent on setting it up."""
        return pyotp.TOTP(self._key).at(int(time.time()) + authenticators.PERIOD)

    def says(self, password: str, *attributes: str) -> Answer:
        return radclient(self.program, "grace", password, attributes=(SIGNED, *attributes))

    def asked(self) -> str:
        """The State of a challenge."""
        answer = self.says(PASSWORD)
        assert "Received Access-Challenge" in answer.text, answer.text
        assert "Reply-Message" in answer.text
        found = re.search(r"State = (0x[0-9a-f]+)", answer.text.partition("Received")[2])
        assert found is not None, answer.text
        return f"State = {found[1]}"


def _factors(tx: Transaction, pk: int) -> tuple[list[str], str]:
    authenticators.begin_static(tx, pk, os.urandom, 3, 8)
    listed = authenticators.confirm_static(tx, pk)
    begun = authenticators.begin_totp(tx, pk, os.urandom)
    shown = authenticators.confirm_totp(tx, pk, pyotp.TOTP(begun.secrets["key"]).at(int(tx.now)))
    assert listed is not None
    assert shown is not None
    return list(listed.secrets["codes"]), begun.secrets["key"]


@pytest.fixture(scope="module")
def grace(program: Program, people: Directory) -> Iterator[Grace]:
    pk = add_user(program, "grace", PASSWORD, group=people.groups["engineering"])
    hear_of(program, "grace")
    yield Grace(program, pk)
    program.api("DELETE", f"core/users/{pk}/")


def test_a_code_from_the_list_after_the_password(grace: Grace) -> None:
    state = grace.asked()
    assert grace.says(grace.codes[0], state).code == 0
    again = grace.says(grace.codes[1], state)  # a State is good once
    assert "Received Access-Reject" in again.text, again.text


def test_a_code_of_the_program_after_the_password(grace: Grace) -> None:
    answer = grace.says(grace.next_code, grace.asked())
    assert answer.code == 0, answer.text


def test_a_wrong_code_ends_it(grace: Grace) -> None:
    state = grace.asked()
    assert "Received Access-Reject" in grace.says("000000", state).text
    assert "Received Access-Reject" in grace.says(grace.codes[1], state).text


def test_a_challenge_belongs_to_one_name(grace: Grace) -> None:
    state = grace.asked()
    answer = radclient(grace.program, "bob", grace.codes[1], attributes=(SIGNED, state))
    assert "Received Access-Reject" in answer.text, answer.text
    assert grace.says(grace.codes[1], state).code == 0


def test_the_code_is_asked_for_in_a_tunnel_too(grace: Grace, tmp_path: Path) -> None:
    """wpa_supplicant answers the second question with the same password: it is refused, and nobody was let in by the
    first."""
    login = eapol_test(grace.program, tmp_path, eap="PEAP", identity="grace", password=PASSWORD, phase2="auth=GTC")
    assert not login.succeeded
    typed = f"{PASSWORD};{grace.codes[2]}"
    login = eapol_test(grace.program, tmp_path, eap="TTLS", identity="grace", password=typed, phase2="auth=PAP")
    assert login.succeeded, login.text
