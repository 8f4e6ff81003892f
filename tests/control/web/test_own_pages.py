"""`/if/user/settings/` without JavaScript: what people look after themselves, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest

from control.records import (
    Application,
    Authenticator,
    Event,
    Flow,
    Session,
    Stage,
    StageBinding,
    Token,
    User,
    UserConsent,
)
from control.sessions import RECENT_SECONDS
from control.store.interface import Query, Transaction
from control.verbs import authenticators, consents, system, tokens
from control.web.flow_steps import flow_asks_recent
from tests.control.web.browsing import PASSWORD, Browser, Site

ROOT = "/if/user/settings/"
FACTORS, SESSIONS, CONSENTS = f"{ROOT}factors/", f"{ROOT}sessions/", f"{ROOT}consents/"
PASSWORDS = {"app_password": f"{ROOT}app-passwords/", "network_password": f"{ROOT}network-passwords/"}
SETTINGS = "/if/flow/default-user-settings-flow/"
CHANGE_PASSWORD = "/if/flow/default-password-change/"
SETUPS = [f"/if/flow/default-authenticator-{kind}-setup/" for kind in ("totp", "static", "email", "webauthn")]


class World(Site):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.administrator()
        self.alice, self.bob = self.user("alice", email="alice@example.com"), self.user("bob")

    def codes(self, user: User) -> Authenticator:
        def verb(tx: Any) -> Authenticator:
            authenticators.begin_static(tx, user.pk, self.random, 3, 8, "Paper")
            confirmed = authenticators.confirm_static(tx, user.pk)
            assert confirmed is not None
            return confirmed

        return self.sql.write_now(verb)

    def consent(self, user: User) -> UserConsent:
        def verb(tx: Transaction) -> UserConsent:
            application = tx.find(Application, slug="wiki") or tx.insert(Application("Wiki", "wiki"))
            consents.remember(tx, user.pk, application.pk, ["email", "openid"], None)
            return next(one for one in tx.select(UserConsent) if one.user == user.pk)

        return self.sql.write_now(verb)

    def every(self, kind: Any, **equal: Any) -> list[Any]:
        return self.sql.read_now(lambda tx: tx.select(kind, Query(equal=equal)))

    def signed_in(self, username: str = "alice") -> Browser:
        browser = self.browser()
        browser.sign_in(username)
        return browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_every_page_is_there_and_has_no_script(site: World) -> None:
    browser = site.signed_in()
    browser.get(ROOT)
    pages = re.findall(rf'href="({ROOT}[a-z-]+/)"', browser.page.text)
    assert len(pages) == 5
    for page in [ROOT, *pages]:
        browser.get(page)
        assert browser.page.status_code == 200
        assert "<script" not in browser.page.text
        assert "script-src" not in browser.page.headers["content-security-policy"]


@pytest.mark.parametrize("path", [ROOT, FACTORS, SESSIONS, CONSENTS, *PASSWORDS.values()])
def test_a_stranger_signs_in_first(site: World, path: str) -> None:
    browser = site.browser()
    assert browser.get(path).headers["location"].startswith("/flows/-/default/authentication/?next=%2Fif%2Fuser")
    assert path == ROOT or browser.post(path, follow=False, do="make").status_code == 303
    assert site.every(Token, user=site.alice.pk) == []


def test_details_and_password_are_flows(site: World) -> None:
    browser = site.signed_in()
    browser.get(ROOT)
    for flow in ("/flows/-/default/user_settings/", "/if/flow/default-password-change/"):
        assert f'href="{flow}' in browser.page.text
        browser.get(flow, follow=True)
        assert browser.page.status_code == 200
        browser.get(ROOT)
    browser.get("/if/flow/default-user-settings-flow/")
    browser.submit(name="Alice Liddell", email="alice@example.com")
    assert site.every(User, pk=site.alice.pk)[0].name == "Alice Liddell"


# --- second factors ------------------------------------------------------------------------------------------------


def test_factors_are_named_and_taken_away(site: World) -> None:
    factor = site.codes(site.alice)
    browser = site.browser()
    browser.sign_in("alice")
    browser.submit(code=factor.secrets["codes"][0])
    browser.get(FACTORS)
    assert "Paper" in browser.text
    assert "Recovery codes , 2 left" in browser.text.replace("codes,", "codes ,")
    assert "last used never" not in browser.text
    browser.submit(do="rename", pk=str(factor.pk), name="In my purse")
    assert "In my purse" in browser.page.text
    assert "It has its new name." in browser.text
    browser.submit(do="remove", pk=str(factor.pk))
    assert "You have none yet" in browser.text
    assert site.every(Authenticator) == []


@pytest.mark.parametrize("do", ["rename", "remove"])
def test_somebody_elses_factor_is_not_there(site: World, do: str) -> None:
    factor = site.codes(site.bob)
    browser = site.signed_in()
    browser.get(FACTORS)
    for pk in (str(factor.pk), "999", "x", "-1"):
        browser.get(FACTORS)
        assert browser.submit(do=do, pk=pk, name="mine").status_code == 404
    assert [one.name for one in site.every(Authenticator)] == ["Paper"]


def test_an_old_sign_in_is_not_enough_to_change_what_opens_doors(site: World) -> None:
    factor = site.codes(site.bob)
    site.sql.write_now(lambda tx: authenticators.delete(tx, factor.pk))
    browser = site.signed_in()
    browser.get(FACTORS)
    token = browser.token
    site.clock.advance(RECENT_SECONDS)
    for path in (FACTORS, *PASSWORDS.values()):
        assert "/flows/-/default/authentication/" in browser.get(path).headers["location"]
        assert browser.post(path, follow=False, csrf_token=token, do="make", name="x").status_code == 303
    for flow in SETUPS:
        assert "/flows/-/default/authentication/" in browser.get(flow).headers["location"], flow
    assert site.every(Token, user=site.alice.pk) == []
    assert site.every(Authenticator) == []
    assert browser.get(SESSIONS).status_code == 200


def test_nor_by_the_api_with_the_token_that_stands_in_every_page(site: World) -> None:
    browser = site.signed_in()
    factor = site.codes(site.alice)
    browser.get(SESSIONS)
    headers = {"X-Authentik-CSRF": browser.token, "Origin": browser.origin}

    def statuses(identifier: str) -> list[int]:
        tokens_, mine = "/api/v3/core/tokens/", f"/api/v3/core/tokens/{identifier}/"
        factors = f"/api/v3/authenticators/static/{factor.pk}/"
        calls: list[tuple[str, str, Any]] = [
            ("POST", tokens_, {"identifier": identifier, "intent": "api"}),
            ("PATCH", mine, {"description": "mine"}),
            ("GET", f"{mine}view_key/", None),
            ("DELETE", mine, None),
            ("PATCH", factors, {"name": "mine"}),
            ("DELETE", factors, None),
        ]
        return [browser.request(how, path, headers=headers, json=body).status_code for how, path, body in calls]

    site.clock.advance(RECENT_SECONDS)
    refused = browser.request("POST", "/api/v3/core/tokens/", headers=headers, json={"identifier": "x"})
    assert (refused.status_code, "Sign in again" in refused.json()["detail"]) == (403, True)
    assert statuses("late") == [403] * 6
    assert site.every(Token, user=site.alice.pk) == []
    assert [one.name for one in site.every(Authenticator)] == ["Paper"]
    assert browser.get("/api/v3/core/users/me/").status_code == 200
    site.clock.advance(-1)
    assert statuses("in-time") == [201, 200, 200, 204, 200, 204]


def test_nor_to_change_where_a_new_password_is_mailed(site: World) -> None:
    site.sql.write_now(lambda tx: system.change(tx, {"default_user_change_email": True}))
    browser = site.signed_in()
    site.clock.advance(RECENT_SECONDS)
    assert "/flows/-/default/authentication/" in browser.get(SETTINGS).headers["location"]
    executor = "/api/v3/flows/executor/default-user-settings-flow/"
    assert browser.get(executor).json()["to"].startswith("/flows/-/default/authentication/")
    browser.get(SETTINGS, follow=True)
    browser.submit(uid_field="alice")
    assert browser.submit(password=PASSWORD).url.path == SETTINGS
    browser.submit(username="alice", name="Alice", email="alice@example.org")
    assert site.every(User, pk=site.alice.pk)[0].email == "alice@example.org"


@pytest.mark.parametrize("by_api", [False, True])
@pytest.mark.parametrize("path", [CHANGE_PASSWORD, SETUPS[1]])
def test_nor_to_finish_what_was_begun_while_it_was_new(site: World, path: str, by_api: bool) -> None:
    """Somebody has gone away from an open form, and the browser is there for whoever comes by."""
    browser = site.signed_in()
    browser.get(path)
    if path == CHANGE_PASSWORD:
        browser.submit(uid_field="alice")
        browser.submit(password=PASSWORD)
    token, waited = browser.token, browser.get(path)
    assert waited.status_code == 200
    site.clock.advance(RECENT_SECONDS)
    typed = {"password": "a password of somebody else", "password_repeat": "a password of somebody else"}
    if by_api:
        executor = path.replace("/if/flow/", "/api/v3/flows/executor/")
        browser.request("POST", executor, headers={"X-Authentik-CSRF": token, "Origin": browser.origin}, json=typed)
        browser.get(executor)
    else:
        browser.request("POST", path, data={**typed, "csrf_token": token}, headers={"Origin": browser.origin})
    assert browser.get(path).text != waited.text
    assert site.every(User, pk=site.alice.pk)[0].password == site.alice.password
    assert site.every(Authenticator, confirmed=True) == []


def test_a_form_that_is_open_in_time_is_taken(site: World) -> None:
    browser = site.signed_in()
    site.clock.advance(RECENT_SECONDS)
    browser.get(CHANGE_PASSWORD)
    browser.submit(uid_field="alice")
    browser.submit(password=PASSWORD)
    site.clock.advance(RECENT_SECONDS - 1)
    browser.submit(password="another battery of mine", password_repeat="another battery of mine")
    assert site.every(User, pk=site.alice.pk)[0].password != site.alice.password


@pytest.mark.parametrize(
    ("authentication", "kinds", "asks"),
    [
        ("require_authenticated", ("prompt", "user_write"), True),
        ("require_superuser", ("prompt", "user_write"), True),
        ("require_authenticated", ("password", "authenticator_totp"), True),
        ("none", ("prompt", "user_write"), True),
        ("none", ("password", "user_write"), False),
        ("none", ("email", "user_write"), False),
        ("require_unauthenticated", ("prompt", "user_write"), False),
        ("require_authenticated", ("consent",), False),
    ],
)
def test_which_flows_are_such(site: World, authentication: str, kinds: tuple[str, ...], asks: bool) -> None:
    def verb(tx: Transaction) -> bool:
        flow = tx.insert(Flow("mine", "Mine", "Mine", "stage_configuration", authentication=authentication))
        for order, kind in enumerate(kinds):
            tx.insert(StageBinding(flow=flow.pk, stage=tx.insert(Stage(kind, kind)).pk, order=order))
        return flow_asks_recent(tx, flow)

    assert site.sql.write_now(verb) is asks


def test_signing_in_again_leads_back(site: World) -> None:
    browser = site.signed_in()
    site.clock.advance(RECENT_SECONDS)
    browser.get(FACTORS, follow=True)
    browser.submit(uid_field="alice")
    assert browser.submit(password=PASSWORD).url.path == FACTORS
    site.clock.advance(RECENT_SECONDS)
    browser.get(SETUPS[0], follow=True)
    browser.submit(uid_field="alice")
    assert browser.submit(password=PASSWORD).url.path == SETUPS[0]
    found = re.search(r"<code>([A-Z2-7]+)</code>", browser.page.text)
    assert found is not None
    browser.submit(code=pyotp.TOTP(found.group(1)).at(int(site.clock())))
    assert len(site.every(Authenticator, confirmed=True)) == 1


def test_new_recovery_codes_take_the_place_of_the_old_ones(site: World) -> None:
    browser = site.signed_in()
    old = site.codes(site.alice)
    browser.get(FACTORS)
    assert "New recovery codes, instead of those you have" in browser.text
    browser.get(SETUPS[1])
    new = re.findall(r"<code>([a-z0-9]{12})</code>", browser.page.text)
    assert [one.pk for one in site.every(Authenticator, confirmed=True)] == [old.pk], "until they are kept"
    browser.submit()
    other = site.browser()
    other.sign_in("alice")
    other.submit(code=old.secrets["codes"][0])
    assert "This code is wrong" in other.text
    assert other.submit(code=new[0]).url.path == "/if/user/"


# --- sessions ------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended(site: World) -> None:
    here, there, third = (site.signed_in() for _ in range(3))
    of_bob = site.signed_in("bob")
    here.get(SESSIONS)
    assert here.text.count("(this browser)") == 1
    uuids = re.findall(r'name="session" value="([^"]+)"', here.page.text)
    assert len(uuids) == 3
    (mine,) = [one.uuid for one in site.every(Session, user=site.bob.pk)]
    assert mine not in uuids
    here.submit(do="end", session=mine)
    assert of_bob.get(ROOT).status_code == 200, "somebody else's is not ended"
    here.get(SESSIONS)
    here.submit(do="end-others")
    assert "All other sessions are over." in here.text
    assert [browser.get(ROOT).status_code for browser in (here, there, third)] == [200, 303, 303]
    here.get(SESSIONS)
    (last,) = re.findall(r'name="session" value="([^"]+)"', here.page.text)
    here.submit(follow=False, do="end", session=last)
    assert here.get(ROOT).status_code == 303


# --- passwords of devices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("intent", PASSWORDS)
def test_a_password_of_a_device_is_made_shown_once_and_taken_back(site: World, intent: str) -> None:
    browser, path = site.signed_in(), PASSWORDS[intent]
    browser.get(path)
    browser.submit(do="make", name="My phone")
    found = re.search(r'id="made" type="text" value="([^"]+)"', browser.page.text)
    assert found is not None
    made = found.group(1)
    (token,) = site.every(Token, user=site.alice.pk)
    assert (token.intent, token.description, token.key_digest) == (intent, "My phone", tokens.digest(made))
    browser.get(path)
    assert "My phone" in browser.text
    assert made not in browser.page.text
    browser.submit(do="remove", pk=token.pk)
    assert site.every(Token, user=site.alice.pk) == []
    (event,) = [
        one for one in site.every(Event, action="model_deleted") if one.context["model"]["model_name"] == "token"
    ]
    assert event.user["username"] == "alice"


def test_somebody_elses_password_is_not_there(site: World) -> None:
    token = site.sql.write_now(lambda tx: tokens.create(tx, site.bob.pk, "phone", site.random, "app_password"))
    api = site.sql.write_now(lambda tx: tokens.create(tx, site.alice.pk, "api", site.random, "api"))
    browser = site.signed_in()
    browser.get(PASSWORDS["app_password"])
    assert browser.submit(do="remove", pk=token.pk).status_code == 404
    browser.get(PASSWORDS["app_password"])
    browser.submit(do="remove", pk=api.pk)
    assert {one.pk for one in site.every(Token)} >= {token.pk, api.pk}


# --- applications --------------------------------------------------------------------------------------------------


def test_a_consent_is_taken_back(site: World) -> None:
    consent, of_bob = site.consent(site.alice), site.consent(site.bob)
    browser = site.signed_in()
    browser.get(CONSENTS)
    assert "Wiki" in browser.text
    assert browser.submit(do="revoke", pk=of_bob.pk).status_code == 404
    browser.get(CONSENTS)
    browser.submit(do="revoke", pk=consent.pk)
    assert "None has asked yet." in browser.text
    assert [one.user for one in site.every(UserConsent)] == [site.bob.pk]


# --- what other sites may not do -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [FACTORS, SESSIONS, CONSENTS, *PASSWORDS.values()])
def test_a_form_of_another_site_does_nothing(site: World, path: str) -> None:
    browser = site.signed_in()
    browser.get(path)
    token = browser.token
    for given in ("", "x" * len(token)):
        for do in ("make", "remove", "end-others", "revoke"):
            assert browser.post(path, csrf_token=given, do=do, name="x", pk="1").status_code == 403
    browser.origin = "https://evil.example"
    assert browser.post(path, csrf_token=token, do="make").status_code == 403
    assert site.every(Token, user=site.alice.pk) == []


def test_what_no_form_sends_is_refused(site: World) -> None:
    browser = site.signed_in()
    browser.get(SESSIONS)
    assert browser.submit(do="make").status_code == 400
    assert browser.get(f"{ROOT}nothing/").status_code == 404
