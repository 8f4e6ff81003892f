"""Signing in at a foreign provider: another instance of ourselves, which is made to say what it should not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from control.oidc.foreign import SKEW_SECONDS
from control.records import User
from control.sessions import RECENT_SECONDS
from control.sources import arriving
from control.sources.arriving import AWAY_SECONDS, MOST_OF_ONE
from control.sources.asking import Stranger
from control.sources.kinds import KINDS
from control.store.interface import Query
from control.verbs import applications, prompts, providers, stage_bindings, stages, users
from tests.control.oidc.relying import ISSUER
from tests.control.sources.abroad import CALLBACK, SLUG, Abroad, parameters
from tests.control.web.browsing import LOGIN

CALLBACK_PATH = f"/source/oauth/callback/{SLUG}/"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Abroad]:
    found = Abroad(tmp_path)
    yield found
    found.close()


@pytest.fixture
def subject(house: Abroad) -> str:
    """Alice's identifier abroad; here she is connected with it."""
    alice = house.abroad.user("alice", email="alice@example.com", email_verified=True)
    browser = house.here.browser()
    house.changed = {"sub": "alice-abroad"}
    house.connect(house.here.user("alice-here", None), "alice-abroad")
    assert alice.username == "alice"
    assert browser.cookie is None
    return "alice-abroad"


def arrived(house: Abroad, **claims: Any) -> int:
    house.changed |= claims
    return house.arrive(house.here.browser(), "alice").status_code


def test_whoever_is_connected_signs_in_and_arrives(house: Abroad, subject: str) -> None:
    browser = house.here.browser()
    answer = house.arrive(browser, "alice")
    assert (answer.status_code, answer.headers["location"]) == (303, "/if/user/")
    assert "Alice-Here" in browser.get("/if/user/").text
    told = {"auth_method": "source", "auth_method_args": {"known_device": False}}
    assert house.here.events("login")[-1].context == told


def test_the_page_has_a_button_for_each_source_that_is_on(house: Abroad) -> None:
    browser = house.here.browser()
    assert f'href="/source/oauth/login/{SLUG}/?next=%2Fif%2Fuser%2F"' in browser.get(f"{LOGIN}?next=/if/user/").text
    house.set(enabled=False)
    assert "Sign in with Elsewhere" not in browser.get(f"{LOGIN}?next=/").text
    assert browser.get(f"/source/oauth/login/{SLUG}/").status_code == 404
    assert browser.get(f"{CALLBACK_PATH}?state=a&code=b").status_code == 404


def test_the_browser_is_sent_with_everything_that_is_checked_later(house: Abroad) -> None:
    asked = house.leave(house.here.browser())
    assert asked["redirect_uri"] == CALLBACK
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid email profile"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3


def test_a_form_abroad_may_lead_to_us_and_we_lead_on_by_a_page(house: Abroad, subject: str) -> None:
    """A browser follows no redirect from its form to whom the form's page has not named: here, our application."""
    back = "https://wiki.example.com/callback"
    uris = [{"matching_mode": "strict", "url": back}]

    def made(tx: Any) -> str:
        wiki = providers.create(tx, "oauth2", {"name": "wiki", "redirect_uris": uris}, house.here.random)
        applications.create(tx, {"name": "Wiki", "slug": "wiki", "provider": wiki.pk})
        return str(wiki.settings["client_id"])

    asked = {"client_id": house.here.sql.write_now(made), "redirect_uri": back, "response_type": "code"}
    next = f"/application/o/authorize/?{urlencode({**asked, 'scope': 'openid'})}"
    browser = house.here.browser()
    there = house.leave(browser, urlencode({"": next})[1:])
    answer = browser.get(house.signed_in_abroad(there, "alice"))
    assert (answer.status_code, answer.headers["refresh"]) == (200, f"0; url={next}")
    assert f'<a href="{next.replace("&", "&amp;")}"' in answer.text
    onward = browser.get(next)
    assert onward.status_code in (302, 303)
    assert onward.headers["location"].startswith(f"{back}?code=")


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere_afterwards(house: Abroad, subject: str, next: str) -> None:
    browser = house.here.browser()
    answer = browser.get(house.signed_in_abroad(house.leave(browser, urlencode({"": next})[1:]), "alice"))
    assert answer.headers["location"] == "/"


def test_another_browser_cannot_finish_a_sign_in(house: Abroad, subject: str) -> None:
    """T41: somebody is led to the end of the attacker's sign-in."""
    back = house.signed_in_abroad(house.leave(house.here.browser()), "alice")
    victim = house.here.browser()
    assert victim.get(back).status_code == 400
    victim.get(LOGIN)  # has a session of their own
    assert victim.get(back).status_code == 400
    assert house.here.events("login") == []


def test_a_sign_in_is_finished_once_and_in_time(house: Abroad, subject: str) -> None:
    browser = house.here.browser()
    back = house.signed_in_abroad(house.leave(browser), "alice")
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400
    late = house.here.browser()
    back = house.signed_in_abroad(house.leave(late), "alice")
    house.here.clock.advance(AWAY_SECONDS)
    assert late.get(back).status_code == 400


@pytest.mark.parametrize("changed", [{"state": "x" * 43}, {"state": ""}, {"state": "y" * 5000}])
def test_a_state_that_is_not_ours_leads_nowhere(house: Abroad, subject: str, changed: dict[str, str]) -> None:
    browser = house.here.browser()
    back = parameters(house.signed_in_abroad(house.leave(browser), "alice"))
    assert browser.get(f"{CALLBACK_PATH}?{urlencode({**back, **changed})}").status_code == 400


def test_nor_does_an_answer_that_says_something_twice(house: Abroad, subject: str) -> None:
    browser = house.here.browser()
    back = house.signed_in_abroad(house.leave(browser), "alice")
    assert browser.get(f"{back}&code=another").status_code == 400


def test_three_tabs_arrive_in_any_order_until_one_has(house: Abroad, subject: str) -> None:
    browser = house.here.browser()
    first, second, _ = (house.leave(browser) for _ in range(3))
    assert browser.get(house.signed_in_abroad(second, "alice")).status_code == 303
    assert browser.get(house.signed_in_abroad(first, "alice")).status_code == 400, "the session is another one now"


def test_one_browser_fills_no_table(house: Abroad) -> None:
    from control.records import SourceSignIn

    browser = house.here.browser()
    for _ in range(MOST_OF_ONE + 5):
        house.leave(browser)
    assert house.here.sql.read_now(lambda tx: tx.count(SourceSignIn, Query())) == MOST_OF_ONE


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": ["{us}", "another"]},
        {"aud": ["{us}", "another"], "azp": "another"},
        {"aud": ["another", "third"], "azp": "{us}"},
        {"aud": "another", "azp": "{us}"},
        {"aud": [["{us}"], "another"], "azp": "{us}"},
        {"aud": {"{us}": 1}, "azp": "{us}"},
        {"azp": "another"},
        {"azp": ["{us}"]},
        {"iss": "https://evil.example/"},
        {"exp": 1},
        {"exp": None},
        {"iat": 9_999_999_999},
        {"sub": None},
        {"sub": ""},
        {"sub": 5.5},
        {"sub": "x" * 300},
    ],
    ids=str,
)
def test_an_id_token_that_proves_nothing_opens_nothing(house: Abroad, subject: str, claims: dict[str, Any]) -> None:
    ours = json.loads(json.dumps(claims).replace("{us}", house.abroad.client_id))
    assert arrived(house, **ours) == 403
    assert house.here.events("login") == []


def test_one_for_several_audiences_has_to_say_that_it_was_made_for_us(house: Abroad, subject: str) -> None:
    """OpenID Connect Core, 3.1.3.7: some providers name every client of a project."""
    us = house.abroad.client_id
    assert arrived(house, aud=["another", us], azp=us) == 303


def test_clocks_may_differ_a_little(house: Abroad, subject: str) -> None:
    now = int(house.here.clock.now())
    assert arrived(house, iat=now + SKEW_SECONDS, exp=now - SKEW_SECONDS + 5) == 303


def test_the_answer_of_another_issuer_is_not_taken(house: Abroad, subject: str) -> None:
    """RFC 9207: the mix-up. The code is not even shown to anybody."""
    for issuer, status in (("https://evil.example/", 403), (None, 403), (ISSUER, 303)):
        browser = house.here.browser()
        back = parameters(house.signed_in_abroad(house.leave(browser), "alice"))
        assert back["iss"] == ISSUER
        house.asked.clear()
        said = {name: value for name, value in {**back, "iss": issuer}.items() if value is not None}
        assert browser.get(f"{CALLBACK_PATH}?{urlencode(said)}").status_code == status
        assert any(form is not None for _, _, form in house.asked) == (status == 303)


def test_a_sign_in_at_one_source_is_not_finished_at_another(house: Abroad, subject: str) -> None:
    from control.verbs import sources

    given = {**sources.current(house.source), "name": "Other", "slug": "other"}
    house.here.sql.write_now(lambda tx: sources.create(tx, given))
    browser = house.here.browser()
    back = house.signed_in_abroad(house.leave(browser), "alice")
    assert browser.get(back.replace(SLUG, "other")).status_code == 400


def test_the_code_is_bound_to_the_sign_in_by_pkce(house: Abroad, subject: str) -> None:
    """A code that was stolen elsewhere, and is slipped into a sign-in that has begun here."""
    stolen = parameters(house.signed_in_abroad(house.leave(house.here.browser()), "alice"))["code"]
    browser = house.here.browser()
    mine = parameters(house.signed_in_abroad(house.leave(browser), "alice"))
    assert browser.get(f"{CALLBACK_PATH}?{urlencode({**mine, 'code': stolen})}").status_code == 403


def test_who_is_refused_abroad_hears_so(house: Abroad) -> None:
    browser = house.here.browser()
    asked = house.leave(browser)
    answer = browser.get(f"{CALLBACK_PATH}?{urlencode({'state': asked['state'], 'error': 'access_denied'})}")
    assert answer.status_code == 403
    assert "did not say who you are" in answer.text


# --- when they signed in there ---------------------------------------------------------------------------------------


FACTORS = "/if/user/settings/factors/"


def authenticated(house: Abroad) -> float:
    (session,) = [one for one in house.here.sessions() if one.signed_in]
    return session.authenticated


def test_an_old_sign_in_abroad_is_no_new_one_here(house: Abroad, subject: str) -> None:
    """A browser that is known there is let in without a word."""
    now = house.here.clock()
    old, browser = now - RECENT_SECONDS - SKEW_SECONDS - 1, house.here.browser()
    house.changed["auth_time"] = int(old)
    assert house.arrive(browser, "alice").status_code == 303
    assert authenticated(house) == int(old)
    assert browser.get(FACTORS).headers["location"].startswith("/flows/-/default/authentication/")
    asked = house.leave(browser, FACTORS)
    assert asked["max_age"] == str(int(RECENT_SECONDS))
    refused = browser.get(house.signed_in_abroad(asked, "alice"))
    assert (refused.status_code, "sign out there" in refused.text) == (403, True)
    house.changed["auth_time"] = int(now)
    browser.get(house.signed_in_abroad(house.leave(browser, FACTORS), "alice"), follow=True)
    assert (browser.page.status_code, browser.page.url.path) == (200, FACTORS)


def test_who_does_not_say_when_is_not_believed_that_it_was_now(house: Abroad, subject: str) -> None:
    house.changed["auth_time"] = None
    browser = house.here.browser()
    assert house.arrive(browser, "alice").status_code == 303
    assert authenticated(house) == 0.0
    assert browser.get(house.signed_in_abroad(house.leave(browser, FACTORS), "alice")).status_code == 403


@pytest.mark.parametrize(
    ("kind", "told", "since", "authenticated"),
    [
        ("openidconnect", 500.0, None, 500.0),
        ("openidconnect", 2000.0, None, 1000.0),
        ("openidconnect", None, None, 0.0),
        ("openidconnect", None, 900.0, None),
        ("openidconnect", 950.0, 900.0, 950.0),
        ("openidconnect", 900.0 - SKEW_SECONDS, 900.0, 900.0),
        ("openidconnect", 900.0 - SKEW_SECONDS - 1, 900.0, None),
        ("google", None, 900.0, 1000.0),
        ("google", 500.0, 900.0, None),
        ("github", None, None, 1000.0),
    ],
)
def test_how_long_ago_it_was(kind: str, told: float | None, since: float | None, authenticated: float | None) -> None:
    stranger = Stranger("1", "alice", "", "", "", auth_time=told)
    assert arriving.authenticated(KINDS[kind], stranger, since, 1000.0) == authenticated


# --- who that is here ----------------------------------------------------------------------------------------------


VERIFIED = {"email": "bob@example.com", "email_verified": True}


def bob(house: Abroad) -> User:
    house.abroad.user("bob")
    return house.here.user("bob-here", email="bob@example.com")


def comes(house: Abroad, **claims: Any) -> int:
    house.changed = {"sub": "bob-abroad", **claims}
    return house.arrive(house.here.browser(), "bob").status_code


def test_the_same_address_connects_nobody_unless_an_administrator_said_so(house: Abroad) -> None:
    mine = bob(house)
    assert comes(house, **VERIFIED) == 403
    assert house.here.events("login_failed")[-1].context["reason"] == "source_unknown_user"
    house.set(user_matching_mode="email_link")
    assert comes(house, **VERIFIED) == 303
    assert [(one.user, one.identifier) for one in house.connections()] == [(mine.pk, "bob-abroad")]
    assert comes(house, email="another@example.com") == 303, "from then on by the identifier"


@pytest.mark.parametrize("verified", [False, "true", 1, None])
def test_an_address_that_is_not_confirmed_connects_nobody(house: Abroad, verified: Any) -> None:
    bob(house)
    house.set(user_matching_mode="email_link")
    assert comes(house, email="bob@example.com", email_verified=verified) == 403
    assert house.connections() == []


def test_nor_one_that_somebody_here_says_is_theirs(house: Abroad) -> None:
    """Else whoever claims an address has what its owner brings along."""
    mine = bob(house)
    squatter = house.here.user("mallory", email="Bob@example.com")
    house.here.sql.write_now(lambda tx: tx.update(replace(squatter, email_verified=False)))
    house.set(user_matching_mode="email_link")
    assert comes(house, **VERIFIED) == 303
    assert [one.user for one in house.connections()] == [mine.pk], "nor does it keep its owner out"
    house.here.sql.write_now(lambda tx: users.delete(tx, mine.pk))
    assert comes(house, **VERIFIED) == 403
    assert house.connections() == []


def test_nor_does_one_that_two_people_share_or_a_programs(house: Abroad) -> None:
    bob(house)
    house.set(user_matching_mode="email_link")
    house.here.user("robot", None, email="robot@example.com", type="service_account")
    assert comes(house, email="robot@example.com", email_verified=True) == 403
    house.here.user("bob-too", email="BOB@example.com")
    assert comes(house, **VERIFIED) == 403


def test_nobody_enrols_unless_that_was_switched_on(house: Abroad) -> None:
    house.abroad.user("bob")
    new = {**VERIFIED, "preferred_username": "bobby", "name": "Bob"}
    assert comes(house, **new) == 403
    house.set(enrollment_flow=house.flow("default-source-enrollment"))
    assert comes(house, **new) == 303
    found = house.here.sql.read_now(lambda tx: tx.find(User, username="bobby"))
    assert found is not None
    assert (found.email, found.email_verified, found.type) == ("bob@example.com", True, "external")
    assert [one.user for one in house.connections()] == [found.pk]
    assert comes(house, **new) == 303
    assert len(house.connections()) == 1


@pytest.mark.parametrize("on_wrong", ["retry", "restart", "restart_with_context"])
def test_whoever_mistypes_while_enrolling_enrols_all_the_same(house: Abroad, on_wrong: str) -> None:
    house.abroad.user("bob")
    enrollment = house.flow("default-source-enrollment")
    house.set(enrollment_flow=enrollment)

    def asks_for_a_name(tx: Any) -> None:
        field = {"name": "name", "field_key": "username", "label": "Name", "type": "username", "required": True}
        asked = prompts.create(tx, field)
        stage = stages.create(tx, "prompt", {"name": "names", "fields": [asked.pk]})
        line = {"target": enrollment, "stage": stage.pk, "order": 10, "invalid_response_action": on_wrong}
        stage_bindings.create(tx, line)

    house.here.sql.write_now(asks_for_a_name)
    browser = house.here.browser()
    house.changed = {"sub": "bob-abroad", **VERIFIED}
    house.arrive(browser, "bob")
    browser.get("/if/flow/default-source-enrollment/")
    assert browser.submit(username="").status_code == 200
    assert house.connections() == []
    browser.submit(username="bobby")
    found = house.here.sql.read_now(lambda tx: tx.find(User, username="bobby"))
    assert found is not None
    assert [one.user for one in house.connections()] == [found.pk]
    assert found.email_verified


def test_whoever_enrols_gets_nobodys_name(house: Abroad) -> None:
    bob(house)
    house.set(enrollment_flow=house.flow("default-source-enrollment"))
    assert comes(house, preferred_username="BOB-here") == 403
    assert house.connections() == []


def test_nor_somebody_elses_address_for_a_name(house: Abroad) -> None:
    bob(house)
    house.set(enrollment_flow=house.flow("default-source-enrollment"))
    assert comes(house, preferred_username="BOB@example.com") == 403
    assert house.connections() == []


def test_or_nobodys_address_where_that_was_said(house: Abroad) -> None:
    bob(house)
    house.set(enrollment_flow=house.flow("default-source-enrollment"), user_matching_mode="email_deny")
    assert comes(house, **VERIFIED, preferred_username="bobby") == 403


@pytest.mark.parametrize(
    ("email", "verified", "status"),
    [
        ("bob@corp.com", True, 303),
        ("bob@CORP.com", True, 303),
        ("bob@corp.com", False, 403),
        ("bob@corp.com", "true", 403),
        ("bob@evil.com", True, 403),
        ("bob@evil@corp.com", True, 403),
        ("bob@corp.com@evil.com", True, 403),
        ('"bob@corp.com"@evil.com', True, 403),
        ("bob@corp.com.", True, 403),
        ("bob@sub.corp.com", True, 403),
        ("bob@evilcorp.com", True, 403),
        ("@corp.com", True, 403),
        ("corp.com", True, 403),
        ("", True, 403),
    ],
)
def test_only_addresses_of_allowed_domains_come_in(house: Abroad, email: str, verified: Any, status: int) -> None:
    """T49"""
    house.connect(bob(house), "bob-abroad")
    house.set(allowed_email_domains=["Corp.com"])
    assert comes(house, email=email, email_verified=verified) == status


def test_an_account_that_is_off_stays_out(house: Abroad, subject: str) -> None:
    (connection,) = house.connections()
    house.here.change(connection.user, is_active=False)
    assert arrived(house) == 403


def test_an_application_leads_to_its_source(house: Abroad) -> None:
    from control.verbs import applications, providers

    given = {
        "name": "app",
        "mode": "forward_single",
        "external_host": "https://app.example.com",
        "authentication_source": house.source.pk,
    }
    here = house.here
    proxy = here.sql.write_now(lambda tx: providers.create(tx, "proxy", given, here.random))
    named = {"name": "App", "slug": "app", "provider": proxy.pk}
    here.sql.write_now(lambda tx: applications.create(tx, named))
    query = urlencode(
        {
            "client_id": proxy.client_id,
            "redirect_uri": "https://app.example.com/outpost.goauthentik.io/callback?X-authentik-auth-callback=true",
            "response_type": "code",
            "scope": "openid",
            "state": "s",
        }
    )
    answer = here.browser().get(f"/application/o/authorize/?{query}")
    assert answer.headers["location"].startswith(f"/source/oauth/login/{SLUG}/?next=%2Fapplication%2Fo%2Fauthorize")
    house.set(enabled=False)
    answer = here.browser().get(f"/application/o/authorize/?{query}")
    assert answer.headers["location"].startswith(LOGIN)
