"""People confirm their own address by a link that is mailed there: asked for by hand, good once, on any device."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.flows.links import MOST_LATELY
from control.records import User
from control.verbs import users
from tests.control.flows.test_email_links import World
from tests.control.web.browsing import Browser

ROOT = "/if/user/settings/"
BUTTON = re.compile(r'<a class="button" href="([^"]+)">Confirm this address</a>')
ADDRESS = "alice@example.org"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.change_settings(default_user_change_email=True)
    yield found
    found.close()


def with_an_address_of_their_own(world: World) -> Browser:
    browser = world.browser()
    browser.sign_in("alice")
    browser.get("/if/flow/default-user-settings-flow/")
    browser.submit(username="alice", name="Alice", email=ADDRESS)
    assert not world.now(world.alice.pk).email_verified
    return browser


def ask(browser: Browser) -> Browser:
    browser.get(ROOT)
    found = BUTTON.search(browser.page.text)
    assert found is not None
    browser.get(html.unescape(found.group(1)))
    return browser


def test_the_button_sends_a_mail_whose_link_confirms(world: World) -> None:
    browser = ask(with_an_address_of_their_own(world))
    assert ADDRESS in browser.text
    assert world.letters() == [], "whoever only opens the page sends nothing"
    browser.submit()
    assert f"on its way to {ADDRESS}" in browser.text
    (letter,) = world.letters()
    assert (letter.to, letter.user) == (ADDRESS, world.alice.pk)
    assert "the account alice" in letter.text

    other = world.opened()
    assert "Your address is confirmed" in other.text
    assert world.now(world.alice.pk).confirmed_email == ADDRESS
    assert other.get("/if/user/").status_code == 303, "it signs nobody in"
    assert world.browser().get(world.link()).status_code == 403, "it is good once"
    browser.get(ROOT)
    assert BUTTON.search(browser.page.text) is None


def test_who_has_confirmed_it_is_sent_nothing(world: World) -> None:
    browser = world.browser()
    browser.sign_in("alice")
    browser.get("/if/flow/default-email-confirmation-flow/?next=/if/user/confirmed/", follow=True)
    assert "Your address is confirmed" in browser.text
    assert world.letters() == []


@pytest.mark.parametrize("change", ["address", "address alone", "password", "disabled"])
def test_the_link_is_void_when_the_account_changes(world: World, change: str) -> None:
    ask(with_an_address_of_their_own(world)).submit()
    link = world.link()
    given: dict[str, Any] = {"address": {"email": "alice@example.net"}, "disabled": {"is_active": False}}

    def verb(tx: Any) -> None:
        if change == "password":
            users.set_password(tx, world.alice.pk, world.passwords.hash_now("another battery staple"))
        elif change == "address alone":  # whoever writes it without a new version
            tx.update(replace(tx.get(User, world.alice.pk), email="alice@example.net"))
        else:
            users.update(tx, world.alice.pk, given[change])

    world.sql.write_now(verb)
    before = world.now(world.alice.pk)
    assert world.opened(link).page.status_code == 403
    assert world.now(world.alice.pk).email_verified == before.email_verified


def test_the_link_ends(world: World) -> None:
    ask(with_an_address_of_their_own(world)).submit()
    world.clock.advance(24 * 3600)
    assert world.browser().get(world.link()).status_code == 403
    assert not world.now(world.alice.pk).email_verified


def test_nobodys_mailbox_is_filled(world: World) -> None:
    browser = ask(with_an_address_of_their_own(world))
    for _ in range(2 * MOST_LATELY):
        browser.submit()
    assert len(world.letters()) == MOST_LATELY


def test_strangers_sign_in_first_and_another_one_confirms_their_own(world: World) -> None:
    flow = "/if/flow/default-email-confirmation-flow/"
    assert world.browser().get(flow).headers["location"].startswith("/flows/-/default/authentication/")
    ask(with_an_address_of_their_own(world)).submit()
    bob = world.user("bob", email="bob@example.com")
    signed_in = world.browser()
    signed_in.sign_in("bob")
    signed_in.get(world.link())
    signed_in.submit()
    assert world.now(world.alice.pk).confirmed_email == ADDRESS, "the link is about whom it was sent to"
    assert world.now(bob.pk) == bob


def test_who_has_no_address_is_told_what_to_do(world: World) -> None:
    world.user("nobody")
    browser = world.browser()
    browser.sign_in("nobody")
    browser.get(ROOT)
    assert BUTTON.search(browser.page.text) is None
    page = browser.get("/if/flow/default-email-confirmation-flow/")
    assert (page.status_code, "Enter one under Details" in page.text) == (403, True)


def test_programs_ask_in_json(world: World) -> None:
    browser = with_an_address_of_their_own(world)
    executor = "/api/v3/flows/executor/default-email-confirmation-flow/"
    asked = browser.get(executor).json()
    assert (asked["component"], asked["unsent"], world.letters()) == ("ak-stage-email", True, [])
    headers = {"X-Authentik-CSRF": world.sessions()[-1].csrf}
    assert browser.request("POST", executor, follow=True, json={}, headers=headers).json()["unsent"] is False
    assert [letter.to for letter in world.letters()] == [ADDRESS]
