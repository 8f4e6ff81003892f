"""The article's whole walk in Chromium: setup, public URL, Grafana, a proxy provider, and the application behind Caddy.

Names lead to this machine, and Caddy listens on ports of the test's; everything else is as the article says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.ports import free_port
from tests.wire import caddy as caddies
from tests.wire.chromium import SLOW_MILLISECONDS, chromium
from tests.wire.fronts import APP, AUTH, RESOLVER
from tests.wire.grafana import Grafana, grafana
from tests.wire.nginx import Backend, backend
from tests.wire.program import EMBEDDED, SOON, Program, until

pytestmark = pytest.mark.peer

GRAFANA = "grafana.example.com"
PASSWORD = "correct horse battery staple"
SITES = """\
app.example.com {{
    forward_auth {outpost} {{
        uri /outpost.goauthentik.io/auth/caddy
        copy_headers X-Authentik-Username X-Authentik-Groups X-Authentik-Email X-Authentik-Name
        trusted_proxies private_ranges
    }}
    reverse_proxy 127.0.0.1:{app}
}}
auth.example.com {{
    reverse_proxy {outpost}
}}
grafana.example.com {{
    reverse_proxy 127.0.0.1:{grafana}
}}
"""


@dataclass
class Place:
    program: Program
    application: Backend
    grafana: Grafana
    port: int

    def at(self, name: str) -> str:
        return f"https://{name}:{self.port}"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A machine where nobody is set up yet, with Caddy in front."""
    program = Program(tmp_path / "up", "up", OUTPOST_BOOTSTRAP_PASSWORD="", OUTPOST_BOOTSTRAP_TOKEN="").start()
    http_port, https_port = free_port(), free_port()
    auth, shown = f"https://{AUTH}:{https_port}", f"https://{GRAFANA}:{https_port}"
    try:
        with backend() as application, grafana(shown, auth, program.http) as monitoring:
            ports = {"outpost": program.ports["http"][0], "app": application.port, "grafana": monitoring.port}
            folder = tmp_path / "caddy"
            folder.mkdir()
            names = (APP, AUTH, GRAFANA)
            with caddies.caddy(caddies.recent(), folder, SITES.format(**ports), http_port, https_port, names):
                yield Place(program, application, monitoring, https_port)
    finally:
        code = program.stop()
    assert code == 0, program.output()
    assert "Traceback" not in program.output(), program.output()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(RESOLVER) as started:
        yield started


def test_the_articles_walk(place: Place, browser: Browser) -> None:
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(SLOW_MILLISECONDS)
    page = context.new_page()
    set_up(page, place)
    set_the_public_url(page, place)
    make_grafana_known(page, place)
    sign_in_to_grafana(page, place)
    make_the_application_known(page, place)
    assign_it(page, place)
    open_the_application(browser, place)


def menu(page: Page, *words: str) -> None:
    """Clicks through the menu as the article writes it."""
    for word in words:
        page.get_by_role("navigation", name="Administration").get_by_role("link", name=word, exact=True).click()


def set_up(page: Page, place: Place) -> None:
    found = re.search(r"http://\S+/if/flow/initial-setup/\?code=(\S+)", place.program.output())
    assert found is not None, place.program.output()
    page.goto(f"{place.at(AUTH)}/if/flow/initial-setup/?code={found.group(1)}")
    page.get_by_label(re.compile("mail", re.IGNORECASE)).fill("admin@example.com")
    passwords = page.locator("input[type=password]")
    passwords.nth(0).fill(PASSWORD)
    passwords.nth(1).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/if/user/")
    page.get_by_role("link", name="Administration", exact=True).first.click()
    page.wait_for_url("**/if/admin/")


def set_the_public_url(page: Page, place: Place) -> None:
    menu(page, "Configuration")
    page.get_by_label("Public URL").fill(place.at(AUTH))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("status").get_by_text("Saved.").wait_for()
    assert page.get_by_label("Public URL").input_value() == place.at(AUTH)


def make_grafana_known(page: Page, place: Place) -> None:
    menu(page, "Groups")
    page.get_by_role("link", name="Create").click()
    page.get_by_label("Name", exact=True).fill("grafana-admins")
    page.get_by_role("button", name="Create").click()
    page.get_by_placeholder("Username").fill("akadmin")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("status").get_by_text("Added.").wait_for()

    menu(page, "Providers")
    page.get_by_role("link", name="Create").click()
    page.get_by_role("link", name="OAuth2/OpenID Provider").click()
    page.get_by_label("Name", exact=True).fill("grafana")
    assert "Confidential" in page.get_by_label("Client type").locator("option:checked").inner_text()
    page.get_by_label("Redirect URIs").fill(f"{place.at(GRAFANA)}/login/generic_oauth")
    page.get_by_label("Signing Key").select_option("authentik Self-signed Certificate")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("status").get_by_text("Made.").wait_for()
    client_id = page.locator("#client_id").input_value()
    page.get_by_role("button", name="Show Client Secret").click()
    secret = page.locator("#client_secret[type=text]").input_value()
    assert len(client_id) == 40
    assert len(secret) == 128
    place.grafana.configure(client_id, secret)

    menu(page, "Applications")
    page.get_by_role("link", name="Create").click()
    page.get_by_label("Name", exact=True).fill("Grafana")
    page.get_by_label("Slug").fill("grafana")
    page.get_by_label("Provider", exact=True).select_option(label="grafana (OAuth2/OpenID Provider)")
    page.get_by_label("Launch URL").fill(place.at(GRAFANA))
    page.get_by_role("button", name="Create").click()
    page.get_by_role("status").get_by_text("Made.").wait_for()


def sign_in_to_grafana(page: Page, place: Place) -> None:
    """From the launcher."""
    page.get_by_role("link", name="Applications", exact=True).first.click()
    page.get_by_role("link", name="Grafana").click()
    page.get_by_role("link", name="Sign in with Authentik").click()
    page.get_by_text("Welcome akadmin, you are Admin").wait_for()
    page.goto(f"{place.at(AUTH)}/if/admin/")


def make_the_application_known(page: Page, place: Place) -> None:
    menu(page, "Providers")
    page.get_by_role("link", name="Create").click()
    page.get_by_role("link", name="Proxy Provider").click()
    page.get_by_label("Name", exact=True).fill("app")
    page.get_by_label("Mode", exact=True).select_option(label="Forward auth (single application)")
    page.get_by_label("External host").fill(place.at(APP))
    page.get_by_role("button", name="Create").click()
    page.get_by_text("No outpost serves the provider “app”").wait_for()
    page.get_by_role("link", name="Create the application").click()
    page.get_by_label("Slug").fill("app")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("status").get_by_text("Made.").wait_for()


def assign_it(page: Page, place: Place) -> None:
    menu(page, "Outposts")
    page.get_by_role("link", name=EMBEDDED).click()
    page.get_by_label("app (Proxy Provider)").check()
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_role("status").get_by_text("Saved.").wait_for()
    menu(page, "Overview")
    assert page.get_by_text("No outpost serves").count() == 0


def open_the_application(browser: Browser, place: Place) -> None:
    """In another browser: through Caddy, to the sign-in, and back with identity headers."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(SLOW_MILLISECONDS)
    page = context.new_page()
    until(lambda: _bounced(page, place), SOON, "the outpost serving the application")
    page.get_by_label(re.compile("user|mail", re.IGNORECASE)).fill("akadmin")
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{place.at(APP)}/reports?week=7")
    headers = [headers for path, headers in place.application.requests if path == "/reports?week=7"][-1]
    assert headers["x-authentik-username"] == "akadmin"
    assert headers["x-authentik-email"] == "admin@example.com"
    assert "grafana-admins" in headers["x-authentik-groups"]


def _bounced(page: Page, place: Place) -> bool:
    page.goto(f"{place.at(APP)}/reports?week=7")
    return page.url.startswith(f"{place.at(AUTH)}/if/flow/")
