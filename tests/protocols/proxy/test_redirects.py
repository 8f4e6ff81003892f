from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from protocols.proxy.login_state import LoginState
from protocols.proxy.redirects import (
    LONGEST_LANDING,
    asked_landing,
    authorize_url,
    is_callback,
    is_sign_out,
    landing,
)

HERE = "https://app.example.com"


def ours(host: str) -> str | None:
    return {"app.example.com": HERE, "other.example.com": "https://other.example.com"}.get(host)


def test_an_authorization_request() -> None:
    login = LoginState(b"b" * 16, b"s" * 32, 7, 0.0, 0, HERE)
    url = urlsplit(authorize_url("https://auth.example.com/", "client", f"{HERE}/cb?x=y&z", b"sealed", login))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://auth.example.com/application/o/authorize/"
    assert {name: value for name, (value,) in parse_qs(url.query).items()} == {
        "response_type": "code",
        "client_id": "client",
        "redirect_uri": f"{HERE}/cb?x=y&z",
        "scope": "openid email profile",
        "state": "sealed",
        "nonce": login.nonce,
        "code_challenge": login.challenge,
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("path", "query", "callback", "sign_out"),
    [
        ("/outpost.goauthentik.io/callback", "", True, False),
        ("/", "X-authentik-auth-callback=true&code=1", True, False),
        ("/page", "a=b&X-authentik-auth-callback=true", True, False),
        ("/page", "aX-authentik-auth-callback=true", False, False),
        ("/page", "X-authentik-auth-callback=trueish", False, False),
        ("/page", "x=y?X-authentik-auth-callback=true", False, False),
        ("/outpost.goauthentik.io/sign_out", "", False, True),
        ("/page", "X-authentik-logout=true", False, True),
        ("/callback", "", False, False),
    ],
)
def test_signatures(path: str, query: str, callback: bool, sign_out: bool) -> None:
    assert (is_callback(path, query), is_sign_out(path, query)) == (callback, sign_out)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/page?x=1", f"{HERE}/page?x=1"),
        ("//admin", f"{HERE}//admin"),
        ("/outpost.goauthentik.io/start?rd=/x", f"{HERE}/"),
        ("/?X-authentik-auth-callback=true", f"{HERE}/"),
        ("/page?a=b&X-authentik-logout=true", f"{HERE}/"),
        ("/page?" + "x" * LONGEST_LANDING, f"{HERE}/page"),
        ("/" + "x" * LONGEST_LANDING, f"{HERE}/"),
    ],
)
def test_where_to_land(target: str, url: str) -> None:
    assert landing(HERE, target) == url


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ("", "/"),
        ("rd=/page", "/page"),
        ("rd=%2Fpage%3Fa%3Db", "/page?a=b"),
        ("a=b&rd=/page", "/page"),
        ("rd=https://app.example.com/page?a=b&c=d%20e", "/page?a=b&c=d%20e"),
        ("rd=https%3A%2F%2Fapp.example.com%2Fpage%3Fa%3Db%26c&x=y", "/page?a=b&c"),
        ("rd=https://APP.example.com./page", "/page"),
        ("rd=https://app.example.com", "/"),
        ("rd=https://app.example.com?a=b", "/?a=b"),
        ("rd=https://other.example.com/page", "https://other.example.com/page"),
        # whatever is no place of ours (T37): the first page
        ("rd=https://evil.com/?x=app.example.com", "/"),
        ("rd=https://app.example.com.evil.com/", "/"),
        ("rd=https://app.example.com:8443/", "/"),
        ("rd=https://app.example.com:443@evil.com/", "/"),
        ("rd=https://app.example.com%40evil.com/", "/"),
        ("rd=https://[::1]/", "/"),
        ("rd=//evil.com/", "/"),
        ("rd=/\\evil.com/", "/"),
        ("rd=%2F%2Fevil.com", "/"),
        ("rd=%2F%5Cevil.com", "/"),
        ("rd=/%09/evil.com", "/%09/evil.com"),
        ("rd=%2F%09%2Fevil.com", "/"),
        ("rd=javascript:alert(1)", "/"),
        ("rd=https:evil.com", "/"),
        ("rd=https:///evil.com", "/"),
        ("rd=https:/\\evil.com", "/"),
        ("rd=https%3A%2F%2Fevil.com%5C.app.example.com/", "/"),
        ("rd=https://app.example.com%0d%0aX: y", "/"),
        ("rd=%2F%C3%A9", "/"),
        ("rd=", "/"),
    ],
)
def test_only_places_of_ours(query: str, url: str) -> None:
    assert asked_landing(query, HERE, ours) == (url if url.startswith("https") else HERE + url)
