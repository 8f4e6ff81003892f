"""A browser that was left open is not enough to change anything by a right that somebody holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Route

from control.records import Application, Authenticator, Group, MailServer, Session, Token, User
from control.sessions import AT_WORK_SECONDS, RECENT_SECONDS
from control.store.interface import Query
from control.verbs import authenticators, groups, tokens
from control.web import admin_api
from control.web.admin_api.callers import people
from control.web.admin_api.endpoint import Endpoint
from control.web.console import routes
from tests.control.web.browsing import PASSWORD, Browser, Site

USERS, GROUPS = "/if/admin/identity/users/", "/if/admin/identity/groups/"
SIGN_IN = "/flows/-/default/authentication/"
SIGN_IN_AGAIN = "Sign in again"


def every(site: Site, kind: Any, **equal: Any) -> list[Any]:
    return site.sql.read_now(lambda tx: tx.select(kind, Query(equal=equal)))


def prove(browser: Browser, username: str = "akadmin") -> None:
    browser.submit(uid_field=username)
    browser.submit(password=PASSWORD)


def test_every_form_of_the_console_asks(site: Site, admin: Browser) -> None:
    """Whatever is posted is not even looked at."""
    admin.get(USERS)
    token = admin.token if "csrf_token" in admin.page.text else every(site, Session)[-1].csrf
    site.clock.advance(RECENT_SECONDS)
    posted = 0
    for route in routes(site.services):
        assert isinstance(route, Route)
        if "POST" in (route.methods or ()):
            kind = "oauth2" if "/providers/" in route.path else "~"
            path = route.path.replace("{kind}", kind).replace("{key}", "1")
            page = admin.post(path, follow=False, csrf_token=token)
            assert (page.status_code, "Show again who you are" in page.text) == (403, True), path
            posted += 1
    assert posted > 100


def test_every_change_by_the_api_asks_and_says_what_to_do(site: Site, admin: Browser) -> None:
    """Beside those that people make to what is theirs alone, and a question that changes nothing."""
    headers = {"X-Authentik-CSRF": every(site, Session)[-1].csrf, "Origin": admin.origin}
    site.clock.advance(RECENT_SECONDS)
    free, asked = set(), 0
    for route in admin_api.routes(site.services):
        assert isinstance(route, Route)
        for method, action in route.app.actions.items() if isinstance(route.app, Endpoint) else ():
            if method == "GET":
                continue
            path = re.sub(r"\{\w+\}", "1", route.path)
            answer = admin.request(method, f"/api/v3{path}", headers=headers, json={})
            if (action.permit is people and not action.recent) or action.recent is False:
                free.add(route.path)
                continue
            assert (answer.status_code, SIGN_IN_AGAIN in answer.text) == (403, True), (method, path)
            asked += 1
    assert asked > 150
    assert free == {
        "/core/authenticated_sessions/{key}/",
        "/core/user_consent/{key}/",
        "/events/notifications/{key}/",
        "/events/notifications/mark_all_seen/",
        "/explain/",
    }


@pytest.mark.parametrize("call", ["set_password", "recovery", "recovery_email"])
def test_nobodys_account_is_taken_over_by_the_api(site: Site, admin: Browser, call: str) -> None:
    alice = site.user("alice", email="alice@example.com")
    headers = {"X-Authentik-CSRF": every(site, Session)[-1].csrf, "Origin": admin.origin}
    path = f"/api/v3/core/users/{alice.pk}/{call}/"
    site.clock.advance(RECENT_SECONDS)
    refused = admin.request("POST", path, headers=headers, json={"password": "another good one"})
    assert (refused.status_code, SIGN_IN_AGAIN in refused.json()["detail"]) == (403, True)
    site.clock.advance(-1)
    assert admin.request("POST", path, headers=headers, json={"password": "another good one"}).status_code != 403


def test_private_keys_are_not_shown_either(site: Site, admin: Browser) -> None:
    pairs = "/api/v3/crypto/certificatekeypairs/"
    headers = {"X-Authentik-CSRF": every(site, Session)[-1].csrf, "Origin": admin.origin}
    made = admin.request("POST", f"{pairs}generate/", headers=headers, json={"common_name": "x", "validity_days": 9})
    paths = [f"{pairs}{made.json()['pk']}/view_{what}/" for what in ("private_key", "certificate")]
    assert [admin.get(path).status_code for path in paths] == [200, 200]
    site.clock.advance(RECENT_SECONDS)
    assert [admin.get(path).status_code for path in paths] == [403, 200]


def test_somebody_is_asked_before_they_type_and_comes_back(site: Site, admin: Browser) -> None:
    alice = site.user("alice")
    here = f"{USERS}{alice.pk}/password/"
    for path in (here, f"{USERS}~new/~/", f"{USERS}{alice.pk}/delete/"):
        assert admin.get(path).status_code == 200
    site.clock.advance(RECENT_SECONDS)
    for path in (here, f"{USERS}~new/~/", f"{USERS}{alice.pk}/delete/"):
        assert admin.get(path).headers["location"].startswith(SIGN_IN)
    assert admin.get(f"{USERS}{alice.pk}/").status_code == 200, "whoever only looks is not asked"
    admin.get(here, follow=True)
    prove(admin)
    assert admin.page.url.path == here
    admin.submit(password="another good one", again="another good one")
    assert "The new password is set" in admin.text


def test_who_goes_on_changing_things_is_asked_once_an_hour(site: Site, admin: Browser) -> None:
    here = f"{USERS}{site.user('alice').pk}/password/"
    begun = site.clock.now()
    while site.clock.now() < begun + AT_WORK_SECONDS:
        assert admin.get(here).status_code == 200
        admin.submit(password="another good one", again="another good one")
        assert "The new password is set" in admin.text
        site.clock.advance(600)
    assert admin.get(here).headers["location"].startswith(SIGN_IN)


def test_who_only_looks_is_asked_as_before(site: Site, admin: Browser) -> None:
    """Whatever forms they open, and whatever is refused."""
    here = f"{USERS}{site.user('alice').pk}/password/"
    for _ in range(3):
        assert admin.get(here).status_code == 200
        site.clock.advance(RECENT_SECONDS / 3)
    refused = admin.submit(True, here, password="another good one", again="another good one")
    assert refused.status_code == 403
    assert admin.get(here).headers["location"].startswith(SIGN_IN)


def test_what_was_typed_is_not_lost(site: Site, admin: Browser) -> None:
    """It waits in the page, and is sent from there once somebody has signed in again in another tab."""
    alice = site.user("alice", email="alice@example.com")
    admin.get(f"{USERS}{alice.pk}/")
    seen = re.search(r'name="seen" value="([^"]+)"', admin.page.text)
    assert seen is not None
    typed = {"seen": seen.group(1), "username": "alice", "name": 'A. "Liddell" <3', "email": "alice@example.org"}
    site.clock.advance(RECENT_SECONDS)
    waiting = admin.submit(True, None, **typed, is_active="on")
    assert waiting.status_code == 403
    assert every(site, User, pk=alice.pk)[0].email == "alice@example.com"

    admin.get(re.findall(r'href="(/flows/[^"]+)" target="_blank"', waiting.text)[0], follow=True)
    prove(admin)
    assert "You have shown who you are" in admin.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', waiting.text))
    assert fields["name"] == "A. &#34;Liddell&#34; &lt;3"
    admin.page = waiting
    admin.submit(True, None, **typed, is_active="on")
    assert every(site, User, pk=alice.pk)[0].email == "alice@example.org"


def test_what_an_administrator_has_typed_is_not_done_for_somebody_else(site: Site, admin: Browser) -> None:
    """Who signs in meanwhile, with rights of their own, has not wanted it."""
    other = site.user("other")
    ruling = every(site, Group, is_superuser=True)[0]
    admin.get(f"{GROUPS}{ruling.pk}/")
    admin.submit(to=f"{GROUPS}{ruling.pk}/members/", add="other")
    site.clock.advance(RECENT_SECONDS)
    admin.get(f"{USERS}{other.pk}/")
    waiting = admin.submit(to=f"{USERS}{other.pk}/sessions/")
    assert waiting.status_code == 403
    admin.get(f"{SIGN_IN}?next=/if/admin/~proved/", follow=True)
    prove(admin, "other")
    admin.page = waiting
    assert "This form has expired" in admin.submit(to=f"{USERS}{other.pk}/sessions/").text
    assert len(every(site, Session, user=other.pk)) == 1


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("identity/users/{alice}/factors/", {}),
        ("identity/groups/{ruling}/members/", {"add": "alice"}),
        ("core/tokens/~new/~/", {"identifier": "mine", "intent": "api"}),
        ("admin/settings/mail/", {"host": "mail.example.net"}),
        ("core/applications/~new/~/", {"name": "x", "slug": "x"}),
    ],
)
def test_nothing_is_taken_over_by_pages(site: Site, admin: Browser, path: str, fields: dict[str, str]) -> None:
    alice = site.user("alice")

    def codes(tx: Any) -> None:
        authenticators.begin_static(tx, alice.pk, site.random, 3, 8, "Paper")
        authenticators.confirm_static(tx, alice.pk)

    site.sql.write_now(codes)
    ruling = every(site, Group, is_superuser=True)[0]
    before = [every(site, kind) for kind in (Authenticator, Token, MailServer, Application)]
    admin.get(f"{USERS}{alice.pk}/")
    site.clock.advance(RECENT_SECONDS)
    admin.submit(True, "/if/admin/" + path.format(alice=alice.pk, ruling=ruling.pk), **fields)
    assert admin.page.status_code == 403
    assert [every(site, kind) for kind in (Authenticator, Token, MailServer, Application)] == before
    assert alice.pk not in site.sql.read_now(lambda tx: tx.members_of([ruling.pk])).get(ruling.pk, [])


def test_a_token_is_no_session(site: Site) -> None:
    browser = site.browser()
    made = site.user("robot", type="service_account")
    ruling = every(site, Group, is_superuser=True)[0]

    def verb(tx: Any) -> str:
        groups.add_user(tx, ruling.pk, made.pk)
        return tokens.issue(tx, {"identifier": "robot", "user": made.pk, "intent": "api"}, site.random).key

    key = site.sql.write_now(verb)
    site.clock.advance(10 * RECENT_SECONDS)
    alice = site.user("alice")
    answer = browser.request(
        "POST",
        f"/api/v3/core/users/{alice.pk}/set_password/",
        headers={"Authorization": f"Bearer {key}"},
        json={"password": "another good one"},
    )
    assert answer.status_code == 204
