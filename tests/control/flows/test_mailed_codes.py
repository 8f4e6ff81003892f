"""Codes by mail as a second factor: set up, asked for, good once, for one sign-in and not for long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.flows.links import LATELY, MOST_LATELY
from control.flows.state import Challenge, Denied, Done, Step
from control.mail.post import Post
from control.records import Authenticator, Letter, MailServer
from control.store.interface import Query
from control.verbs import authenticators, users
from tests.control.flows.house import House

SETUP = "default-authenticator-email-setup"


class Mailing(House):
    """alice has an address for codes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.services = replace(self.services, post=Post(MailServer(host="smtp.example.com")))
        self.alice = self.user("alice", email="alice@example.com")
        step = self.reply(self.enter(SETUP, self.alice), email="codes@example.net")
        assert isinstance(self.reply(step, code=self.code), Done)
        self.clock.advance(LATELY + 1)

    def letters(self) -> list[Letter]:
        return self.sql.read_now(lambda tx: tx.select(Letter, Query(ordering=("created",))))

    @property
    def code(self) -> str:
        """Of the last letter."""
        found = re.search(r"^ +([0-9]{6})$", self.letters()[-1].text, re.MULTILINE)
        assert found is not None
        return found.group(1)

    def factors(self) -> list[Authenticator]:
        return self.sql.read_now(lambda tx: authenticators.of(tx, self.alice))

    def password(self) -> Step:
        step = self.reply(self.enter("default-authentication-flow"), uid_field="alice")
        return self.reply(step, password="right")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Mailing]:
    opened = Mailing(tmp_path)
    yield opened
    opened.close()


def component(step: Step) -> dict[str, Any]:
    assert isinstance(step, Challenge), step
    return step.component


def refused(step: Step) -> str:
    assert isinstance(step, Challenge), step
    assert "response_errors" in step.component
    return step.reason


def test_an_address_counts_when_its_code_was_shown(house: Mailing) -> None:
    (factor,) = house.factors()
    assert (factor.kind, factor.settings["address"]) == ("email", "codes@example.net")
    bob = house.user("bob", email="bob@example.com")
    step = house.enter(SETUP, bob)
    assert (component(step)["email"], component(step)["email_required"]) == ("bob@example.com", True)
    step = house.reply(step, email="bob@example.com")
    assert component(step)["email_required"] is False
    assert refused(house.reply(step, code="000000")) == "wrong_code"
    assert house.sql.read_now(lambda tx: authenticators.of(tx, bob)) == []
    assert isinstance(house.reply(step, code=house.code), Done)
    assert len(house.sql.read_now(lambda tx: authenticators.of(tx, bob))) == 1


def test_what_is_no_address_gets_no_mail(house: Mailing) -> None:
    before = len(house.letters())
    for wrong in ("", "nobody", "a@b, c@d"):
        assert "email" in component(house.reply(house.enter(SETUP, house.alice), email=wrong))["response_errors"]
    assert len(house.letters()) == before


def test_the_code_of_the_mail_lets_in(house: Mailing) -> None:
    step = house.password()
    (device,) = component(step)["device_challenges"]
    assert (device["device_class"], device["challenge"]) == ("email", {"email": "c***@example.net"})
    assert house.letters()[-1].to == "codes@example.net"
    done = house.reply(step, code=f" {house.code[:3]} {house.code[3:]} ")
    assert isinstance(done, Done)
    assert (done.context.login, done.context.spent) == (house.alice, True)


def test_a_code_is_good_once(house: Mailing) -> None:
    step = house.password()
    assert isinstance(house.reply(step, code=house.code), Done)
    assert refused(house.reply(step, code=house.code)) == "wrong_code"


def test_a_code_is_good_for_one_sign_in(house: Mailing) -> None:
    """Whoever reads over a shoulder cannot use it elsewhere at the same time."""
    house.password()
    first = house.code
    house.clock.advance(1)
    assert refused(house.reply(house.password(), code=first)) == "wrong_code"


def test_a_code_grows_old(house: Mailing) -> None:
    step = house.password()
    house.clock.advance(900)
    assert refused(house.reply(step, code=house.code)) == "wrong_code"


def test_another_code_can_be_asked_for_and_voids_the_one_before(house: Mailing) -> None:
    step = house.password()
    first = house.code
    house.clock.advance(2)
    again = house.reply(step, selected_challenge=chosen(house))
    assert house.code != first
    assert refused(house.reply(again, code=first)) == "wrong_code"
    assert isinstance(house.reply(again, code=house.code), Done)


def chosen(house: Mailing) -> str:
    return f'{{"device_class": "email", "device_uid": "{house.factors()[0].pk}"}}'


def test_nobodys_mailbox_is_filled(house: Mailing) -> None:
    before, step = len(house.letters()), house.password()
    for _ in range(MOST_LATELY + 3):
        step = house.reply(step, selected_challenge=chosen(house))
    assert len(house.letters()) == before + MOST_LATELY
    assert component(step)["response_errors"]["code"][0]["code"] == "throttled"


def test_nor_by_writing_an_address_in_other_ways(house: Mailing) -> None:
    before = len(house.letters())
    for address in ("bob@example.com", "Bob@example.com", "bOb@Example.com", "BOB@example.com") * 2:
        house.reply(house.enter(SETUP, house.alice), email=address)
    assert len(house.letters()) == before + MOST_LATELY


def test_nobody_writes_to_others_in_our_name(house: Mailing) -> None:
    lure = "See https://evil.example.com/"
    house.sql.write_now(lambda tx: users.update(tx, house.alice, {"name": lure}))
    house.reply(house.enter(SETUP, house.alice), email="bob@example.com")
    assert "Hello alice," in house.letters()[-1].text
    assert "evil" not in house.letters()[-1].text + house.letters()[-1].html


@pytest.mark.parametrize(
    "said", ["", "[]", "x", '{"device_class": "email", "device_uid": "999"}', '{"device_class": 7}']
)
def test_only_ones_own_address_can_be_chosen(house: Mailing, said: str) -> None:
    step, before = house.password(), len(house.letters())
    assert "response_errors" in component(house.reply(step, selected_challenge=said))
    assert len(house.letters()) == before


def test_wrong_codes_have_to_wait(house: Mailing) -> None:
    """The answers are those of a program's codes: three free, then longer and longer."""
    step = house.password()
    reasons = []
    for _ in range(4):
        step = house.reply(step, code="000000")
        reasons.append(refused(step))
    assert reasons == ["wrong_code"] * 3 + ["device_throttled"]
    house.clock.advance(2)
    assert isinstance(house.reply(step, code=house.code), Done), "and then the right one is good again"


def test_who_has_a_program_too_gets_no_mail_unasked(house: Mailing) -> None:
    before = len(house.letters())

    def codes(tx: Any) -> list[str]:
        authenticators.begin_static(tx, house.alice, house.services.random, 3, 8)
        confirmed = authenticators.confirm_static(tx, house.alice)
        assert confirmed is not None
        return list(confirmed.secrets["codes"])

    paper = house.sql.write_now(codes)
    step = house.password()
    assert len(house.letters()) == before
    assert {one["device_class"] for one in component(step)["device_challenges"]} == {"email", "static"}
    assert isinstance(house.reply(step, code=paper[0]), Done)


def test_without_a_mail_server_nobody_gets_in_by_mail(house: Mailing) -> None:
    house.services = replace(house.services, post=Post())
    step = house.password()
    assert isinstance(step, Denied)
    assert step.reason == "mail_not_possible"


def test_a_door_without_a_browser_mails_nothing(house: Mailing) -> None:
    before = len(house.letters())
    assert house.prove("alice", "right").reason == "second_factor_needs_browser"
    assert len(house.letters()) == before
