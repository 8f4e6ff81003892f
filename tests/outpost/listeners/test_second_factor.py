"""Paths that want a recent second factor: asked for at control, and landed where the person wanted to go."""

from __future__ import annotations

from typing import Any

import pytest

from outpost.directory.draft import whole
from outpost.directory.snapshot import Touched
from protocols.link.messages import AccessRule, PathRule
from protocols.proxy.redirects import SECOND_FACTOR
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Answer
from tests.outpost.listeners.test_forward_auth import ALICE
from tests.outpost.listeners.test_forward_auth import Door as AnyDoor
from tests.outpost.listeners.test_sign_in import APP, Outpost, Visitor, _bound, authorization, records

VAULT = f"{APP}/vault/keys?x=1"
RULE = AccessRule("second_factor", paths=(PathRule("prefix", "/vault"),), max_age=300)


@pytest.fixture
def outpost() -> Outpost:
    made = Outpost()
    guarded = [_bound(provider(7, APP, access_rules=(RULE,), skip_path_regex="^/vault/open"))]
    others = [one for one in records() if getattr(one, "pk", 0) != 7]
    made.directory.publish(whole(2, [*others, *guarded]), Touched(everything=True))
    return made


def back(visitor: Visitor, bounced: Answer, shown: float, **session: Any) -> Answer:
    """Control lets them come back, a second factor having been shown at this time."""
    visitor.outpost.link.codes["code-2"] = visitor.outpost.session(second_factor=shown, **session)
    return visitor.open(visitor.answer_of_control(bounced, "code-2"))


def test_whoever_is_signed_in_is_asked_for_a_second_factor_and_lands_where_they_wanted(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    visitor.sign_in()
    assert visitor.open(f"{APP}/page").status == 200
    bounced = visitor.open(VAULT)
    asked = authorization(bounced)
    assert (asked["acr_values"], asked["max_age"]) == (SECOND_FACTOR, "300")
    answer = back(visitor, bounced, outpost.clock.now())
    assert (answer.status, answer.headers["Location"]) == (302, VAULT)
    assert visitor.open(VAULT).status == 200


def test_it_counts_for_as_long_as_the_rule_says(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    visitor.sign_in(second_factor=outpost.clock.now())
    outpost.clock.advance(300)
    assert visitor.open(VAULT).status == 200
    outpost.clock.advance(1)
    assert visitor.open(VAULT).status == 302
    assert visitor.open(f"{APP}/page").status == 200


def test_a_stranger_is_asked_for_both_at_once(outpost: Outpost) -> None:
    assert authorization(Visitor(outpost).open(VAULT))["acr_values"] == SECOND_FACTOR
    assert "acr_values" not in authorization(Visitor(outpost).open(f"{APP}/page"))


def test_the_start_page_knows_what_its_landing_page_wants(outpost: Outpost) -> None:
    visitor = Visitor(outpost, "nginx")
    refused = visitor.open(VAULT, **{"X-Original-URL": VAULT})
    assert refused.status == 401
    assert 'acr_values="https://refeds.org/profile/mfa", max_age="300"' in refused.headers["WWW-Authenticate"]
    started = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd={VAULT}")
    assert authorization(started)["max_age"] == "300"
    plain = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd={APP}/page")
    assert "max_age" not in authorization(plain)


def test_programs_are_told_what_is_missing(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    visitor.sign_in()
    refused = visitor.open(VAULT, **{"X-Requested-With": "XMLHttpRequest"})
    assert refused.status == 401
    assert "insufficient_user_authentication" in refused.headers["WWW-Authenticate"]


def test_what_control_still_calls_too_old_ends_in_a_page_and_not_in_a_circle(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    answer = back(visitor, visitor.open(VAULT), outpost.clock.now() - 301)
    assert answer.status == 403
    assert "clocks" in answer.body.decode()
    assert "Set-Cookie" not in answer.headers


def test_a_reloaded_callback_is_no_second_factor(outpost: Outpost) -> None:
    """Somebody signed in, whose code is used up, is not let in by the session that they have."""
    visitor = Visitor(outpost)
    visitor.sign_in()
    bounced = visitor.open(VAULT)
    again = visitor.open(visitor.answer_of_control(bounced, "used-up"))
    assert authorization(again)["max_age"] == "300"


def test_skipped_paths_do_not_open_what_wants_a_second_factor(outpost: Outpost) -> None:
    assert Visitor(outpost).open(f"{APP}/vault/open").status == 302


def test_a_password_alone_is_not_enough() -> None:
    door = AnyDoor(provider(7, APP, access_rules=(RULE,)))
    assert door.ask(ALICE, url=VAULT).status == 403
    assert door.telemetry.decisions["proxy", "second_factor_needed"] == 1
    assert door.ask(ALICE, url=f"{APP}/page").status == 200
