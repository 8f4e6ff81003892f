"""Chromium: initial setup with the code from the start-up lines, sign-out, sign-in, the applications page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.wire.chromium import SLOW_MILLISECONDS, chromium
from tests.wire.program import Program

pytestmark = pytest.mark.peer

NEW_PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module", params=["up", "control"])
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program whose administrator has not been set up."""
    running = Program(
        tmp_path_factory.mktemp("fresh"), request.param, OUTPOST_BOOTSTRAP_PASSWORD="", OUTPOST_BOOTSTRAP_TOKEN=""
    ).start()
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def page_of(browser: Browser, *, scripts: bool = True) -> Page:
    page = browser.new_context(java_script_enabled=scripts).new_page()
    page.set_default_timeout(SLOW_MILLISECONDS)
    return page


def sign_in(page: Page, program: Program, password: str) -> None:
    page.goto(program.http + "/")
    page.get_by_label(re.compile("user|mail", re.IGNORECASE)).fill("akadmin")
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_setup_sign_out_and_sign_in(fresh: Program, browser: Browser) -> None:
    found = re.search(r"http://\S+/if/flow/initial-setup/\?code=\S+", fresh.output())
    assert found is not None, fresh.output()
    page = page_of(browser, scripts=False)
    page.goto(fresh.http + "/")
    assert "/if/flow/initial-setup/" in page.url
    page.goto(found.group())
    page.get_by_label(re.compile("mail", re.IGNORECASE)).fill("admin@example.com")
    passwords = page.locator("input[type=password]")
    passwords.nth(0).fill(NEW_PASSWORD)
    passwords.nth(1).fill(NEW_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/if/user/")
    assert "authentik Default Admin" in page.inner_text("body")

    page.get_by_role("button", name=re.compile("sign out", re.IGNORECASE)).click()
    page.goto(fresh.http + "/if/user/")
    assert "/if/flow/default-authentication-flow/" in page.url

    stranger = page_of(browser)
    stranger.goto(found.group())
    assert stranger.locator("input[type=password]").count() < 2, "setup can run only once"


def test_sign_in_from_the_keyboard(fresh: Program, browser: Browser, scripts: bool) -> None:
    page = page_of(browser, scripts=scripts)
    sign_in(page, fresh, "wrong password")
    page.get_by_role("alert").first.wait_for()
    assert "/if/user/" not in page.url
    sign_in(page, fresh, NEW_PASSWORD)
    page.wait_for_url("**/if/user/")


def test_the_cookie_is_kept_from_scripts_and_other_sites(fresh: Program, browser: Browser) -> None:
    page = page_of(browser)
    sign_in(page, fresh, NEW_PASSWORD)
    page.wait_for_url("**/if/user/")
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie.get("name") == "authentik_session"]
    assert cookie.get("httpOnly") is True
    assert cookie.get("sameSite") == "Lax"


def test_a_form_that_is_sent_twice(fresh: Program, browser: Browser, scripts: bool) -> None:
    """In two tabs, where the second certainly comes after the first was answered with a new cookie: in the middle of a
    flow, and at its end."""
    name, own = f"twice-{scripts}", f"{NEW_PASSWORD} of my own"
    add_somebody_with_a_given_password(page_of(browser), fresh, name)
    page = page_of(browser, scripts=scripts)
    for again in passwords_sent(page, fresh, name, NEW_PASSWORD):
        again.locator("[name=password_repeat]").fill(own)
        again.locator("[name=password]").fill(own)
    page.get_by_role("button").click()
    page.wait_for_url("**/if/user/settings/")
    for tab in passwords_sent(page_of(browser, scripts=scripts), fresh, name, own):
        tab.wait_for_url("**/if/user/settings/")


def passwords_sent(page: Page, program: Program, name: str, password: str) -> list[Page]:
    """Two tabs on their way to a page, both of which have sent the form for the password."""
    page.goto(program.http + "/if/user/settings/")
    page.get_by_label(re.compile("user|mail", re.IGNORECASE)).fill(name)
    page.keyboard.press("Enter")
    page.get_by_label("Password").wait_for()
    tabs = [page, page.context.new_page()]
    tabs[1].goto(page.url)
    for tab in tabs:
        tab.get_by_label("Password").fill(password)
    for tab in tabs:
        with tab.expect_navigation():
            tab.keyboard.press("Enter")
    return tabs


def add_somebody_with_a_given_password(page: Page, program: Program, name: str) -> None:
    sign_in(page, program, NEW_PASSWORD)
    page.wait_for_url("**/if/user/")
    token = page.locator("[name=csrf_token]").first.get_attribute("value")
    api, headers = f"{program.http}/api/v3/core/users/", {"X-Authentik-CSRF": str(token)}
    made = page.request.post(api, headers=headers, data={"username": name, "name": name})
    given = {"password": NEW_PASSWORD, "must_change_password": True}
    done = page.request.post(f"{api}{made.json()['pk']}/set_password/", headers=headers, data=given)
    assert done.status == 204, done.text()
