"""The authorization endpoint: who is sent where, and who is not."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from control.oidc.authorize import MOMENTS
from control.oidc.discovery import SECOND_FACTOR
from control.records import AuthorizationCode, Knock, User
from control.verbs import users
from control.web import flow_steps
from rules.knocks import NEW_A_MINUTE
from tests.control.oidc.relying import AUTHORIZE, CALLBACK, CHALLENGE, ISSUER, PKCE, Person, Relying, answered
from tests.control.web.browsing import PASSWORD
from tests.control.web.test_composed_flows import composed

LOGIN = "/if/flow/default-authentication-flow/"
EXPLICIT = "/if/flow/default-provider-authorization-explicit-consent/"
IMPLICIT = "/if/flow/default-provider-authorization-implicit-consent/"


def signed_in(relying: Relying, username: str = "alice") -> Person:
    relying.user(username)
    person = relying.person()
    person.sign_in(username)
    return person


def codes(relying: Relying) -> int:
    return relying.sql.read_now(lambda tx: tx.count(AuthorizationCode))


# --- signing in on the way -----------------------------------------------------------------------------------------


def test_a_stranger_signs_in_and_arrives_with_everything_that_was_asked(relying: Relying) -> None:
    relying.user("alice")
    person = relying.person()
    first = person.ask(state="ä b&c=d/ü", nonce="n-1", **PKCE)
    assert (first.status_code, urlsplit(first.headers["location"]).path) == (302, LOGIN)
    person.walk(state="ä b&c=d/ü", nonce="n-1", **PKCE)
    page = person.enter("alice")
    answer = answered(page)
    assert (answer["state"], answer["iss"]) == ("ä b&c=d/ü", ISSUER)
    assert len(answer["code"]) == 43
    [event] = relying.oidc_events("authorize_application")
    assert event.context["authorized_application"]["slug"] == "grafana"
    assert event.user["username"] == "alice"


def test_the_sign_in_form_may_lead_to_the_application_and_nowhere_else(relying: Relying) -> None:
    """Browsers hold redirects after a form against its page's form-action."""
    relying.user("alice")
    person = relying.person()
    person.walk()
    for _ in range(2):
        policy = person.page.headers["content-security-policy"]
        assert "form-action 'self' https://grafana.example.com;" in policy
        person.submit(uid_field="alice")
    person.get(f"{LOGIN}?next=/if/user/")
    assert "form-action 'self';" in person.page.headers["content-security-policy"]
    stranger = person.parameters(redirect_uri="https://evil.example.com/login/generic_oauth")
    person.get(LOGIN, params={"next": f"{AUTHORIZE}?{'&'.join(f'{k}={v}' for k, v in stranger.items())}"})
    assert "evil" not in person.page.headers["content-security-policy"]


def test_by_post_and_without_the_trailing_slash(relying: Relying) -> None:
    person = signed_in(relying)
    assert "code" in answered(person.request("POST", AUTHORIZE, data=person.parameters()))
    assert "code" in answered(person.get(AUTHORIZE.rstrip("/"), params=person.parameters()))


def test_unknown_parameters_are_ignored(relying: Relying) -> None:
    person = signed_in(relying)
    assert "code" in answered(person.ask(display="page", ui_locales="de", acr_values="1", extra="x", login_hint="a"))


def test_every_code_is_another_and_only_its_digest_is_kept(relying: Relying) -> None:
    person = signed_in(relying)
    given = {person.code(), person.code()}
    assert len(given) == 2
    kept = relying.sql.read_now(lambda tx: tx.select(AuthorizationCode))
    assert given.isdisjoint(code.pk for code in kept)


# --- never to an address that is not registered --------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        "https://evil.example.com/login/generic_oauth",
        f"{CALLBACK}/",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#x",
        f"{CALLBACK}/../evil",
        CALLBACK.upper(),
        CALLBACK.replace("https", "http"),
        CALLBACK.replace("grafana.", "grafana.example.com@"),
        "https://grafana.example.com",
        "javascript:alert(1)",
        f"{CALLBACK}\0",
    ],
)
def test_an_unregistered_redirect_uri_ends_on_a_page(relying: Relying, uri: str | None) -> None:
    person = signed_in(relying)
    for prompt in (None, "none"):
        page = person.ask(redirect_uri=uri, prompt=prompt)
        assert page.status_code == 400
        assert "location" not in page.headers
        assert person.heading == "That did not work"
    assert codes(relying) == 0


def test_a_stranger_with_an_unregistered_uri_is_not_asked_to_sign_in(relying: Relying) -> None:
    assert relying.person().ask(redirect_uri="https://evil.example.com/").status_code == 400
    [event] = relying.oidc_events("configuration_error")
    assert event.context["reason"] == "unknown_redirect_uri"
    assert event.context["redirect_uri"] == "https://evil.example.com/"


def test_an_unregistered_uri_is_a_knock_until_it_is_registered(relying: Relying) -> None:
    uri = "https://new.example.com/callback"
    for _ in range(40):
        relying.person().ask(redirect_uri=uri)
    assert len(relying.oidc_events("configuration_error")) == 1  # strangers fill no store
    [knock] = relying.sql.read_now(lambda tx: tx.select(Knock))
    assert (knock.kind, knock.what, knock.answered) == ("redirect_uri", uri, None)
    assert knock.detail["provider"] == str(relying.provider.pk)
    relying.set_provider(redirect_uris=[{"matching_mode": "strict", "url": uri}])
    assert signed_in(relying).ask(redirect_uri=uri).status_code == 302
    [knock] = relying.sql.read_now(lambda tx: tx.select(Knock))
    assert knock.answered is not None


def test_made_up_uris_fill_no_store(relying: Relying) -> None:
    for number in range(50):
        relying.person().ask(redirect_uri=f"https://{number}.example.com/")
    assert relying.sql.read_now(lambda tx: tx.count(Knock)) == NEW_A_MINUTE
    assert len(relying.oidc_events("configuration_error")) == NEW_A_MINUTE


@pytest.mark.parametrize("client_id", [None, "", "nobody", "\0"])
def test_an_unknown_client_ends_on_a_page(relying: Relying, client_id: str | None) -> None:
    page = signed_in(relying).ask(client_id=client_id)
    assert page.status_code == 400
    assert "location" not in page.headers


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_doubled_name_ends_on_a_page(relying: Relying, name: str) -> None:
    person = signed_in(relying)
    asked = person.parameters()
    page = person.get(AUTHORIZE, params=[*asked.items(), (name, asked[name])])
    assert page.status_code == 400


def test_a_pattern_matches_the_whole_address(relying: Relying) -> None:
    pattern = r"https://grafana\.example\.com/login/[a-z_]+"
    relying.set_provider(redirect_uris=[{"matching_mode": "regex", "url": pattern}])
    person = signed_in(relying)
    assert "code" in answered(person.ask())
    for uri in (f"{CALLBACK}/x", f"https://evil.example.com/?{CALLBACK}", "https://grafana-example.com/login/a"):
        assert person.ask(redirect_uri=uri).status_code == 400


def test_a_strict_uri_is_no_pattern(relying: Relying) -> None:
    relying.set_provider(redirect_uris=[{"matching_mode": "strict", "url": "https://grafana.example.com/.*"}])
    assert signed_in(relying).ask().status_code == 400


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "https://a.example.com@evil.example.com/"])
def test_even_a_pattern_for_everything_lets_no_dangerous_address_through(relying: Relying, uri: str) -> None:
    relying.set_provider(redirect_uris=[{"matching_mode": "regex", "url": "(?s).*"}])
    assert signed_in(relying).ask(redirect_uri=uri).status_code == 400


def test_what_is_reflected_on_the_page_is_escaped(relying: Relying) -> None:
    page = relying.person().ask(redirect_uri="<script>alert(1)</script>", state="<script>alert(2)</script>")
    assert "<script" not in page.text
    assert "script" not in page.headers["content-security-policy"]


def test_an_endless_request_is_refused(relying: Relying) -> None:
    assert signed_in(relying).ask(state="x" * 8000).status_code == 400


@pytest.mark.parametrize("path", ["/outpost.goauthentik.io/callback", ""])
def test_a_proxied_application_gets_its_answer_at_its_callback(relying: Relying, path: str) -> None:
    proxy = relying.add_provider("wiki", "proxy", mode="forward_single", external_host="https://wiki.example.com")
    relying.add_application("wiki", proxy)
    person = signed_in(relying)
    callback = f"https://wiki.example.com{path}?X-authentik-auth-callback=true"
    location = person.ask(client_id=proxy.client_id, redirect_uri=callback).headers["location"]
    assert location.startswith(f"{callback}&code=")
    assert person.ask(client_id=proxy.client_id, redirect_uri="https://wiki.example.com/").status_code == 400
    assert person.ask(redirect_uri=callback).status_code == 400


# --- errors at the redirect URI ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"response_mode": "jwt"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://grafana.example.com/r"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_errors_are_told_to_the_application(relying: Relying, changed: dict[str, str | None], error: str) -> None:
    answer = answered(signed_in(relying).ask(**changed))
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "st-1", ISSUER)
    assert codes(relying) == 0


def test_a_doubled_parameter_is_told_to_the_application(relying: Relying) -> None:
    person = signed_in(relying)
    page = person.get(AUTHORIZE, params=[*person.parameters().items(), ("scope", "openid")])
    assert answered(page)["error"] == "invalid_request"


def test_a_public_client_must_use_pkce(relying: Relying) -> None:
    relying.set_provider(client_type="public")
    person = signed_in(relying)
    assert answered(person.ask())["error"] == "invalid_request"
    assert "code" in answered(person.ask(**PKCE))


def test_a_confidential_client_must_use_pkce_when_told_to(relying: Relying) -> None:
    person = signed_in(relying)
    assert "code" in answered(person.ask())
    relying.set_provider(require_pkce=True)
    assert answered(person.ask())["error"] == "invalid_request"


def posted(page: httpx.Response) -> dict[str, str]:
    """What the form of a page would send to the application."""
    assert (page.status_code, page.headers.get("location")) == (200, None)
    assert f'<form method="post" action="{CALLBACK}">' in page.text
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    return {name: unescape(value) for name, value in found}


def test_the_answer_in_a_form(relying: Relying) -> None:
    """OAuth 2.0 Form Post Response Mode: nothing of it stands in an address."""
    page = signed_in(relying).ask(response_mode="form_post", state='"><script>')
    told = posted(page)
    assert set(told) == {"code", "iss", "state"}
    assert (told["iss"], told["state"]) == (ISSUER, '"><script>')
    assert "<script>" not in page.text
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {CALLBACK.partition('/login')[0]}" in policy
    assert "script-src 'self'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert relying.exchange(told["code"]).status_code == 200


def test_an_error_in_a_form(relying: Relying) -> None:
    told = posted(relying.person().ask(response_mode="form_post", prompt="none"))
    assert (told["error"], told["state"], told["iss"]) == ("login_required", "st-1", ISSUER)


def test_a_form_is_posted_to_the_web_alone(relying: Relying) -> None:
    relying.set_provider(redirect_uris=[{"matching_mode": "strict", "url": "com.example.app:/cb"}])
    page = signed_in(relying).ask(redirect_uri="com.example.app:/cb", response_mode="form_post")
    assert page.headers["location"].startswith("com.example.app:/cb?error=invalid_request")


def test_the_answer_in_a_fragment(relying: Relying) -> None:
    location = signed_in(relying).ask(response_mode="fragment").headers["location"]
    assert location.startswith(f"{CALLBACK}#")
    assert parse_qs(urlsplit(location).fragment)["state"] == ["st-1"]


# --- prompt and max_age --------------------------------------------------------------------------------------------


def test_prompt_none_asks_nobody(relying: Relying) -> None:
    stranger = relying.person()
    assert answered(stranger.ask(prompt="none"))["error"] == "login_required"
    person = signed_in(relying)
    assert "code" in answered(person.ask(prompt="none"))
    relying.set_provider(authorization_flow=relying.flow("default-provider-authorization-explicit-consent"))
    assert answered(person.ask(prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "60"}, {"prompt": "select_account"}])
def test_somebody_signs_in_again_once(relying: Relying, asked: dict[str, str]) -> None:
    person = signed_in(relying)
    before = int(relying.clock.now())
    relying.clock.advance(300.0)
    page = person.walk(**asked)
    assert page.url.path == LOGIN
    page = person.enter("alice")
    token = relying.exchange(answered(page)["code"]).json()["id_token"]
    assert relying.verified(token)["auth_time"] == before + 300


@pytest.mark.parametrize(
    ("asked", "age"),
    [
        ({}, None),
        ({"prompt": "consent"}, None),
        ({"max_age": "60"}, 60.0),
        ({"max_age": "60", "acr_values": SECOND_FACTOR}, None),
        ({"prompt": "login"}, 0.0),
        ({"prompt": "select_account", "max_age": "60"}, 0.0),
        ({"prompt": "login", "login_since": -20.0}, 20.0),
        ({"prompt": "login", "login_since": -MOMENTS - 1}, 0.0),
    ],
)
def test_how_new_a_sign_in_a_source_is_asked_for(relying: Relying, asked: dict[str, Any], age: float | None) -> None:
    now = relying.clock()
    said = {name: f"{now + moment:.6f}" if name == "login_since" else moment for name, moment in asked.items()}
    next = f"{AUTHORIZE}?{urlencode(relying.person().parameters(**said))}"
    since = relying.sql.read_now(lambda tx: flow_steps.fresh_since(tx, next))
    assert (None if since is None else now - since) == (None if age is None else pytest.approx(age, abs=1e-5))


def test_leaving_the_new_sign_in_gives_no_code(relying: Relying) -> None:
    person = signed_in(relying)
    relying.clock.advance(300.0)
    page = person.walk(prompt="login")
    again = parse_qs(urlsplit(str(page.url)).query)["next"][0]
    assert person.get(again).headers["location"].startswith(LOGIN)
    person.get("/flows/-/cancel/", params={"next": again}, follow=True)
    assert person.page.url.path == LOGIN
    assert codes(relying) == 0


def test_a_new_sign_in_does_not_count_for_long(relying: Relying) -> None:
    person = signed_in(relying)
    since = f"{relying.clock.now() - 1:.6f}"
    assert "code" in answered(person.ask(prompt="login", login_since=since))
    relying.clock.advance(3600.0)
    assert person.ask(prompt="login", login_since=since).headers["location"].startswith(LOGIN)


def test_max_age_that_is_not_over_asks_nobody(relying: Relying) -> None:
    person = signed_in(relying)
    relying.clock.advance(59.0)
    assert "code" in answered(person.ask(max_age="60"))
    relying.clock.advance(2.0)
    assert answered(person.ask(max_age="60", prompt="none"))["error"] == "login_required"


# --- who may -------------------------------------------------------------------------------------------------------


def test_whom_no_binding_lets_in_sees_a_page(relying: Relying) -> None:
    relying.bind(relying.add_group("grafana-users"))
    person = signed_in(relying)
    page = person.ask()
    assert (page.status_code, person.heading) == (403, "Access denied")
    assert "may not use Grafana" in person.text
    assert answered(person.ask(prompt="none"))["error"] == "access_denied"
    assert codes(relying) == 0
    [event] = relying.oidc_events("login_failed")
    assert (event.context["reason"], event.user["username"]) == ("no_binding", "alice")


def test_whom_a_binding_lets_in_gets_a_code(relying: Relying) -> None:
    alice = relying.user("alice")
    relying.bind(relying.add_group("grafana-users", alice))
    person = relying.person()
    person.sign_in("alice")
    assert "code" in answered(person.ask())


def test_a_disabled_user_is_a_stranger(relying: Relying) -> None:
    person = signed_in(relying)
    alice = relying.sql.read_now(lambda tx: tx.find(User, username="alice"))
    assert alice is not None
    relying.change(alice.pk, is_active=False)
    assert person.ask().headers["location"].startswith(LOGIN)


def test_a_provider_without_application_is_unknown(relying: Relying) -> None:
    lonely = relying.add_provider("lonely")
    assert signed_in(relying).ask(client_id=lonely.client_id).status_code == 400


@pytest.mark.parametrize("slug", ["default-authentication-flow", "default-invalidation-flow"])
def test_a_flow_that_authorizes_nothing_authorizes_nobody(relying: Relying, slug: str) -> None:
    relying.set_provider(authorization_flow=relying.flow(slug))
    assert signed_in(relying).ask().status_code == 403


# --- consent -------------------------------------------------------------------------------------------------------


def consenting(relying: Relying) -> Person:
    relying.set_provider(authorization_flow=relying.flow("default-provider-authorization-explicit-consent"))
    return signed_in(relying)


def agree(person: Person) -> httpx.Response:
    return person.submit(token=shown(person))


def shown(person: Person) -> str:
    """What names the request that the consent page is about."""
    return person.page.text.split('name="token" id="token" value="')[1].split('"')[0]


def test_explicit_consent_shows_application_and_scopes_and_is_remembered(relying: Relying) -> None:
    person = consenting(relying)
    person.walk()
    assert "Grafana asks to:" in person.text
    assert "See your e-mail address" in person.text
    assert "form-action 'self' https://grafana.example.com;" in person.page.headers["content-security-policy"]
    assert codes(relying) == 0
    assert "code" in answered(agree(person))
    assert "code" in answered(person.ask(state="another"))
    assert "code" in answered(person.ask(scope="openid"))
    assert person.ask(scope="openid email profile offline_access").headers["location"].startswith("/if/flow/")
    assert person.ask(prompt="consent").headers["location"].startswith("/if/flow/")


def test_consent_ends_after_four_weeks(relying: Relying) -> None:
    person = consenting(relying)
    person.walk()
    agree(person)
    relying.clock.advance(4 * 7 * 86_400.0 + 1)
    person.sign_in("alice")
    assert person.walk().url.path == "/if/flow/default-provider-authorization-explicit-consent/"


def test_prompt_consent_is_answered_once(relying: Relying) -> None:
    person = consenting(relying)
    person.walk(prompt="consent")
    assert "code" in answered(agree(person))
    assert person.ask(prompt="consent").headers["location"].startswith("/if/flow/")


def test_who_does_not_agree_is_sent_back_with_an_error(relying: Relying) -> None:
    person = consenting(relying)
    person.walk()
    answer = answered(person.submit(consent="denied"))
    assert (answer["error"], answer["state"]) == ("access_denied", "st-1")
    assert person.ask().headers["location"].startswith("/if/flow/")
    assert codes(relying) == 0


def test_consent_holds_for_the_request_that_was_shown(relying: Relying) -> None:
    """Another tab may have begun another request meanwhile."""
    person = consenting(relying)
    person.walk(scope="openid")
    first = shown(person)
    person.walk(scope="openid email profile offline_access")
    page = person.submit(token=first)
    assert page.url.path.startswith("/if/flow/")
    assert "Another sign-in has begun" in page.text
    assert codes(relying) == 0


def test_consent_of_one_request_does_not_let_another_through(relying: Relying) -> None:
    person = consenting(relying)
    person.walk(prompt="consent", state="one")
    assert "code" in answered(agree(person))
    person.walk(prompt="consent", state="two")
    person.submit(follow=False, token=shown(person))
    other = person.ask(prompt="consent", state="three")
    assert other.headers["location"].startswith("/if/flow/")


def test_consent_is_a_form_of_ours(relying: Relying) -> None:
    person = consenting(relying)
    person.walk()
    asked = person.page.url.path
    page = person.post(asked, False, token=shown(person))
    assert (page.status_code, page.headers["location"]) == (303, f"{asked}?lost=1")
    assert codes(relying) == 0


def test_the_consent_of_one_person_is_not_anothers(relying: Relying) -> None:
    person = consenting(relying)
    person.walk()
    agree(person)
    other = signed_in(relying, "bob")
    assert other.ask().headers["location"].startswith("/if/flow/")


def test_the_consent_page_alone_lets_nothing_through(relying: Relying) -> None:
    person = consenting(relying)
    person.get("/if/flow/default-provider-authorization-explicit-consent/")
    assert person.submit(token="").status_code == 403


def test_a_link_to_another_flow_is_no_way_around_consent(relying: Relying) -> None:
    person = consenting(relying)
    wanted = str(person.ask().request.url.raw_path, "ascii")
    person.get(f"{IMPLICIT}?{urlencode({'next': wanted})}")
    assert person.ask().headers["location"].startswith(EXPLICIT)
    assert codes(relying) == 0


def test_what_a_flow_leads_into_lets_its_request_through(relying: Relying) -> None:
    """And only if that flow was the one to be walked through."""
    further = composed(relying, {"consent": {}}, "further", designation="authorization")
    first = {"redirect": {"mode": "flow", "target_flow": further.pk}}
    for slug in ("first", "other"):
        composed(relying, first, slug, designation="authorization")
    relying.set_provider(authorization_flow=relying.flow("first"))
    person = signed_in(relying)
    person.get(f"/if/flow/other/?{urlencode({'next': str(person.ask().request.url.raw_path, 'ascii')})}", follow=True)
    assert agree(person).status_code == 403
    assert person.walk().url.path == "/if/flow/further/"
    assert "code" in answered(agree(person))


# --- addresses -----------------------------------------------------------------------------------------------------


def test_a_changed_password_ends_the_session_that_asks(relying: Relying) -> None:
    person = signed_in(relying)
    relying.clock.advance(5.0)
    hashed = relying.passwords.hash_now(PASSWORD + "2")

    def verb(tx: Any) -> None:
        users.set_password(tx, tx.find(User, username="alice").pk, hashed)

    relying.sql.write_now(verb)
    assert person.ask().headers["location"].startswith(LOGIN)
