"""Somebody signs in at npm's oidc-provider, and arrives here."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.harness.oidc_provider import installed
from tests.peers import require
from tests.ports import free_port
from tests.wire import processes
from tests.wire.chromium import chromium
from tests.wire.directory import Directory
from tests.wire.nginx import is_listening
from tests.wire.program import SOON, Program, until

pytestmark = [pytest.mark.peer, pytest.mark.full]

SLUG = "oidc-provider"
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""For Chromium: the forms there name fonts on the Internet."""
CLIENT, CLIENT_SECRET = "outpost", "a-secret-of-this-test-0123456789"


@pytest.fixture
def issuer(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require("npm")
    place, port = installed(tmp_path_factory.getbasetemp()), free_port()
    environ = {
        **os.environ,
        "PORT": str(port),
        "CLIENT": CLIENT,
        "CLIENT_SECRET": CLIENT_SECRET,
        "CALLBACK": f"{program.control.http}/source/oauth/callback/{SLUG}/",
        "NODE_ENV": "production",
    }
    process = processes.start(
        [require("node"), "provider.mjs"], cwd=place, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: is_listening(port), SOON, "oidc-provider listening")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop(process)


@pytest.fixture
def source(program: Program, issuer: str) -> Iterator[dict[str, Any]]:
    given = {
        "name": "npm's",
        "slug": SLUG,
        "provider_type": "openidconnect",
        "consumer_key": CLIENT,
        "consumer_secret": CLIENT_SECRET,
        "oidc_well_known_url": f"{issuer}/.well-known/openid-configuration",
        "enrollment_flow": program.api("GET", "flows/instances/default-source-enrollment/")["pk"],
    }
    made = program.api("POST", "sources/oauth/", given)
    assert "consumer_secret" not in made
    yield made
    program.api("DELETE", f"sources/oauth/{SLUG}/")


def signed_in(program: Program, browser: httpx.Client, name: str) -> dict[str, Any]:
    """Who that is here: the browser goes there by the button on our page, and through the two forms there."""
    page = browser.get(f"{program.control.http}/if/flow/default-authentication-flow/?next=/if/user/").text
    found = re.search(r'href="(/source/oauth/login/[^"]+)"', page)
    assert found is not None
    answer = browser.get(program.control.http + found[1].replace("&amp;", "&"))
    for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
        action = re.search(r'action="([^"]+)"', answer.text)
        assert action is not None, answer.text
        answer = browser.post(action[1], data=form)
    assert answer.url.path == "/if/user/", answer.text
    me: dict[str, Any] = browser.get(f"{program.control.http}/api/v3/core/users/me/").json()["user"]
    return me


def test_somebody_new_gets_an_account_and_comes_back_to_it(
    program: Program, people: Directory, source: dict[str, Any]
) -> None:
    for _ in range(2):
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            me = signed_in(program, browser, "nadia")
            assert (me["username"], me["email"]) == ("nadia", "nadia@example.com")
    (connection,) = program.api("GET", "sources/user_connections/oauth/")["results"]
    assert (connection["identifier"], connection["source"]) == ("nadia", source["pk"])
    program.api("DELETE", f"core/users/{connection['user']}/")
    assert program.api("GET", "sources/user_connections/oauth/")["results"] == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_in_chromium_they_go_through_the_forms_there(
    program: Program, people: Directory, source: dict[str, Any], scripts: bool
) -> None:
    with chromium(ALONE) as browser:
        for _ in range(2):
            page = arrived(program, browser, "nadia", scripts)
            expect(page.locator("body")).to_contain_text("nadia")
        (connection,) = program.api("GET", "sources/user_connections/oauth/")["results"]
        assert connection["identifier"] == "nadia"
        program.api("DELETE", f"core/users/{connection['user']}/")
        page.goto(f"{program.control.http}/if/user/")
        expect(page.get_by_label("User name")).to_be_visible()


def arrived(program: Program, browser: Browser, name: str, scripts: bool) -> Page:
    """In a browser that knows nobody yet."""
    page = browser.new_context(java_script_enabled=scripts).new_page()
    page.goto(f"{program.control.http}/if/user/")
    page.get_by_role("link", name="Sign in with npm's").click()
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("any")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Continue").press("Enter")
    page.wait_for_url(f"{program.control.http}/if/user/")
    return page
