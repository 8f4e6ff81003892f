"""A browser in which somebody has signed in is known at the next sign-in, theirs alone, and for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.known_devices import MOST_DEVICES, is_known, remember
from control.records import KnownDevice, Stage
from control.verbs import stages, users
from control.web.browser import DEVICE_COOKIE
from tests.control.web.browsing import HOST, LOGIN, Browser, Site

DAY = 86_400


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    opened.administrator()
    opened.user("alice")
    opened.user("bob")
    yield opened
    opened.close()


def signs_in(site: Site, browser: Browser, username: str = "alice") -> bool:
    """Anew; was the browser known?"""
    browser.client.cookies.delete("authentik_session")
    site.clock.advance(1)
    browser.sign_in(username)
    context = site.events("login")[-1].context
    assert context["auth_method"] == "password"
    known: bool = context["auth_method_args"]["known_device"]
    return known


def lasting(site: Site, duration: str) -> None:
    def change(tx: Any) -> None:
        stage = tx.find(Stage, name="default-authentication-login")
        stages.update(tx, stage.pk, {"remember_device": duration})

    site.sql.write_now(change)


def test_a_browser_is_known_at_the_next_sign_in(site: Site) -> None:
    alice = site.browser()
    assert [signs_in(site, alice), signs_in(site, alice)] == [False, True]
    assert signs_in(site, site.browser()) is False, "another browser is not"
    assert signs_in(site, alice, "bob") is False, "nor is it bob's"


def test_it_is_forgotten_when_its_time_is_over(site: Site) -> None:
    lasting(site, "days=2")
    alice = site.browser()
    signs_in(site, alice)
    cookie = str(alice.client.cookies.get(DEVICE_COOKIE))
    site.clock.advance(2 * DAY)
    alice.client.cookies.set(DEVICE_COOKIE, cookie, HOST, "/")
    assert signs_in(site, alice) is False


def test_the_cookie_is_another_one_each_time_and_the_old_one_is_nobodys(site: Site) -> None:
    alice, thief = site.browser(), site.browser()
    thief.client.cookies.set(DEVICE_COOKIE, "planted", HOST, "/")
    alice.client.cookies.set(DEVICE_COOKIE, "planted", HOST, "/")
    signs_in(site, alice)
    assert signs_in(site, thief) is False, "a cookie that was planted is known nowhere"
    old = str(alice.client.cookies.get(DEVICE_COOKIE))
    signs_in(site, alice)
    thief.client.cookies.set(DEVICE_COOKIE, old, HOST, "/")
    assert signs_in(site, thief) is False


def test_the_cookie_is_for_us_alone_and_lasts(site: Site) -> None:
    alice = site.browser()
    alice.get(LOGIN)
    alice.submit(uid_field="alice")
    done = alice.submit(follow=False, password="correct horse battery")
    (said,) = [line for line in done.headers.get_list("set-cookie") if line.startswith(DEVICE_COOKIE)]
    assert {"HttpOnly", f"Max-Age={30 * DAY}", "Path=/", "SameSite=lax"} <= {part.strip() for part in said.split(";")}


def test_a_stage_may_remember_nothing(site: Site) -> None:
    lasting(site, "seconds=0")
    alice = site.browser()
    signs_in(site, alice)
    assert alice.client.cookies.get(DEVICE_COOKIE) is None
    assert site.sql.read_now(lambda tx: tx.count(KnownDevice)) == 0


def test_a_known_browser_opens_nothing(site: Site) -> None:
    alice = site.browser()
    signs_in(site, alice)
    alice.client.cookies.delete("authentik_session")
    assert alice.get("/if/user/").status_code == 303
    alice.get(LOGIN)
    alice.submit(uid_field="alice")
    assert "wrong" in alice.submit(password="guess").text


def test_one_person_has_so_many_at_most(site: Site) -> None:
    def verb(tx: Any) -> tuple[bool, bool, int]:
        carol = users.create(tx, {"username": "carol", "name": "Carol"}).pk
        for number in range(MOST_DEVICES + 1):
            remember(tx, carol, "", f"cookie {number}", DAY + number)
        return is_known(tx, "cookie 0", carol), is_known(tx, "cookie 1", carol), tx.count(KnownDevice)

    assert site.sql.write_now(verb) == (False, True, MOST_DEVICES)
