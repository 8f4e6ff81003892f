"""People hear by mail of what was done to their password, second factors and address, and nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest

from control.mail.post import Post
from control.notifications import CREDENTIALS, owners
from control.notifications.mailing import by_mail
from control.notifications.matching import Matching
from control.policies.judge import Judge
from control.records import Authenticator, Event, Letter, MailServer, UntoldEvent, User
from control.store.interface import SYSTEM, Actor, Query, Transaction
from control.verbs import authenticators, users
from tests.control.notifications.test_notifications import House
from tests.fakes import counted_random

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c2VjcmV0"


class Told(House):
    def __init__(self, folder: Path, post: Post) -> None:
        super().__init__(folder)
        self.clock.advance(60)
        self.matching = Matching(self.store, Judge(lambda: 0.0), by_mail(post), owners.by_mail(post))

    def letters(self) -> list[Letter]:
        self.look()
        return self.sql.read_now(lambda tx: tx.select(Letter, Query(ordering=("subject", "to"))))

    def by(self, actor: User, verb: Any, client_ip: str = "192.0.2.7") -> Any:
        who = {"pk": actor.pk, "username": actor.username, "email": actor.email}
        return self.sql.write_now(verb, Actor(who, client_ip))

    def new_password(self, actor: User | None = None) -> None:
        def verb(tx: Transaction) -> User:
            return users.set_password(tx, self.bob.pk, HASH)

        self.by(actor or self.bob, verb)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path, Post(MailServer(host="smtp.example.com")))
    yield made
    made.sql.close()


def test_a_new_password_is_told_whoever_it_is_for_without_any_rule(house: Told) -> None:
    house.new_password()
    (letter,) = house.letters()
    assert (letter.to, letter.user, letter.purpose) == ("bob@example.com", house.bob.pk, CREDENTIALS)
    assert letter.subject == "Your password was changed"
    for body in (letter.text, letter.html):
        assert "192.0.2.7" in body
        assert "UTC" in body
        assert "argon2" not in body
        assert "http" not in body.replace("<!DOCTYPE html>", "")
    assert len(house.letters()) == 1, "it is told once"


def test_the_event_is_the_persons_and_names_who_else_did_it(house: Told) -> None:
    house.new_password(house.alice)
    (event,) = [one for one in house.all(Event) if one.action == "password_set"]
    assert (event.user["pk"], event.user["username"], event.app) == (house.bob.pk, "bob", "authentik_core")
    assert event.context == {"by": "alice", "to_email": "bob@example.com"}
    (letter,) = house.letters()
    assert "By: alice" in letter.text
    assert "192.0.2.7" not in letter.text, "where the administrator sits is not told"


def test_a_factor_is_told_when_it_counts_and_when_it_goes(house: Told) -> None:
    random, pk = counted_random(), house.bob.pk
    begun: Authenticator = house.write(lambda tx: authenticators.begin_totp(tx, pk, random, name="Phone"))
    assert house.letters() == [], "what is only begun counts for nothing"
    code = pyotp.TOTP(begun.secrets["key"]).at(int(house.clock()))
    made = house.by(house.bob, lambda tx: authenticators.confirm_totp(tx, pk, code))
    house.by(house.alice, lambda tx: authenticators.delete(tx, made.pk))
    added, removed = house.letters()
    assert (added.subject, removed.subject) == (
        "A second factor was added to your account",
        "A second factor was removed from your account",
    )
    for letter in (added, removed):
        assert "Program that shows codes: Phone" in letter.text
        assert begun.secrets["key"] not in letter.text + letter.html
    assert "By: alice" in removed.text


@pytest.mark.parametrize("change", [{"email_verified": False}, {"email": ""}, {"is_active": False}])
def test_no_letter_goes_where_the_person_may_not_be(house: Told, change: dict[str, Any]) -> None:
    house.write(lambda tx: tx.update(replace(tx.get(User, house.bob.pk), **change)))
    house.new_password()
    assert house.letters() == []


def test_an_address_that_is_changed_right_afterwards_hears_nothing(house: Told) -> None:
    house.new_password()
    house.write(lambda tx: tx.update(replace(tx.get(User, house.bob.pk), email="stranger@example.net")))
    assert [letter.to for letter in house.letters()] == ["bob@example.com"]


def test_an_account_that_is_made_with_a_password_is_told_nothing(house: Told) -> None:
    def make(tx: Transaction) -> None:
        made = users.create(tx, {"username": "carol", "name": "Carol", "email": "carol@example.com"})
        users.set_password(tx, made.pk, HASH)

    house.write(make)
    assert house.letters() == []


def test_without_a_mail_server_nothing_waits(tmp_path: Path) -> None:
    house = Told(tmp_path, Post())
    house.new_password()
    assert (house.letters(), house.all(UntoldEvent)) == ([], [])
    house.sql.close()


def test_the_commands_of_the_machine_say_their_name(house: Told) -> None:
    house.sql.write_now(lambda tx: users.set_password(tx, house.bob.pk, HASH), Actor({"username": "outpost apply"}))
    house.sql.write_now(lambda tx: users.set_password(tx, house.alice.pk, HASH), SYSTEM)
    to_alice, to_bob = house.letters()
    assert "By: outpost apply" in to_bob.text
    assert ("By:" in to_alice.text, "From:" in to_alice.text) == (False, False)
