"""The endpoints that programs speak with: token, userinfo, introspection, revocation, keys, discovery."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata
from starlette.applications import Starlette

from control import sessions
from control.oidc.claims import methods
from control.records import (
    AccessToken,
    AuthorizationCode,
    Certificate,
    Provider,
    RefreshToken,
    Session,
    User,
    UserConsent,
)
from control.store.interface import Query, Transaction
from control.verbs import consents, providers, system, users
from control.verbs.fields import Invalid
from control.web import oidc_api
from tests.control.oidc.relying import (
    AUTHORIZE,
    BASE,
    CALLBACK,
    ISSUER,
    OWN,
    PKCE,
    TOKEN,
    USERINFO,
    VERIFIER,
    Person,
    Relying,
)
from tests.control.web.browsing import PASSWORD, SIGN_OUT

INTROSPECT = "/application/o/introspect/"
REVOKE = "/application/o/revoke/"


def signed_in(relying: Relying, username: str = "alice", **fields: Any) -> Person:
    relying.user(username, **{"email": f"{username}@example.com", **fields})
    person = relying.person()
    person.sign_in(username)
    return person


def tokens_of(relying: Relying, person: Person | None = None, **changed: str | None) -> dict[str, Any]:
    answer = relying.exchange((person or signed_in(relying)).code(**changed))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def alice(relying: Relying) -> User:
    user = relying.sql.read_now(lambda tx: tx.find(User, username="alice"))
    assert user is not None
    return user


def failed(answer: httpx.Response, error: str, status: int = 400) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


# --- what is in them -----------------------------------------------------------------------------------------------


def test_the_answer_and_the_id_token(relying: Relying) -> None:
    person = signed_in(relying)
    staff = relying.add_group("staff", alice(relying))
    relying.sql.write_now(lambda tx: tx.update(staff))
    relying.clock.advance(10.0)
    now = int(relying.clock.now())
    answer = relying.exchange(person.code(nonce="n-1", scope="openid email profile unknown"))
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, "openid email profile")
    assert "refresh_token" not in told
    claims = relying.verified(told["id_token"])
    digest = hashlib.sha256(told["access_token"].encode()).digest()[:16]
    expected = {
        "iss": ISSUER,
        "aud": relying.client_id,
        "iat": now,
        "exp": now + 3600,
        "auth_time": now - 10,
        "amr": ["pwd"],
        "nonce": "n-1",
        "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "email": "alice@example.com",
        "email_verified": True,
        "name": "Alice",
        "preferred_username": "alice",
        "groups": ["staff"],
    }
    assert {name: claims[name] for name in expected} == expected
    assert len(claims["sub"]) == len(claims["sid"]) == 64
    in_access = relying.verified(told["access_token"])
    assert (in_access["azp"], in_access["scope"]) == (relying.client_id, "openid email profile")
    assert in_access["jti"] == claims["jti"]


def test_claims_only_at_userinfo_when_told_so(relying: Relying) -> None:
    relying.set_provider(include_claims_in_id_token=False)
    told = tokens_of(relying)
    assert "email" not in relying.verified(told["id_token"])
    assert relying.userinfo(told["access_token"]).json()["email"] == "alice@example.com"


def test_scopes_limit_what_is_told(relying: Relying) -> None:
    person = signed_in(relying)
    only = tokens_of(relying, person, scope="openid")
    assert set(relying.userinfo(only["access_token"]).json()) == {"sub"}
    every = tokens_of(relying, person, scope=None)
    assert every["scope"] == "openid email profile"


def test_without_the_scope_openid_there_is_no_id_token(relying: Relying) -> None:
    told = tokens_of(relying, scope="email")
    assert "id_token" not in told
    answer = relying.userinfo(told["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_an_address_that_nobody_confirmed_is_not_called_verified(relying: Relying) -> None:
    person = signed_in(relying)
    relying.sql.write_now(lambda tx: tx.update(replace(tx.get(User, alice(relying).pk), email_verified=False)))
    access = tokens_of(relying, person)["access_token"]
    assert relying.userinfo(access).json()["email_verified"] is False
    relying.change(alice(relying).pk, email="entered@example.com")
    assert relying.userinfo(access).json()["email_verified"] is True


def test_who_has_no_address_is_told_none(relying: Relying) -> None:
    told = relying.userinfo(tokens_of(relying, signed_in(relying, email=""))["access_token"]).json()
    assert "email" not in told
    assert "email_verified" not in told
    assert told["groups"] == []


@pytest.mark.parametrize(
    ("mode", "field"),
    [("user_id", "pk"), ("user_uuid", "uuid"), ("user_username", "username"), ("user_email", "email")],
)
def test_subject_modes(relying: Relying, mode: str, field: str) -> None:
    relying.set_provider(sub_mode=mode)
    told = tokens_of(relying)
    expected = str(getattr(alice(relying), field))
    assert relying.verified(told["id_token"])["sub"] == expected
    assert relying.userinfo(told["access_token"]).json()["sub"] == expected


def test_an_address_that_nobody_confirmed_is_nobodys_subject(relying: Relying) -> None:
    relying.set_provider(sub_mode="user_email")
    person = signed_in(relying)
    relying.sql.write_now(lambda tx: tx.update(replace(tx.get(User, alice(relying).pk), email_verified=False)))
    subject = relying.verified(tokens_of(relying, person)["id_token"])["sub"]
    assert len(subject) == 64, "the hashed id, as of somebody without an address"


# --- the code, once ------------------------------------------------------------------------------------------------


def test_a_code_that_comes_again_takes_back_what_it_gave(relying: Relying) -> None:
    person = signed_in(relying)
    code = person.code(scope="openid offline_access")
    first = relying.exchange(code).json()
    other = tokens_of(relying, person)
    assert relying.userinfo(first["access_token"]).status_code == 200
    failed(relying.exchange(code), "invalid_grant")
    assert relying.userinfo(first["access_token"]).status_code == 401
    renewed = relying.exchange("", grant_type="refresh_token", refresh_token=first["refresh_token"])
    failed(renewed, "invalid_grant")
    assert relying.userinfo(other["access_token"]).status_code == 200
    [event] = relying.oidc_events("suspicious_request")
    assert event.user["username"] == "alice"


def test_a_code_that_comes_again_after_its_minute_does_too(relying: Relying) -> None:
    code = signed_in(relying).code()
    first = relying.exchange(code).json()
    relying.clock.advance(600.0)
    failed(relying.exchange(code), "invalid_grant")
    assert relying.userinfo(first["access_token"]).status_code == 401


def test_a_code_ends_after_a_minute(relying: Relying) -> None:
    person = signed_in(relying)
    code, late = person.code(), person.code()
    relying.clock.advance(59.0)
    assert relying.exchange(code).status_code == 200
    relying.clock.advance(1.0)
    failed(relying.exchange(late), "invalid_grant")


@pytest.mark.parametrize("uri", [None, f"{CALLBACK}/", "https://evil.example.com/"])
def test_a_code_belongs_to_its_redirect_uri(relying: Relying, uri: str | None) -> None:
    code = signed_in(relying).code()
    failed(relying.exchange(code, redirect_uri=uri), "invalid_grant")
    assert relying.exchange(code).status_code == 200


def test_a_code_belongs_to_its_client(relying: Relying) -> None:
    code = signed_in(relying).code()
    other = relying.add_provider("other")
    relying.add_application("other", other)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    auth = (str(other.client_id), other.secrets["client_secret"])
    failed(relying.call("POST", TOKEN, data=fields, auth=auth), "invalid_grant")
    assert relying.exchange(code).status_code == 200


@pytest.mark.parametrize("verifier", [None, "short", VERIFIER[:-1] + "X", PKCE["code_challenge"]])
def test_a_code_asked_for_with_pkce_needs_the_verifier(relying: Relying, verifier: str | None) -> None:
    code = signed_in(relying).code(**PKCE)
    failed(relying.exchange(code, code_verifier=verifier), "invalid_grant")
    assert relying.exchange(code, code_verifier=VERIFIER).status_code == 200


def test_a_verifier_without_a_challenge_is_a_downgrade(relying: Relying) -> None:
    failed(relying.exchange(signed_in(relying).code(), code_verifier=VERIFIER), "invalid_grant")


def test_a_public_client_needs_no_secret_but_the_verifier(relying: Relying) -> None:
    relying.set_provider(client_type="public")
    person = signed_in(relying)
    code = person.code(**PKCE)
    failed(relying.exchange(code, client_id=relying.client_id), "invalid_grant")
    answer = relying.exchange(code, client_id=relying.client_id, code_verifier=VERIFIER)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"


def disabled(relying: Relying) -> None:
    relying.change(alice(relying).pk, is_active=False)


def password_changed(relying: Relying) -> None:
    relying.clock.advance(1.0)
    hashed = relying.passwords.hash_now(PASSWORD)
    relying.sql.write_now(lambda tx: users.set_password(tx, alice(relying).pk, hashed))


def access_lost(relying: Relying) -> None:
    relying.bind(relying.add_group("grafana-users"))


def deleted(relying: Relying) -> None:
    relying.sql.write_now(lambda tx: users.delete(tx, alice(relying).pk))


def consent_taken_back(relying: Relying) -> None:
    """Of nobody else's."""

    def verb(tx: Transaction) -> None:
        consents.remember(tx, alice(relying).pk, relying.application.pk, ["openid"], None)
        consents.revoke(tx, tx.select(UserConsent)[0].pk)

    bob = tokens_of(relying, signed_in(relying, "bob"), scope="openid offline_access")
    relying.sql.write_now(verb)
    assert relying.userinfo(bob["access_token"]).status_code == 200


MISHAPS = [disabled, password_changed, access_lost, deleted, consent_taken_back]


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_code_is_worth_nothing_after(relying: Relying, mishap: Any) -> None:
    code = signed_in(relying).code()
    mishap(relying)
    failed(relying.exchange(code), "invalid_grant")


@pytest.mark.parametrize("mishap", MISHAPS)
def test_tokens_are_worth_nothing_after(relying: Relying, mishap: Any) -> None:
    told = tokens_of(relying, scope="openid offline_access")
    mishap(relying)
    assert relying.userinfo(told["access_token"]).status_code == 401
    answer = relying.exchange("", grant_type="refresh_token", refresh_token=told["refresh_token"])
    failed(answer, "invalid_grant")


def test_signing_out_ends_code_and_access_token_but_not_the_refresh_token(relying: Relying) -> None:
    person = signed_in(relying)
    told = tokens_of(relying, person, scope="openid offline_access")
    code = person.code()
    person.get("/if/user/")
    person.submit(to=SIGN_OUT)
    failed(relying.exchange(code), "invalid_grant")
    assert relying.userinfo(told["access_token"]).status_code == 401
    answer = relying.exchange("", grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert answer.status_code == 200


def test_a_renamed_user_has_to_sign_in_again_for_a_pending_code(relying: Relying) -> None:
    code = signed_in(relying).code()
    relying.change(alice(relying).pk, email="new@example.com")
    failed(relying.exchange(code), "invalid_grant")


# --- the client ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "wrong", "\u00fc"])
def test_a_wrong_secret_is_refused(relying: Relying, secret: str) -> None:
    code = signed_in(relying).code()
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    by_header = relying.call("POST", TOKEN, data=fields, auth=(relying.client_id, secret))
    failed(by_header, "invalid_client", 401)
    assert by_header.headers["www-authenticate"].startswith("Basic")
    failed(relying.exchange(code, client_id=relying.client_id, client_secret=secret), "invalid_client", 401)
    failed(relying.exchange(code, client_id=relying.client_id), "invalid_client", 401)
    failed(relying.exchange(code, client_id="nobody", client_secret=relying.secret), "invalid_client", 401)
    assert relying.exchange(code).status_code == 200


def test_basic_credentials_are_percent_encoded(relying: Relying) -> None:
    """RFC 6749, 2.3.1."""
    relying.set_provider(client_id="a:b c".replace(" ", "%"), client_secret="s%:+/")
    code = signed_in(relying).code()
    auth = (quote(relying.client_id, safe=""), quote(relying.secret, safe=""))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert relying.call("POST", TOKEN, data=fields, auth=auth).status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic /w==", "Bearer x"])
def test_unreadable_credentials_are_refused(relying: Relying, header: str) -> None:
    fields = {"grant_type": "authorization_code", "code": "x"}
    failed(relying.call("POST", TOKEN, data=fields, headers={"Authorization": header}), "invalid_client", 401)


def test_credentials_in_two_ways_are_refused(relying: Relying) -> None:
    fields = {"grant_type": "authorization_code", "code": "x", "client_secret": relying.secret}
    auth = (relying.client_id, relying.secret)
    failed(relying.call("POST", TOKEN, data=fields, auth=auth), "invalid_request")
    del fields["client_secret"]
    failed(relying.call("POST", TOKEN, data={**fields, "client_id": "other"}, auth=auth), "invalid_request")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": "x" * 5000}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ],
)
def test_malformed_token_requests(relying: Relying, changed: dict[str, str | None], error: str) -> None:
    failed(relying.exchange("x", **changed), error)


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE])
def test_what_programs_ask_is_a_form_and_a_post(relying: Relying, path: str) -> None:
    auth = (relying.client_id, relying.secret)
    failed(
        relying.call("POST", path, json={"grant_type": "authorization_code", "token": "x"}, auth=auth),
        "invalid_request",
    )
    failed(relying.call("POST", path, auth=auth), "invalid_request")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        refused = relying.call(method, path, auth=auth)
        failed(refused, "invalid_request", 405)
        assert refused.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("path", [INTROSPECT, REVOKE])
def test_whoever_names_no_token_is_told_so(relying: Relying, path: str) -> None:
    auth = (relying.client_id, relying.secret)
    for sent in ({"token": ""}, {"token_type_hint": "access_token"}):
        failed(relying.call("POST", path, data=sent, auth=auth), "invalid_request")


def test_parameters_stand_in_a_token_request_once(relying: Relying) -> None:
    auth = (relying.client_id, relying.secret)
    doubled = "grant_type=authorization_code&code=a&code=b"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    failed(relying.call("POST", TOKEN, content=doubled, headers=headers, auth=auth), "invalid_request")


# --- renewing ------------------------------------------------------------------------------------------------------


def renew(relying: Relying, token: str, **changed: str) -> httpx.Response:
    return relying.exchange("", grant_type="refresh_token", refresh_token=token, **changed)


def test_a_refresh_token_is_given_for_offline_access_and_renewed_each_time(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid email offline_access", nonce="n")
    relying.clock.advance(7200.0)
    assert relying.userinfo(first["access_token"]).status_code == 401
    second = renew(relying, first["refresh_token"]).json()
    assert relying.userinfo(second["access_token"]).status_code == 200
    assert second["refresh_token"] != first["refresh_token"]
    before, after = (relying.verified(told["id_token"]) for told in (first, second))
    assert all(before[name] == after[name] for name in ("iss", "sub", "aud", "auth_time"))
    assert renew(relying, second["refresh_token"]).status_code == 200


def test_an_old_refresh_token_ends_its_whole_family(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid offline_access")
    second = renew(relying, first["refresh_token"]).json()
    failed(renew(relying, first["refresh_token"]), "invalid_grant")
    failed(renew(relying, second["refresh_token"]), "invalid_grant")
    assert relying.userinfo(second["access_token"]).status_code == 401
    assert len(relying.oidc_events("suspicious_request")) == 1


def test_a_refresh_token_ends_after_its_time(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid offline_access")
    relying.clock.advance(30 * 86_400.0)
    failed(renew(relying, first["refresh_token"]), "invalid_grant")


def test_scopes_may_shrink_but_not_grow(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid offline_access")
    failed(renew(relying, first["refresh_token"], scope="openid email"), "invalid_scope")
    second = renew(relying, first["refresh_token"], scope="openid").json()
    assert second["scope"] == "openid"
    assert renew(relying, second["refresh_token"]).json()["scope"] == "openid offline_access"


def test_a_refresh_token_belongs_to_its_client(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid offline_access")
    other = relying.add_provider("other")
    relying.add_application("other", other)
    fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    auth = (str(other.client_id), other.secrets["client_secret"])
    failed(relying.call("POST", TOKEN, data=fields, auth=auth), "invalid_grant")
    assert renew(relying, first["refresh_token"]).status_code == 200


# --- userinfo ------------------------------------------------------------------------------------------------------


def test_userinfo_by_header_and_by_form(relying: Relying) -> None:
    access = tokens_of(relying)["access_token"]
    by_header = relying.userinfo(access)
    assert by_header.headers["cache-control"] == "no-store"
    posted = relying.call("POST", USERINFO, headers={"Authorization": f"bearer {access}"})
    in_form = relying.call("POST", USERINFO, data={"access_token": access})
    assert by_header.json() == posted.json() == in_form.json()


def test_userinfo_tells_how_things_are_now(relying: Relying) -> None:
    access = tokens_of(relying)["access_token"]
    relying.add_group("late", alice(relying))
    assert relying.userinfo(access).json()["groups"] == ["late"]


def test_userinfo_refuses_what_is_no_token_of_ours(relying: Relying) -> None:
    told = tokens_of(relying)
    access = told["access_token"]
    for wrong in (
        "nope",
        access[:-1],
        access + "A",
        told["id_token"],
        "x" * 70_000,
    ):
        answer = relying.userinfo(wrong)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    nothing = relying.call("GET", USERINFO)
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, "Bearer")
    assert relying.call("GET", f"{USERINFO}?{urlencode({'access_token': access})}").status_code == 401
    twice = relying.call("POST", USERINFO, data={"access_token": access}, headers={"Authorization": f"Bearer {access}"})
    assert twice.status_code == 400


def test_an_access_token_ends_after_its_time(relying: Relying) -> None:
    relying.set_provider(access_token_validity="minutes=5")
    told = tokens_of(relying)
    assert told["expires_in"] == 300
    relying.clock.advance(299.0)
    assert relying.userinfo(told["access_token"]).status_code == 200
    relying.clock.advance(1.0)
    assert relying.userinfo(told["access_token"]).status_code == 401


def test_tokens_go_with_their_provider(relying: Relying) -> None:
    tokens_of(relying, scope="openid offline_access")
    relying.sql.write_now(lambda tx: providers.delete(tx, relying.provider.pk))
    left = relying.sql.read_now(lambda tx: [tx.count(AuthorizationCode), tx.count(AccessToken), tx.count(RefreshToken)])
    assert left == [0, 0, 0]


def test_old_codes_and_tokens_are_swept(relying: Relying) -> None:
    person = signed_in(relying)
    for _ in range(3):
        tokens_of(relying, person)
    relying.clock.advance(2 * 3600.0)
    person.code()
    assert relying.sql.read_now(lambda tx: tx.count(AccessToken)) == 0
    assert relying.sql.read_now(lambda tx: tx.count(AuthorizationCode)) == 1


# --- introspection and revocation ----------------------------------------------------------------------------------


def ask(relying: Relying, path: str, token: str, provider: Provider | None = None) -> httpx.Response:
    asking = provider or relying.provider
    auth = (str(asking.client_id), asking.secrets["client_secret"])
    return relying.call("POST", path, data={"token": token}, auth=auth)


def test_a_client_learns_about_its_own_tokens_alone(relying: Relying) -> None:
    access = tokens_of(relying)["access_token"]
    told = ask(relying, INTROSPECT, access).json()
    assert (told["active"], told["client_id"], told["username"]) == (True, relying.client_id, "alice")
    assert told["scope"] == "openid email profile"
    other = relying.add_provider("other")
    relying.add_application("other", other)
    assert ask(relying, INTROSPECT, access, other).json() == {"active": False}
    assert ask(relying, INTROSPECT, "nope").json() == {"active": False}
    failed(relying.call("POST", INTROSPECT, data={"token": access}), "invalid_client", 401)
    relying.set_provider(client_type="public")
    failed(
        relying.call("POST", INTROSPECT, data={"token": access, "client_id": relying.client_id}), "invalid_client", 401
    )


def test_a_refresh_token_is_replaced_when_little_is_left_of_it(relying: Relying) -> None:
    relying.set_provider(refresh_token_threshold="days=1")
    first = tokens_of(relying, scope="openid offline_access")["refresh_token"]
    again = renew(relying, first).json()
    assert again["refresh_token"] == first
    assert relying.userinfo(again["access_token"]).status_code == 200
    assert renew(relying, first, scope="openid").json()["refresh_token"] == first
    relying.clock.advance(29 * 86_400.0)
    last = renew(relying, first).json()["refresh_token"]
    assert last != first
    failed(renew(relying, first), "invalid_grant")
    failed(renew(relying, last), "invalid_grant")


def test_a_public_clients_is_replaced_each_time(relying: Relying) -> None:
    relying.set_provider(refresh_token_threshold="days=1", client_type="public")
    code = signed_in(relying).code(scope="openid offline_access", **PKCE)
    first = relying.exchange(code, client_id=relying.client_id, code_verifier=VERIFIER).json()["refresh_token"]
    assert renew(relying, first, client_id=relying.client_id).json()["refresh_token"] != first


def test_a_refresh_token_is_told_of_while_it_can_be_exchanged(relying: Relying) -> None:
    first = tokens_of(relying, scope="openid offline_access")["refresh_token"]
    told = ask(relying, INTROSPECT, first).json()
    assert (told["active"], told["username"], told["scope"]) == (True, "alice", "openid offline_access")
    assert told["exp"] - told["iat"] == 30 * 86_400
    assert (told["amr"], "token_type" in told) == (["pwd"], False)
    other = relying.add_provider("other")
    relying.add_application("other", other)
    assert ask(relying, INTROSPECT, first, other).json() == {"active": False}
    assert relying.userinfo(first).status_code == 401
    second = renew(relying, first).json()["refresh_token"]
    assert ask(relying, INTROSPECT, first).json() == {"active": False}
    assert ask(relying, INTROSPECT, second).json()["active"] is True
    relying.clock.advance(30 * 86_400.0)
    assert ask(relying, INTROSPECT, second).json() == {"active": False}


@pytest.mark.parametrize(
    ("method", "second_factor", "told"),
    [
        ("password", 0.0, ("pwd",)),
        ("password", 9.0, ("pwd", "mfa")),
        ("auth_webauthn_pwl", 9.0, ("user", "mfa")),
        ("source", 0.0, ()),
        ("", 9.0, ("mfa",)),
    ],
)
def test_how_somebody_signed_in(method: str, second_factor: float, told: tuple[str, ...]) -> None:
    """RFC 8176, in authentik's words."""
    assert methods(Session("s", data={"method": method}, second_factor=second_factor)) == told


def test_a_second_factor_that_is_shown_later_leaves_what_was_known(relying: Relying) -> None:
    person = signed_in(relying)
    tokens_of(relying, person)
    (session,) = relying.sql.read_now(lambda tx: tx.select(Session, Query(equal={"user": alice(relying).pk})))
    assert relying.sql.write_now(lambda tx: sessions.factor_shown(tx, session, []))
    told = relying.verified(tokens_of(relying, person)["id_token"])
    assert told["amr"] == ["pwd", "mfa"]


def test_a_client_takes_back_its_own_tokens_alone(relying: Relying) -> None:
    told = tokens_of(relying, scope="openid offline_access")
    other = relying.add_provider("other")
    relying.add_application("other", other)
    for token in (told["access_token"], told["refresh_token"], "nope"):
        assert ask(relying, REVOKE, token, other).status_code == 200
    failed(relying.call("POST", REVOKE, data={"token": told["access_token"]}), "invalid_client", 401)
    assert relying.userinfo(told["access_token"]).status_code == 200
    assert ask(relying, REVOKE, told["access_token"]).status_code == 200
    assert relying.userinfo(told["access_token"]).status_code == 401
    second = renew(relying, told["refresh_token"]).json()
    assert ask(relying, REVOKE, second["refresh_token"]).status_code == 200
    assert relying.userinfo(second["access_token"]).status_code == 401
    failed(renew(relying, second["refresh_token"]), "invalid_grant")


# --- keys and discovery --------------------------------------------------------------------------------------------


def test_a_provider_saved_without_a_key_gets_the_default_one(relying: Relying) -> None:
    assert relying.provider.settings["signing_key"] == relying.certificate.pk
    relying.set_provider(signing_key=None)
    assert relying.provider.settings["signing_key"] == relying.certificate.pk


def test_a_key_that_cannot_sign_rs256_is_refused(relying: Relying) -> None:
    bare = relying.sql.write_now(lambda tx: tx.insert(Certificate("bare", "PEM")))
    with pytest.raises(Invalid) as caught:
        relying.set_provider(signing_key=bare.pk)
    assert set(caught.value.fields) == {"signing_key"}


def test_without_any_key_nothing_is_signed(relying: Relying) -> None:
    code = signed_in(relying).code()
    relying.sql.write_now(lambda tx: tx.delete(tx.get(Certificate, relying.certificate.pk)))
    assert relying.sql.read_now(lambda tx: tx.get(Provider, relying.provider.pk)).settings["signing_key"] is None
    failed(relying.exchange(code), "server_error", 500)
    [kept] = relying.sql.read_now(lambda tx: tx.select(AuthorizationCode, Query()))
    assert not kept.used, "the code is still good when the key is back"


def test_keys_tell_nothing_private(relying: Relying) -> None:
    answer = relying.call("GET", f"{OWN}/jwks/")
    assert answer.headers["access-control-allow-origin"] == "*"
    [key] = answer.json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "alg", "use"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")


def test_discovery_is_valid_and_every_address_in_it_exists(relying: Relying) -> None:
    answer = relying.call("GET", f"{OWN}/.well-known/openid-configuration")
    assert answer.headers["access-control-allow-origin"] == "*"
    told = answer.json()
    OpenIDProviderMetadata(told).validate()
    assert told["issuer"] == ISSUER
    for name, url in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert url.startswith(BASE)
            assert relying.call("POST" if name != "jwks_uri" else "GET", url[len(BASE) :]).status_code != 404, name
    assert relying.call("GET", f"{OWN}/").headers["location"] == f"{OWN}/.well-known/openid-configuration"


def test_with_and_without_the_trailing_slash(relying: Relying) -> None:
    for path in (f"{OWN}/jwks", f"{OWN}/.well-known/openid-configuration"):
        assert relying.call("GET", path).json() == relying.call("GET", f"{path}/").json()
    for path in (AUTHORIZE, TOKEN, USERINFO, INTROSPECT, REVOKE, f"{OWN}/end-session/"):
        assert relying.call("POST", path[:-1]).status_code == relying.call("POST", path).status_code != 404


def test_unknown_applications_have_no_keys_and_no_document(relying: Relying) -> None:
    ldap = relying.add_application("ldap", relying.add_provider("ldap", "ldap"))
    for slug in ("nosuch", ldap.slug, "\u00fc"):
        for path in ("jwks/", ".well-known/openid-configuration"):
            assert relying.call("GET", f"/application/o/{slug}/{path}").status_code == 404


def test_the_issuer_follows_the_public_url_and_else_the_request(relying: Relying) -> None:
    path = f"{OWN}/.well-known/openid-configuration"
    assert (
        relying.call("GET", path, headers={"Host": "other.example.com"})
        .json()["issuer"]
        .startswith("https://other.example.com/")
    )
    services = replace(relying.services, public_url="https://sso.example.com/")
    relying.app = Starlette(routes=oidc_api.routes(services))
    told = relying.call("GET", path, headers={"Host": "other.example.com"}).json()
    assert told["issuer"] == f"https://sso.example.com{OWN}/"
    assert told["token_endpoint"] == f"https://sso.example.com{TOKEN}"
    relying.sql.write_now(lambda tx: system.change(tx, {"base_url": "https://console.example.com"}))
    assert relying.call("GET", path).json()["issuer"] == f"https://console.example.com{OWN}/"


def test_forwarded_addresses_are_believed_from_trusted_peers_alone(relying: Relying) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example.com"}
    path = f"{OWN}/.well-known/openid-configuration"
    assert relying.call("GET", path, headers=forwarded).json()["issuer"] == ISSUER


def test_browsers_of_other_origins_may_ask_without_cookies(relying: Relying) -> None:
    answer = relying.call("OPTIONS", TOKEN, headers={"Origin": "https://spa.example.com"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in answer.headers
