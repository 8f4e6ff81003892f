"""A new password in the browser, without JavaScript: when it is asked for, and by people themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control import tries
from control.verbs import users
from tests.control.web.browsing import LOGIN, PASSWORD, USER, Browser, Site

CHANGE = "/if/flow/default-password-change/"
OWN = "a password of one's own"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.administrator()
    yield made
    made.close()


def test_the_way_leads_over_the_new_password_to_where_it_began(site: Site) -> None:
    alice = site.user("alice")
    site.change(alice.pk, must_change_password=True)
    browser = site.browser()
    browser.sign_in("alice", at=f"{LOGIN}?next=/if/user/%3Fx%3D1")
    assert "choose a password of your own" in browser.text
    assert 'autocomplete="new-password"' in browser.page.text
    assert [session.user for session in site.sessions()] == [None]
    page = browser.submit(password="short", password_repeat="short")
    assert "at least 8 characters" in page.text
    page = browser.submit(password=OWN, password_repeat=OWN)
    assert (page.status_code, page.url.raw_path.decode()) == (200, f"{USER}?x=1")
    assert site.browser().sign_in("alice", OWN).url.path == USER


def test_other_browsers_of_the_person_are_signed_out_by_it(site: Site) -> None:
    site.user("alice")
    old, new = site.browser(), site.browser()
    old.sign_in("alice")
    site.clock.advance(1)
    new.get(CHANGE)
    new.submit(uid_field="alice")
    new.submit(password=PASSWORD)
    assert new.submit(password=OWN, password_repeat=OWN).url.path == "/if/user/"
    assert old.get(USER, follow=True).url.path != USER


def test_the_browser_that_is_signed_in_goes_on_signed_in(site: Site) -> None:
    site.user("alice")
    browser = site.browser()
    browser.sign_in("alice")
    site.clock.advance(1)
    assert f'<a href="{CHANGE}">Change your password</a>' in browser.get(USER).text
    browser.get(CHANGE, follow=True)
    browser.submit(uid_field="alice")
    browser.submit(password=PASSWORD)
    browser.submit(password=OWN, password_repeat=OWN)
    assert browser.get(USER).status_code == 200


def test_guesses_of_the_old_password_are_counted_here_as_everywhere(site: Site) -> None:
    site.user("alice")
    browser = site.browser()
    browser.get(CHANGE)
    browser.submit(uid_field="alice")
    for _ in range(tries.FREE + 1):
        browser.submit(password="a guess")
        if 'name="password"' not in browser.page.text:  # that went wrong too often: from the beginning
            browser.get(CHANGE)
            browser.submit(uid_field="alice")
    assert "Too many attempts" in browser.submit(password=PASSWORD).text


def test_the_administrator_gives_a_password_for_one_sign_in(site: Site) -> None:
    alice, admin = site.user("alice"), site.browser()
    admin.sign_in("akadmin")
    admin.get(f"/if/admin/identity/users/{alice.pk}/password/")
    admin.submit(password="for the first day", again="for the first day", must_change_password="on")
    browser = site.browser()
    browser.sign_in("alice", "for the first day")
    assert "choose a password of your own" in browser.text
    _choose(browser)
    admin.get(f"/if/admin/identity/users/{alice.pk}/password/")
    admin.submit(password="for good this time", again="for good this time")
    assert site.browser().sign_in("alice", "for good this time").url.path == USER


def test_the_event_says_that_it_was_changed_and_not_to_what(site: Site) -> None:
    alice = site.user("alice")
    site.sql.write_now(lambda tx: users.update(tx, alice.pk, {"must_change_password": True}))
    browser = site.browser()
    browser.sign_in("alice")
    site.clock.advance(1)
    _choose(browser)
    told = str(site.events("model_updated")[-1])
    assert "must_change_password" in told
    assert "'username': 'alice'" in told
    assert OWN not in told
    assert "argon2id" not in told


def _choose(browser: Browser) -> None:
    assert browser.submit(password=OWN, password_repeat=OWN).url.path == USER
