"""Chromium: what people do with their own accounts. Keys are the browser's own virtual ones (CDP, WebAuthn domain)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.wire.chromium import chromium
from tests.wire.program import Program

pytestmark = pytest.mark.peer

SIGN_IN = "/if/flow/default-authentication-flow/"
SETUP = "/if/flow/default-authenticator-webauthn-setup/"
PASSWORD = "correct horse battery staple"


class Place:
    """A control with people of its own, under a name that keys know."""

    def __init__(self, program: Program, browser: Browser) -> None:
        self.program, self.browser = program, browser
        self.url = program.http.replace("127.0.0.1", "localhost")
        program.api("PATCH", "admin/settings/", {"base_url": self.url})

    def person(self, username: str, **fields: Any) -> int:
        made = self.program.api("POST", "core/users/", {"username": username, "name": username.title(), **fields})
        pk = int(made["pk"])
        self.program.api("POST", f"core/users/{pk}/set_password/", {"password": PASSWORD})
        return pk

    def page(self, scripts: bool = True) -> Page:
        page = self.browser.new_context(java_script_enabled=scripts).new_page()
        page.set_default_timeout(20_000)
        return page

    def password(self, page: Page, username: str) -> None:
        page.goto(self.url + SIGN_IN)
        page.get_by_label(re.compile("User name")).fill(username)
        page.keyboard.press("Enter")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    running = Program(tmp_path_factory.mktemp("identity"), "control").start()
    try:
        with chromium() as browser:
            yield Place(running, browser)
    finally:
        assert running.stop() == 0


def with_a_key(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_set_up_asked_for_and_enough_by_itself(place: Place) -> None:
    place.person("kim")
    page = place.page()
    with_a_key(page)
    place.password(page, "kim")
    page.wait_for_url("**/if/user/")
    page.goto(place.url + SETUP)
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Set it up").click()
    page.wait_for_url(lambda url: "webauthn-setup" not in url)
    (key,) = place.program.api("GET", "authenticators/admin/webauthn/?name=My laptop")["results"]
    assert key["user"]["username"] == "kim"

    page.context.clear_cookies()
    place.password(page, "kim")
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url("**/if/user/")

    page.context.clear_cookies()
    page.goto(place.url + SIGN_IN)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/if/user/")
    expect(page.locator("body")).to_contain_text("Kim")


def test_a_browser_without_the_key_is_told_so_and_gets_no_further(place: Place) -> None:
    page = place.page()
    with_a_key(page)
    place.password(page, "kim")
    page.get_by_role("button", name="Use a passkey or security key").click()
    expect(page.get_by_role("alert").filter(has_text="has not used a key")).to_be_visible()
    page.goto(place.url + "/if/user/")
    assert "/if/flow/default-authentication-flow/" in page.url
