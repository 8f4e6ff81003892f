"""Cases of the field that have no number (`tests/test_field_cases.py`), on the listener."""

from __future__ import annotations

import pytest

from protocols.proxy.redirects import OURS
from tests.outpost.listeners.http_connections import get
from tests.outpost.listeners.test_forward_auth_vectors import OPEN, Door
from tests.outpost.listeners.test_sign_in import APP, NAVIGATION, Outpost, Visitor

MARKUP = '/"><script>alert(1)</script>'


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(Outpost())


@pytest.mark.parametrize("error", ["access_denied", MARKUP])
def test_no_page_repeats_markup(visitor: Visitor, error: str) -> None:
    """Not of the address that somebody wanted, and not of what control is said to have answered."""
    bounced = visitor.open(f"{APP}{MARKUP}", **NAVIGATION)
    answered = visitor.answer_of_control(bounced)
    pages = [visitor.open(answered.replace("code=code-1", f"error={error}"), **NAVIGATION)]
    visitor.outpost.link.away = True
    pages.append(visitor.open(answered, **NAVIGATION))
    for page in pages:
        assert page.status in (400, 403, 503)
        assert b"<script" not in page.body
    assert b"&lt;script&gt;" in pages[1].body, "the page leads to where they wanted to go"


@pytest.mark.parametrize("referer", ["javascript:alert(1)", "data:text/html,<script>", f"{APP}{MARKUP} x"])
def test_an_address_with_markup_is_only_an_address(visitor: Visitor, referer: str) -> None:
    bounced = visitor.open(f"{APP}/save", method="POST", **{**NAVIGATION, "Referer": referer})
    assert bounced.status == 303
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    assert visitor.open(visitor.answer_of_control(bounced)).headers["Location"] == f"{APP}/"


@pytest.mark.parametrize("dialect", ["nginx", "caddy", "traefik", "envoy", "haproxy"])
def test_every_answer_that_lets_in_forbids_to_keep_it(dialect: str) -> None:
    """A cache whose key is the cookie alone would let the same browser in elsewhere."""
    said = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "app.example.com",
        "X-Forwarded-Uri": "/public/x",
        "X-Forwarded-Method": "GET",
    }
    if dialect == "nginx":
        said = {"X-Original-URL": "https://app.example.com/public/x"}
    behind = "/public/x" if dialect == "envoy" else ""
    visitor = Door().listener.connect("192.0.2.10")
    visitor.send(get(f"{OURS}auth/{dialect}{behind}", *said.items(), host="app.example.com"))
    (answer,) = visitor.answers()
    assert OPEN.startswith("^/public/")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
