"""Notifications by mail: queued with what they tell of, and never told of themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from control.mail import outbox
from control.mail.post import Post
from control.notifications import owners
from control.notifications.mailing import by_mail
from control.notifications.matching import CannotMail, Matching
from control.policies.judge import Judge
from control.records import Letter, MailServer, Notification, NotificationTransport, User
from tests.control.notifications.test_notifications import House

SERVER = MailServer(host="smtp.example.com")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.matching = Matching(made.store, Judge(lambda: 0.0), by_mail(Post(SERVER)), owners.by_mail(Post()))
    yield made
    made.sql.close()


def test_a_letter_says_what_happened(house: House) -> None:
    house.rule(house.transport("email", email_subject_prefix="Outpost: "))
    house.happens(context={"reason": "wrong_password", "many": ["not", "text"]})
    house.look()
    (letter,) = house.all(Letter)
    assert (letter.to, letter.subject, letter.user) == ("alice@example.com", "Outpost: login failed", house.alice.pk)
    for body in (letter.text, letter.html):
        assert "wrong_password" in body
        assert "not" not in body.replace("notice", "").split()


def test_a_letter_about_an_event_is_told_nobody(house: House) -> None:
    mail, local = house.transport("email"), house.transport()
    house.rule(mail, fields={}, transports=[mail, local])
    house.look()
    told, letters = len(house.all(Notification)), house.all(Letter)
    for letter in letters:
        house.write(partial(outbox.sent, claimed=letter))
    house.look()
    assert len(letters) > 0
    assert (len(house.all(Notification)), len(house.all(Letter))) == (told, len(letters))


@pytest.mark.parametrize("how", ["no server", "no address", "no template"])
def test_what_cannot_be_mailed_is_told_the_operator(house: House, how: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    if how == "no server":
        house.matching = Matching(house.store, Judge(lambda: 0.0), by_mail(Post()), owners.by_mail(Post()))
    more = {"email_template": "email/nothing.html"} if how == "no template" else {}
    house.rule(house.transport("email", **more), destination_group=None, destination_event_user=True)
    about = {"pk": house.bob.pk, "username": "bob"}
    if how == "no address":
        house.write(lambda tx: tx.update(replace(tx.get(User, house.bob.pk), email="")))
    house.happens(user=about)
    house.look()
    assert "bob is not told by mail" in caplog.text
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert bool(loud) is (how != "no server")  # where mail is not set up, the rules of the first start are no fault
    assert house.all(Letter) == []


def test_without_a_server_the_trial_says_so(house: House) -> None:
    transport, event = NotificationTransport("mail", mode="email"), house.happens()
    with pytest.raises(CannotMail, match="mail server"):
        house.write(lambda tx: by_mail(Post())(tx, transport, house.alice, "x", event))
