"""Chromium: what people do with their own accounts. Keys are the browser's own virtual ones (CDP, WebAuthn domain)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from control.verbs.authenticators import PERIOD
from tests.wire.chromium import SLOW_MILLISECONDS, chromium
from tests.wire.mailbox import Mailbox, mailbox
from tests.wire.nginx import Backend
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

SIGN_IN = "/if/flow/default-authentication-flow/"
SETUP = "/if/flow/default-authenticator-webauthn-setup/"
PASSWORD = "correct horse battery staple"


class Place:
    """A control with people of its own, under a name that keys know."""

    def __init__(self, program: Program, browser: Browser, box: Mailbox) -> None:
        self.program, self.browser, self.box = program, browser, box
        self.url = program.http.replace("127.0.0.1", "localhost")
        program.api("PATCH", "admin/settings/", {"base_url": self.url})

    def person(self, username: str, **fields: Any) -> int:
        made = self.program.api("POST", "core/users/", {"username": username, "name": username.title(), **fields})
        pk = int(made["pk"])
        self.program.api("POST", f"core/users/{pk}/set_password/", {"password": PASSWORD})
        return pk

    def page(self, scripts: bool = True) -> Page:
        page = self.browser.new_context(java_script_enabled=scripts).new_page()
        page.set_default_timeout(SLOW_MILLISECONDS)
        return page

    def mailed(self, to: str, pattern: str) -> str:
        """What the last mail to somebody says; waits for it, and takes it away."""

        def found() -> str | None:
            for taken in reversed(self.box.taken):
                if taken.to == [to] and (said := re.search(pattern, taken.text, re.MULTILINE)):
                    self.box.taken.remove(taken)
                    return said.group(1)
            return None

        return until(found, SOON, f"a mail to {to}")

    def follows_the_link(self, page: Page, to: str) -> None:
        """Once the page says that there will be one: a navigation that still goes on would be cut by this one."""
        expect(page.get_by_text("with a link is on its way")).to_have_count(1)
        page.goto(self.mailed(to, r"(http://localhost\S+)"))

    def password(self, page: Page, username: str, password: str = PASSWORD) -> None:
        page.goto(self.url + SIGN_IN)
        page.get_by_label(re.compile("User name")).fill(username)
        page.keyboard.press("Enter")
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")

    def recovers(self, page: Page, password: str) -> None:
        """Who may choose a new one does, and is asked for it then."""
        for field in ("New password", "New password again"):
            page.get_by_label(field, exact=True).fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_label("New password", exact=True)).to_have_count(0)
        page.goto(self.url + "/if/user/")
        assert "default-authentication-flow" in page.url, "a new password signs nobody in"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with mailbox() as box:
        mail = {"OUTPOST_EMAIL__HOST": "127.0.0.1", "OUTPOST_EMAIL__PORT": str(box.port)}
        running = Program(tmp_path_factory.mktemp("identity"), "control", **mail).start()
        try:
            with chromium() as browser:
                yield Place(running, browser, box)
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


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_program_for_codes_is_set_up_asked_for_and_asked_for_again_by_recovery(place: Place, scripts: bool) -> None:
    """With the keyboard alone."""
    name = f"lea{int(scripts)}"
    place.person(name, email=f"{name}@example.com")
    page = place.page(scripts)
    place.password(page, name)
    page.wait_for_url("**/if/user/")
    page.goto(f"{place.url}/if/flow/default-authenticator-totp-setup/")
    key = pyotp.TOTP(page.locator("code").inner_text())
    typed(page, key.at(young() - PERIOD))  # those of now and of the next period are left
    page.wait_for_url(lambda url: "totp-setup" not in url)

    page.context.clear_cookies()
    place.password(page, name)
    typed(page, "000000")
    expect(page.get_by_role("alert").first).to_contain_text("This code is wrong")
    typed(page, key.at(int(time.time())))
    page.wait_for_url("**/if/user/")

    page.context.clear_cookies()
    page.goto(place.url + SIGN_IN)
    page.get_by_role("link", name="Forgot your password?").press("Enter")
    typed(page, name)
    place.follows_the_link(page, f"{name}@example.com")
    page.get_by_role("button", name="Go on").press("Enter")
    expect(page.get_by_label("New password", exact=True)).to_have_count(0)
    typed(page, key.at(int(time.time()) + PERIOD))
    place.recovers(page, PASSWORD + "!")


def young(left: int = 15) -> int:
    """Now, once a period of codes has that many seconds left: the code of the one before is taken until it ends."""
    ends = PERIOD - time.time() % PERIOD
    if ends < left:
        time.sleep(ends)
    return int(time.time())


def typed(page: Page, text: str) -> None:
    """Where the page has put the cursor."""
    page.wait_for_load_state()
    expect(page.locator("input:focus")).to_have_count(1)
    page.keyboard.type(text)
    page.keyboard.press("Enter")


@dataclass(frozen=True)
class Notes:
    """An application that asks for consent at one address, and hears at another."""

    asks: str
    hears: str


@pytest.fixture
def notes(place: Place, application: Backend) -> Iterator[Notes]:
    hears = f"http://127.0.0.1:{application.port}/callback"
    flows = {
        "authorization_flow": "default-provider-authorization-explicit-consent",
        "invalidation_flow": "default-provider-invalidation-flow",
    }
    asked = {name: place.program.api("GET", f"flows/instances/{slug}/")["pk"] for name, slug in flows.items()}
    uris = [{"matching_mode": "strict", "url": hears}]
    provider = place.program.api("POST", "providers/oauth2/", {"name": "notes", "redirect_uris": uris, **asked})
    place.program.api("POST", "core/applications/", {"name": "Notes", "slug": "notes", "provider": provider["pk"]})
    query = {
        "response_type": "code",
        "client_id": provider["client_id"],
        "redirect_uri": hears,
        "scope": "openid email",
        "state": "s",
    }
    yield Notes(f"{place.url}/application/o/authorize/?{urlencode(query)}", hears)
    place.program.api("DELETE", "core/applications/notes/")
    place.program.api("DELETE", f"providers/oauth2/{provider['pk']}/")


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_an_application_gets_what_somebody_consents_to(place: Place, notes: Notes, scripts: bool) -> None:
    name = f"mia{int(scripts)}"
    place.person(name)
    page = place.page(scripts)

    def answered(button: str) -> dict[str, list[str]]:
        page.goto(notes.asks)
        expect(page.locator("main")).to_contain_text("Notes asks to:")
        page.get_by_role("button", name=button, exact=True).press("Enter")
        page.wait_for_url(notes.hears + "*")
        return parse_qs(urlsplit(page.url).query)

    place.password(page, name)
    page.wait_for_url("**/if/user/")
    assert answered("Do not allow")["error"] == ["access_denied"]
    told = answered("Continue")
    assert (told["state"], len(told["code"])) == (["s"], 1)
    page.goto(notes.asks)
    assert page.url.startswith(notes.hears), "who has consented is not asked again"
    page.goto(place.url + "/if/user/")
    page.get_by_role("button", name="Sign out").press("Enter")
    page.goto(notes.asks)
    assert "/if/flow/default-authentication-flow/" in page.url


@pytest.mark.full
def test_somebody_enrols_adds_codes_by_mail_forgets_the_password_and_signs_out(place: Place) -> None:
    """All without JavaScript; the second time of making an account needs an invitation."""
    place.program.api("PATCH", "admin/settings/", {"enrollment": "open"})
    page = place.page(scripts=False)
    page.goto(place.url + SIGN_IN)
    page.get_by_role("link", name="Make an account").click()
    enrol(page, "nora")
    place.follows_the_link(page, "nora@example.com")
    page.get_by_role("button", name="Go on").click()
    place.password(page, "nora")
    page.wait_for_url("**/if/user/")

    page.goto(f"{place.url}/if/user/settings/factors/")
    page.get_by_role("link", name="Codes by e-mail").click()
    page.get_by_label("E-mail address").fill("codes@example.net")
    page.keyboard.press("Enter")
    page.get_by_label("Code from the mail").fill(place.mailed("codes@example.net", r"^ +([0-9]{6})\s"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/if/user/settings/factors/")
    expect(page.locator("main")).to_contain_text("codes@example.net")
    page.get_by_role("button", name="Sign out").click()
    page.goto(place.url + "/if/user/")
    assert "default-authentication-flow" in page.url

    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label(re.compile("User name")).fill("nora")
    page.keyboard.press("Enter")
    place.follows_the_link(page, "nora@example.com")
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("One-time code").fill(place.mailed("codes@example.net", r"^ +([0-9]{6})\s"))
    page.keyboard.press("Enter")
    place.recovers(page, PASSWORD + "!")
    place.password(page, "nora", PASSWORD + "!")
    page.get_by_label("One-time code").fill(place.mailed("codes@example.net", r"^ +([0-9]{6})\s"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/if/user/**")
    page.get_by_role("button", name="Sign out").click()

    place.program.api("PATCH", "admin/settings/", {"enrollment": "invitation"})
    page.goto(f"{place.url}/if/flow/default-enrollment-flow/")
    expect(page.get_by_label("User name")).to_have_count(0)
    made = place.program.api("POST", "stages/invitation/invitations/", {"name": "for-oda", "single_use": True})
    page.goto(f"{place.url}/if/flow/default-enrollment-flow/?itoken={made['pk']}")
    enrol(page, "oda")
    assert "/if/flow/default-enrollment-flow/" in place.mailed("oda@example.com", r"(http://localhost\S+)")
    place.program.api("PATCH", "admin/settings/", {"enrollment": "off"})


def enrol(page: Page, username: str) -> None:
    page.get_by_label("User name").fill(username)
    page.get_by_label("E-mail address").fill(f"{username}@example.com")
    for field in ("New password", "New password again"):
        page.get_by_label(field, exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
