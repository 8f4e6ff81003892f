"""What must hold in front of every proxy that hands our answers to the browser: the same journeys through each."""

from __future__ import annotations

from base64 import b64encode

from tests.wire.chromium import chromium
from tests.wire.directory import PASSWORDS
from tests.wire.fronts import RESOLVER, Front

LOOK_ALIKES = ("X_Authentik_Username", "X.Authentik.Username", "X_Authentik_Groups", "X.Authentik.Groups")
"""Applications may take these for the true ones: CGI, WSGI and PHP do."""


def a_person_signs_in_and_arrives(front: Front, strips_empty: bool = False) -> None:
    """And leaves; and brings no headers of their own. ``strips_empty``: does the caller remove what we write empty?"""
    with chromium(RESOLVER) as browser:
        context = browser.new_context()
        page, cookie = front.signed_in(context)
        page.goto(f"{front.app}/deep/page?x=1&y=a%20b")
        headers = front.last("/deep/page?x=1&y=a%20b")
        assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
        forged = {"X-Authentik-Username": "alice", "X-Authentik-Entitlements": "all"}
        forged |= dict.fromkeys(LOOK_ALIKES, "alice")
        assert front.ask("/forged", Cookie=cookie, **forged).status_code == 200
        headers = front.last("/forged")
        assert headers["x-authentik-username"] == "bob"
        assert headers.get("x-authentik-entitlements") == (None if strips_empty else "")
        assert not {name.lower() for name in LOOK_ALIKES} & headers.keys()
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        assert front.ask("/", Cookie=cookie).status_code == 302


def nobody_else_arrives(front: Front) -> None:
    before = len(front.application.requests)
    forged = {"X-Authentik-Username": "bob", "X-Forwarded-Uri": "/public", "X-Original-URL": f"{front.app}/public"}
    assert front.ask("/page", **forged).status_code == 302
    assert front.ask("/page", Accept="application/json").status_code == 401
    assert front.ask("/page", "POST").status_code == 303
    assert front.ask("/", host="unknown.example.com").status_code == 403
    assert len(front.application.requests) == before


def credentials_open(front: Front) -> None:
    assert front.ask("/basic", Authorization=basic("bob", PASSWORDS["bob"])).status_code == 200
    assert front.last("/basic")["x-authentik-username"] == "bob"
    assert front.ask("/basic", Authorization=basic("bob", "wrong")).status_code == 401


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
