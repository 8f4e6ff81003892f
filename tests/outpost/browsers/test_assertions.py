"""Signed assertions: verified as the documentation says, and by nobody taken for another application's."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.errors import JoseError

import outpost
from protocols.proxy.injected import may_carry_assertion
from tests.fakes import FakeClock
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.test_forward_auth import ALICE, Door
from tests.outpost.listeners.test_sign_in import APP, Outpost, Visitor

DOCUMENT = Path(outpost.__file__).parents[1] / "docs" / "proxies" / "assertion.md"
HEADER = "X-Jwt-Assertion"
KEYS = "/outpost.goauthentik.io/jwks.json"


def documented() -> Any:
    """The function that the documentation has for applications."""
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(snippet, names)  # it is ours
    return names["who"]


@pytest.fixture
def visited() -> Visitor:
    """Somebody who has signed in now: the documented function looks at the real clock."""
    made = Outpost(FakeClock(float(int(time.time()))))
    made.publish_provider(assertion_header=HEADER)
    visitor = Visitor(made)
    visitor.sign_in()
    return visitor


def keys(visitor: Visitor) -> dict[str, Any]:
    answer = visitor.direct(f"{APP}{KEYS}")
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_an_application_verifies_it_as_documented(visited: Visitor) -> None:
    assertion = visited.open(f"{APP}/page").headers[HEADER]
    claims = documented()(assertion, keys(visited), APP)
    now = int(visited.outpost.clock.now())
    assert claims == {
        "iss": f"{APP}/outpost.goauthentik.io/",
        "aud": APP,
        "sub": "uid-1",
        "iat": now,
        "exp": now + 300,
        "preferred_username": "alice",
        "name": "Alice",
        "email": "alice@example.com",
        "groups": ["staff"],
    }


def test_no_other_application_takes_it(visited: Visitor) -> None:
    assertion = visited.open(f"{APP}/page").headers[HEADER]
    with pytest.raises(JoseError):
        documented()(assertion, keys(visited), "https://other.example.com")
    others = json.loads(visited.direct(f"https://other.example.com{KEYS}").body)
    with pytest.raises((JoseError, ValueError)):
        documented()(assertion, others, APP)


def test_it_is_made_once_a_minute_and_never_shown_when_it_is_old(visited: Visitor) -> None:
    clock = visited.outpost.clock
    first = visited.open(f"{APP}/page").headers[HEADER]
    clock.advance(59)
    assert visited.open(f"{APP}/page").headers[HEADER] == first
    clock.advance(1)
    second = visited.open(f"{APP}/page").headers[HEADER]
    assert second != first
    assert visited.open(f"{APP}/other").headers[HEADER] == second


def test_a_rotated_secret_has_another_key_and_the_one_before_is_known(visited: Visitor) -> None:
    assertion = visited.open(f"{APP}/page").headers[HEADER]
    visited.outpost.publish_provider(
        assertion_header=HEADER,
        cookie_secret="second",
        cookie_secret_previous="secret of 7, and of nobody else",
    )
    newer = visited.open(f"{APP}/page").headers[HEADER]
    found = keys(visited)
    assert len(found["keys"]) == 2
    assert all("d" not in key for key in found["keys"])
    for one in (assertion, newer):
        assert documented()(one, found, APP)["sub"] == "uid-1"
    assert newer.split(".")[0] != assertion.split(".")[0]


def test_nobody_has_an_empty_one_and_a_password_a_good_one() -> None:
    door = Door(provider(7, APP, assertion_header=HEADER, skip_path_regex="^/open"))
    assert door.ask((HEADER, "forged"), url=f"{APP}/open").headers[HEADER] == ""
    assert door.ask(ALICE, url=f"{APP}/page").headers[HEADER].count(".") == 2


TAKEN = (
    "X-Authentik-Username",
    "X-Authentik-Jwt",
    "remote-user",
    "Authorization",
    "Set-Cookie",
    "a b",
    "X_Jwt",
    "Host",
)


@pytest.mark.parametrize("name", TAKEN)
def test_its_header_is_its_own(name: str) -> None:
    assert not may_carry_assertion(name)


@pytest.mark.parametrize("name", ["X-Jwt-Assertion", "X-Authentik-Jwt-Assertion", "Cf-Access-Jwt-Assertion"])
def test_usual_names_for_it_can_be_had(name: str) -> None:
    assert may_carry_assertion(name)
