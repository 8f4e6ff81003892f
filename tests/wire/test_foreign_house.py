"""People sign in at a foreign provider, which is a second house of ours, by the button on our page: they are who they
are linked to, or get an account. Through our reverse proxy, what ends there ends here, with the WebSocket that is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from control.sources.arriving import LATEST
from tests.wire.apart import Apart
from tests.wire.application import application
from tests.wire.chromium import chromium
from tests.wire.clock import Clock
from tests.wire.directory import PASSWORDS, add_user
from tests.wire.fronts import AUTH, RESOLVER, sign_in
from tests.wire.journeys import WEBSOCKET
from tests.wire.program import SOON, Program, until
from tests.wire.test_reverse_proxy import CUT_SECONDS, NAME

pytestmark = pytest.mark.peer

SLUG = "abroad"
CLIENT, SECRET = "here", "a-secret-of-this-test-0123456789"
ANSWERED_SECONDS = 60
MOST_TABS = 10
"""From the field for the name to the button of the source."""


@dataclass
class Houses:
    abroad: Program
    here: Apart
    clock: Clock
    client: int
    """The provider abroad."""
    person: int
    """Bob abroad."""

    @property
    def url(self) -> str:
        return f"http://{NAME}:{self.here.place('http')[1]}"

    @property
    def auth(self) -> str:
        return f"http://{AUTH}:{self.here.control.place('http')[1]}"

    @contextmanager
    def letting_newcomers_in(self) -> Iterator[None]:
        flow = flows(self.here, enrollment_flow="default-source-enrollment")
        self.here.api("PATCH", f"sources/oauth/{SLUG}/", flow)
        try:
            yield
        finally:
            self.here.api("PATCH", f"sources/oauth/{SLUG}/", {"enrollment_flow": None})

    def arrives(self, browser: Browser, who: str, scripts: bool) -> Page:
        """A browser that knows nobody yet, without a mouse."""
        page = browser.new_context(java_script_enabled=scripts).new_page()
        self.presses(page)
        page.wait_for_url(f"{self.abroad.http}/**")
        expect(page.get_by_label("User name")).to_be_focused()
        page.keyboard.type(who)
        page.keyboard.press("Enter")
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.type(PASSWORDS[who])
        page.keyboard.press("Enter")
        return page

    def presses(self, page: Page) -> None:
        """The source's button."""
        page.goto(f"{self.auth}/if/user/")
        expect(page.get_by_label("User name")).to_be_focused()
        button = page.get_by_role("link", name="Sign in with Abroad")
        for _ in range(MOST_TABS):
            page.keyboard.press("Tab")
            if button.and_(page.locator(":focus")).count():
                break
        page.keyboard.press("Enter")

    def accounts(self, who: str) -> list[int]:
        return [user["pk"] for user in self.here.api("GET", "core/users/", query={"username": who})["results"]]

    def connected(self, who: int) -> list[str]:
        """Who that is abroad."""
        found = self.here.api("GET", "sources/user_connections/oauth/", query={"user": str(who)})["results"]
        return [one["identifier"] for one in found]

    def hears_of_endings(self, does: bool) -> None:
        url = f"{self.here.control.http}/source/oauth/backchannel-logout/{SLUG}/" if does else ""
        self.abroad.api("PATCH", f"providers/oauth2/{self.client}/", {"logout_uri": url})

    @contextmanager
    def websocket(self) -> Iterator[Page]:
        """Of somebody who has signed in abroad, by the button on our page."""
        with chromium(RESOLVER) as browser:
            page = browser.new_context().new_page()
            page.goto(f"{self.url}/page")
            page.get_by_role("link", name="Abroad").click()
            page.wait_for_url(f"{self.abroad.http}/**")
            sign_in(page, "bob")
            page.wait_for_url(f"{self.url}/page")
            assert page.evaluate(WEBSOCKET) == "hello"
            yield page

    def ended_by(self, page: Page, end: Callable[[], None]) -> float:
        """Seconds until the WebSocket is cut."""
        began = time.monotonic()
        end()
        page.wait_for_function("window.ended", timeout=ANSWERED_SECONDS * 1000)
        return time.monotonic() - began

    def end_sessions_abroad(self) -> None:
        for session in self.abroad.api("GET", "core/authenticated_sessions/", query={"user__username": "bob"})[
            "results"
        ]:
            self.abroad.api("DELETE", f"core/authenticated_sessions/{session['uuid']}/")

    def leave(self, active: bool = False) -> None:
        self.abroad.api("PATCH", f"core/users/{self.person}/", {"is_active": active})


def flows(program: Program, **wanted: str) -> dict[str, str]:
    return {name: program.api("GET", f"flows/instances/{slug}/")["pk"] for name, slug in wanted.items()}


PROVIDER_FLOWS = {
    "authorization_flow": "default-provider-authorization-implicit-consent",
    "invalidation_flow": "default-provider-invalidation-flow",
}


def _abroad(program: Program, callback: str) -> int:
    made = program.api(
        "POST",
        "providers/oauth2/",
        {
            "name": "here",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [{"matching_mode": "strict", "url": callback}],
            "sub_mode": "user_username",
            **flows(program, **PROVIDER_FLOWS),
        },
    )
    program.api("POST", "core/applications/", {"name": "Here", "slug": "here", "provider": made["pk"]})
    pk: int = made["pk"]
    return pk


def _here(program: Apart, issuer: str, behind: int) -> None:
    control = program.control.place("http")[1]
    program.api("PATCH", "admin/settings/", {"base_url": f"http://{AUTH}:{control}"})
    source = program.api(
        "POST",
        "sources/oauth/",
        {
            "name": "Abroad",
            "slug": SLUG,
            "provider_type": "openidconnect",
            "consumer_key": CLIENT,
            "consumer_secret": SECRET,
            "oidc_well_known_url": f"{issuer}.well-known/openid-configuration",
            "additional_scopes": "offline_access",
        },
    )
    user = add_user(program, "bob", PASSWORDS["bob"])
    program.api("POST", "sources/user_connections/oauth/", {"user": user, "source": source["pk"], "identifier": "bob"})
    provider = program.api(
        "POST",
        "providers/proxy/",
        {
            "name": "wiki",
            "mode": "proxy",
            "external_host": f"http://{NAME}:{program.place('http')[1]}",
            "internal_host": f"http://127.0.0.1:{behind}",
            **flows(program, **PROVIDER_FLOWS),
        },
    )["pk"]
    program.api("POST", "core/applications/", {"name": "Wiki", "slug": "wiki", "provider": provider})
    (outpost,) = program.api("GET", "outposts/instances/", query={"name__iexact": program.outpost_name})["results"]
    program.api("PATCH", f"outposts/instances/{outpost['pk']}/", {"providers": [provider]})


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    folder = tmp_path_factory.mktemp("houses")
    clock = Clock(folder)
    abroad = Program(folder / "abroad", "up", **clock.environ).start()
    here = Apart(folder / "here", clock=clock.environ)
    try:
        here.start()
        with application() as behind:
            callback = f"http://{AUTH}:{here.control.place('http')[1]}/source/oauth/callback/{SLUG}/"
            client = _abroad(abroad, callback)
            person = add_user(abroad, "bob", PASSWORDS["bob"])
            add_user(abroad, "carol", PASSWORDS["carol"])
            _here(here, f"{abroad.http}/application/o/here/", behind.port)
            yield Houses(abroad, here, clock, client, person)
    finally:
        try:
            code = here.stop()
        finally:
            other = abroad.stop()
    assert (code, other) == (0, 0)
    assert "Traceback" not in here.control.output() + here.output() + abroad.output()


@pytest.mark.parametrize(
    "scripts", [pytest.param(True, marks=pytest.mark.full), False], ids=["with JavaScript", "without JavaScript"]
)
def test_people_arrive_from_the_keyboard_as_who_they_are_here(houses: Houses, scripts: bool) -> None:
    """bob is linked; carol gets an account when the source says so, and comes back to it."""
    with chromium(RESOLVER) as browser:
        page = houses.arrives(browser, "bob", scripts)
        page.wait_for_url(f"{houses.auth}/if/user/")
        expect(page.locator("body")).to_contain_text("Bob")

        page = houses.arrives(browser, "carol", scripts)
        expect(page.get_by_role("status")).to_contain_text("Nobody here is connected")
        assert houses.accounts("carol") == []
        with houses.letting_newcomers_in():
            for _ in range(2):
                page.context.clear_cookies(domain=AUTH)
                houses.presses(page)
                page.wait_for_url(f"{houses.auth}/if/user/")
                expect(page.locator("body")).to_contain_text("Carol")
        (made,) = houses.accounts("carol")
        assert houses.connected(made) == ["carol"]
        houses.here.api("DELETE", f"core/users/{made}/")


def test_a_logout_token_cuts_the_websocket(houses: Houses, capsys: pytest.CaptureFixture[str]) -> None:
    houses.hears_of_endings(True)
    with houses.websocket() as page:
        seconds = houses.ended_by(page, houses.end_sessions_abroad)
        with capsys.disabled():
            print(f"\ncut {seconds * 1000:.0f} ms after the end abroad")
        assert seconds < CUT_SECONDS
        page.goto(houses.url)
        assert page.url.startswith(f"http://{AUTH}")


def test_whose_account_ended_abroad_is_out_when_the_source_is_asked_again(houses: Houses) -> None:
    """Without any word of its own."""
    houses.hears_of_endings(False)
    with houses.websocket() as page:
        houses.clock.go_on(int(LATEST) + 1)
        time.sleep(3)
        assert not page.evaluate("window.ended"), "asked again, abroad lets them in"
        houses.leave()
        try:
            houses.ended_by(page, lambda: houses.clock.go_on(int(LATEST) + 1))
        finally:
            houses.leave(active=True)
    until(lambda: "does not let its owner in any more" in houses.here.control.output(), SOON, "a line in the log")
