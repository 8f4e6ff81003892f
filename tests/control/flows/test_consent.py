"""The consent stage by itself; with an application behind it: tests/control/web/test_oidc_authorize.py."""

from __future__ import annotations

from typing import Any

import pytest

from control.flows import executor
from control.flows.state import Challenge, Denied, Done, Step
from tests.control.flows.people import World, a_state
from tests.fakes import run

ABOUT: dict[str, Any] = {
    "request": "r1",
    "application": "app",
    "name": "Wiki",
    "scopes": ["openid"],
    "permissions": [{"id": "openid", "name": "Know that it is you"}],
}
NEXT = "/application/o/authorize/?client_id=x"


def answered(about: dict[str, Any], requester: int | None, **fields: str) -> Step:
    world = World()
    asked = run(executor.start(a_state("consent", authorization=about, requester=requester, next=NEXT), world))
    assert isinstance(asked, Challenge)
    return run(executor.answer(asked.state, fields, world))


def test_it_shows_who_asks_for_what() -> None:
    asked = run(executor.challenge(a_state("consent", authorization=ABOUT, requester=1), World()))
    assert asked is not None
    assert asked.component["component"] == "ak-stage-consent"
    assert asked.component["header_text"] == "Wiki asks to:"
    assert asked.component["permissions"] == ABOUT["permissions"]
    assert asked.component["token"] == "r1"


def test_who_agrees_goes_on() -> None:
    step = answered(ABOUT, 1, token="r1")
    assert isinstance(step, Done)
    assert step.to == NEXT


def test_who_does_not_is_sent_back_as_such() -> None:
    step = answered(ABOUT, 1, token="r1", consent="denied")
    assert isinstance(step, Done)
    assert step.to == f"{NEXT}&consent=denied"


@pytest.mark.parametrize("token", ["", "r2"])
def test_agreeing_to_something_else_asks_again(token: str) -> None:
    step = answered(ABOUT, 1, token=token)
    assert isinstance(step, Challenge)
    assert "token" in step.component["response_errors"]


@pytest.mark.parametrize(("about", "requester"), [({}, 1), (ABOUT, None)])
def test_without_an_application_or_a_person_it_denies(about: dict[str, Any], requester: int | None) -> None:
    step = answered(about, requester, token="r1")
    assert isinstance(step, Denied)
    assert step.reason == "flow_denied"
