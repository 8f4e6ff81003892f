"""Second factors in the browser, without JavaScript: set up, asked for, and the same through the JSON executor."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyotp
import pytest

from control.records import Authenticator
from tests.control.web.browsing import LOGIN, PASSWORD, USER, Browser, Site

TOTP, STATIC = "/if/flow/default-authenticator-totp-setup/", "/if/flow/default-authenticator-static-setup/"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.administrator()
    made.user("alice")
    yield made
    made.close()


def program(browser: Browser) -> pyotp.TOTP:
    """What the page shows to scan."""
    found = re.search(r"<code>([A-Z2-7]+)</code>", browser.page.text)
    assert found is not None, browser.text
    return pyotp.TOTP(found.group(1))


def set_up(site: Site, browser: Browser) -> pyotp.TOTP:
    browser.get(TOTP)
    made = program(browser)
    browser.submit(code=made.at(int(site.clock())))
    site.clock.advance(30)
    return made


def test_setting_up_a_program_and_signing_in_with_it(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    made = set_up(site, browser)
    again = site.browser()
    again.sign_in("alice")
    assert "One-time code" in again.text
    assert again.get(USER).status_code == 303, "half a sign-in opens nothing"
    again.get(LOGIN)
    again.submit(code="000000")
    assert "This code is wrong" in again.text
    assert again.submit(code=made.at(int(site.clock()))).url.path == USER


def test_the_page_shows_a_qr_code_and_stays_the_same_when_it_is_opened_again(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    first = program(browser) if browser.get(TOTP) else None
    image = re.search(r'src="(data:image/svg\+xml[^"]+)"', browser.page.text)
    assert image is not None
    assert "<svg" in unquote(image.group(1)) or b"<svg" in base64.b64decode(image.group(1).split(",", 1)[1])
    assert "img-src" in browser.page.headers["content-security-policy"]
    browser.get(TOTP)
    assert first is not None
    assert program(browser).secret == first.secret


def test_codes_on_paper_are_shown_once_and_let_in(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    browser.get(STATIC)
    codes = re.findall(r"<code>([a-z0-9]{12})</code>", browser.page.text)
    assert len(codes) == 6
    browser.submit()
    other = site.browser()
    other.sign_in("alice")
    assert other.submit(code=codes[3].upper()).url.path == USER
    browser.get(STATIC)
    assert not set(codes) & set(re.findall(r"<code>([a-z0-9]{12})</code>", browser.page.text))


@pytest.mark.parametrize("path", [TOTP, STATIC])
def test_a_stranger_sets_nothing_up(site: Site, path: str) -> None:
    browser = site.browser()
    assert browser.get(path).status_code == 303
    assert "/flows/-/default/authentication/" in browser.page.headers["location"]
    assert site.sql.read_now(lambda tx: tx.count(Authenticator)) == 0


def test_the_json_executor_asks_the_same(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("alice")
    made = set_up(site, browser)
    client = site.browser()
    path = "/api/v3/flows/executor/default-authentication-flow/"

    def post(**fields: object) -> Any:
        page = client.request("POST", path, follow=True, json=fields, headers={"Origin": client.origin})
        return page.json()

    client.get(path)
    post(component="ak-stage-identification", uid_field="alice")
    asked = post(component="ak-stage-password", password=PASSWORD)
    assert asked["component"] == "ak-stage-authenticator-validate"
    (device,) = asked["device_challenges"]
    told = post(component=asked["component"], code=made.at(int(site.clock())), selected_challenge=device)
    assert told["component"] == "xak-flow-redirect"
