"""Each probe finds its mistake, and nothing where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outpost.doctor.judging import (
    ASKED_BY_BROWSER,
    COOKIE,
    OTHER_ADDRESS,
    OTHER_HOST,
    OTHER_PATH,
    POSTED,
    PROBES,
    WHO,
    Answer,
    Outcome,
    Place,
)
from outpost.listeners.probes import Seen

PLACE = Place("https", "app.example.com", "app.example.com", 443, "/", "app.example.com")
SEEN = Seen(
    "/outpost.goauthentik.io/auth/nginx",
    "192.0.2.10",
    trusted=True,
    scheme="https",
    host="app.example.com",
    target="/",
    method="GET",
    client="198.51.100.9",
    served=True,
    cookies=(COOKIE,),
)
TO_SIGN_IN = Answer(
    302,
    {"location": "https://auth.example.com/application/o/authorize/?x=1", "set-cookie": "__Host-authentik_browser_1=a"},
    b"",
)
PING = Answer(204, {}, b"")


def said(what: str, seen: Seen | None = SEEN, answer: Answer = TO_SIGN_IN, follow: Answer = PING) -> list[str]:
    (probe,) = [one for one in PROBES if one.what == what]
    return list(probe.judge(Outcome(PLACE, answer, [seen] if seen else [], lambda path: follow)))


@pytest.mark.parametrize("what", [one.what for one in PROBES])
def test_nothing_is_wrong_with_what_is_as_it_should_be(what: str) -> None:
    seen = replace(SEEN, method="POST") if what == "is the method told" else SEEN
    answer = Answer(401, {}, b"") if what == "are programs told" else TO_SIGN_IN
    assert said(what, seen, answer) == []


@pytest.mark.parametrize(
    ("what", "changed", "sentence"),
    [
        ("is the outpost asked, and about what", {"trusted": False}, "add 192.0.2.10 to OUTPOST_LISTEN__"),
        (
            "is the outpost asked, and about what",
            {"problem": "X-Original-URL is missing: add it."},
            "is missing: add it.",
        ),
        ("is the outpost asked, and about what", {"host": "outpost"}, "must hand on the browser's own host"),
        ("is the outpost asked, and about what", {"scheme": "http"}, "must say which scheme"),
        ("is the outpost asked, and about what", {"served": False}, "has the external host app.example.com"),
        ("are cookies handed on", {"cookies": ("other",)}, "does not hand on Cookie"),
        ("X-Forwarded-Host of a browser", {"host": OTHER_HOST}, "choose the host"),
        ("X-Original-URL of a browser", {"host": OTHER_HOST}, "choose the host"),
        ("X-Original-URL of a browser, its path", {"target": OTHER_PATH}, "choose the path"),
        ("X-Original-URI of a browser", {"target": f"{OTHER_PATH}?x"}, "choose the path"),
        ("X-Forwarded-Uri of a browser", {"target": OTHER_PATH}, "choose the path"),
        ("two hosts in one request", {"host": OTHER_HOST}, "not $http_host"),
        ("X-Original-Method of a browser", {"method": "DELETE"}, "choose the method"),
        ("X-Forwarded-Method of a browser", {"method": "DELETE"}, "choose the method"),
        ("is the method told", {"method": "GET"}, "does not tell the method"),
        ("X-Forwarded-For of a browser", {"client": OTHER_ADDRESS}, "choose its own address"),
        ("X-Forwarded-Proto of a browser, http", {"scheme": "http"}, "choose the scheme"),
        ("questions of a browser", {"target": ASKED_BY_BROWSER}, "A browser can ask what the proxy asks"),
    ],
)
def test_what_was_asked_tells_of_a_mistake(what: str, changed: dict[str, Any], sentence: str) -> None:
    (found,) = said(what, replace(SEEN, **changed))
    assert sentence in found


@pytest.mark.parametrize(
    ("what", "answer", "follow", "sentence"),
    [
        ("is a browser led to sign in", Answer(401, {}, b""), PING, "is not sent to sign in"),
        ("is a browser led to sign in", Answer(302, {"location": TO_SIGN_IN.location}, b""), PING, "loses Set-Cookie"),
        (
            "is a browser led to sign in",
            Answer(302, {"location": "https://app.example.com/outpost.goauthentik.io/start?rd=x"}, b""),
            Answer(404, {}, b""),
            "leads nobody to sign in",
        ),
        (
            "do forms come back",
            Answer(302, {"location": f"https://app.example.com/outpost.goauthentik.io/start?rd={POSTED}"}, b""),
            PING,
            "must tell the method in front of rd",
        ),
        ("is there a way back", TO_SIGN_IN, Answer(404, {}, b""), "finds no way back"),
        ("are programs told", TO_SIGN_IN, PING, "where 401 would tell it"),
        ("identity headers of a browser", Answer(200, {}, f"Remote-User: {WHO}".encode()), PING, "made up"),
        ("is the outpost asked, and about what", Answer(200, {}, b""), PING, "although nobody has signed in"),
    ],
)
def test_what_was_answered_tells_of_a_mistake(what: str, answer: Answer, follow: Answer, sentence: str) -> None:
    (found,) = said(what, answer=answer, follow=follow)
    assert sentence in found


def test_a_portal_elsewhere_is_not_followed() -> None:
    elsewhere = Answer(302, {"location": "https://login.example.com/outpost.goauthentik.io/start?rd=x"}, b"")
    assert said("is a browser led to sign in", answer=elsewhere, follow=Answer(404, {}, b"")) == []


@pytest.mark.parametrize("query", [f"method=POST&rd={POSTED}", "rd=https%3A%2F%2Fapp.example.com%2Fform"])
def test_a_form_that_comes_back_to_its_page(query: str) -> None:
    there = Answer(302, {"location": f"https://app.example.com/outpost.goauthentik.io/start?{query}"}, b"")
    assert said("do forms come back", answer=there) == []


def test_a_proxy_that_asks_nobody() -> None:
    (found,) = said("is the outpost asked, and about what", None, Answer(200, {}, b""))
    assert "did not ask this outpost" in found
    for probe in PROBES[1:]:
        assert said(probe.what, None, Answer(200, {}, b"")) == []
