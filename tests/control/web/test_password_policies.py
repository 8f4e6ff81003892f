"""Policies about passwords, bound to flows: asked wherever a password is set, and heard wherever one has grown old."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.passwords.breached import BreachedPasswords
from control.records import Event, Flow, StageBinding, User
from control.store.interface import Query, Transaction
from control.verbs import bindings, policies, users
from control.verbs.password_terms import CHANGE_FLOW, DAY
from tests.control.web.api import Api
from tests.control.web.browsing import Site

LONG = {"length_min": 14}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def flow(tx: Transaction, slug: str) -> str:
    found = tx.find(Flow, slug=slug)
    assert found is not None
    return found.pk


def stage(tx: Transaction, slug: str) -> str:
    """The last stage's binding: everything has been shown when a flow comes there."""
    return tx.select(StageBinding, Query(equal={"flow": flow(tx, slug)}, ordering=("order",)))[-1].pk


def bind(tx: Transaction, kind: str, fields: dict[str, Any], target: str, **binding: Any) -> str:
    """pk of the policy."""
    policy = policies.create(tx, kind, {"name": f"{kind} {tx.count(Event, Query())}", **fields})
    bindings.create(tx, {"target": target, "policy": policy.pk, **binding})
    return policy.pk


def bound(api: Api, kind: str, fields: dict[str, Any], slug: str = CHANGE_FLOW, **binding: Any) -> str:
    return api.sql.write_now(lambda tx: bind(tx, kind, fields, flow(tx, slug), **binding))


def given(api: Api, user: int, password: str, status: int = 204) -> list[str]:
    answer = api.call("POST", f"/core/users/{user}/set_password/", {"password": password})
    assert answer.status == status, answer.text
    sentences: list[str] = answer.body["password"] if answer.body else []
    return sentences


# --- one that is being chosen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [flow, stage])
def test_the_api_asks_what_is_bound_to_the_flow_or_its_stages(api: Api, place: Any) -> None:
    user = api.user("alice")
    api.sql.write_now(lambda tx: bind(tx, "password", LONG, place(tx, CHANGE_FLOW)))
    assert given(api, user, "ten letters", 400) == ["Use at least 14 characters; a few words do well."]
    given(api, user, "fourteen letters")


def test_all_of_them_have_to_pass_whatever_the_mode(api: Api) -> None:
    user = api.user("alice")
    bound(api, "password", LONG, order=1)
    bound(api, "password", {"amount_digits": 1}, order=2)
    assert "digit" in given(api, user, "fourteen letters", 400)[0]
    assert "14 characters" in given(api, user, "1 2 3 4 5", 400)[0]
    given(api, user, "fourteen letters 1")


def test_what_is_bound_to_another_flow_counts_there_alone(api: Api) -> None:
    bound(api, "password", LONG, "default-authentication-flow")
    given(api, api.user("alice"), "ten letters")


def test_one_that_is_switched_off_is_not_asked(api: Api) -> None:
    bound(api, "password", LONG, enabled=False)
    given(api, api.user("alice"), "ten letters")


def test_strength_is_estimated_for_a_policy_without_ones_own_name(api: Api) -> None:
    user = api.user("alexandrine")
    bound(api, "password", {"check_zxcvbn": True})
    assert "easy to guess" in given(api, user, "alexandrine1", 400)[0]
    given(api, user, "plum ocean grid 7")


def test_a_password_that_they_have_had(api: Api) -> None:
    user = api.user("alice")
    bound(api, "unique_password", {"num_historical_passwords": 2})
    given(api, user, "the first one")
    given(api, user, "the second one")
    for had in ("the first one", "the second one"):
        assert "before" in given(api, user, had, 400)[0]
    given(api, user, "the third one")
    given(api, user, "the first one")


def test_a_rule_that_cannot_be_decided_sets_nothing_and_tells_the_administrator(api: Api, tmp_path: Path) -> None:
    user = api.user("alice")
    bound(api, "password", {"check_have_i_been_pwned": True})
    assert "Tell the administrator" in given(api, user, "ten letters", 400)[0]
    (event,) = api.get("/events/events/?action=policy_exception")["results"]
    assert "breached-passwords.txt" in event["context"]["message"]
    assert "ten letters" not in str(event)
    listed = tmp_path / "list"
    listed.write_text("hunter2hunter2\n")
    api.passwords._breached = BreachedPasswords(listed).times
    assert "become known" in given(api, user, "hunter2hunter2", 400)[0]
    given(api, user, "ten letters")


def test_a_trace_is_left_where_it_is_asked_for(api: Api) -> None:
    user = api.user("alice")
    bound(api, "password", {**LONG, "execution_logging": True})
    given(api, user, "ten letters", 400)
    (event,) = api.get("/events/events/?action=policy_execution")["results"]
    assert event["user"]["username"] == "alice"
    assert (event["context"]["passing"], event["context"]["kind"]) == (False, "password")
    assert "Characters" in event["context"]["log"][0]


def test_nobody_chooses_a_password_at_an_application(api: Api) -> None:
    target = api.post("/core/applications/", {"name": "App", "slug": "app"})["pk"]
    policy = api.post("/policies/password/", {"name": "p", **LONG})["pk"]
    assert "flow" in api.post("/policies/bindings/", {"target": target, "policy": policy}, 400)["policy"][0]


def test_the_flow_and_the_first_administrator_are_asked_the_same(site: Site) -> None:
    site.sql.write_now(lambda tx: bind(tx, "password", LONG, flow(tx, CHANGE_FLOW)))
    site.sql.write_now(lambda tx: bind(tx, "password", {"amount_digits": 1}, flow(tx, "initial-setup")))
    browser = site.browser()
    assert browser.get(f"/if/flow/initial-setup/?code={site.code}").status_code == 200  # they do not close the flow

    def choose(password: str) -> str:
        fields = {"code": site.code, "email": "a@example.com", "password": password, "password_repeat": password}
        return browser.submit(True, None, **fields).text

    assert "14 characters" in choose("ten letters 1")
    assert "1 digit" in choose("fourteen letters")
    assert "1 digit" not in choose("fourteen letters 1")


# --- one that grows old --------------------------------------------------------------------------------------------


def reason(api: Api, user: int) -> str | None:
    return api.sql.read_now(lambda tx: users.password_due(tx, tx.get(User, user)))


def test_one_bound_to_a_flow_makes_passwords_too_old_everywhere(api: Api) -> None:
    user = api.user("alice")
    given(api, user, "ten letters")
    bound(api, "password_expiry", {"days": 30}, "default-authentication-flow")
    api.clock.advance(30 * DAY - 1)
    assert reason(api, user) is None
    api.clock.advance(1)
    assert reason(api, user) == "password_expired"
    given(api, user, "other letters")
    assert reason(api, user) is None


def test_the_shortest_age_counts(api: Api) -> None:
    user = api.user("alice")
    given(api, user, "ten letters")
    bound(api, "password_expiry", {"days": 30}, "default-authentication-flow")
    api.patch("/admin/settings/", {"password_max_age": "days=10"})
    api.clock.advance(10 * DAY)
    assert reason(api, user) == "password_expired"


@pytest.mark.parametrize("how", [{"enabled": False}, {"negate": True}])
def test_one_that_is_not_in_force_does_not_count(api: Api, how: dict[str, bool]) -> None:
    user = api.user("alice")
    given(api, user, "ten letters")
    bound(api, "password_expiry", {"days": 1}, "default-authentication-flow", **how)
    api.clock.advance(2 * DAY)
    assert reason(api, user) is None


def test_one_that_only_denies_or_is_bound_to_an_application_leaves_the_account_as_it_is(api: Api) -> None:
    user = api.user("alice")
    given(api, user, "ten letters")
    bound(api, "password_expiry", {"days": 1, "deny_only": True}, "default-authentication-flow")
    target = api.post("/core/applications/", {"name": "App", "slug": "app"})["pk"]
    api.sql.write_now(lambda tx: bind(tx, "password_expiry", {"days": 1}, target))
    api.clock.advance(2 * DAY)
    assert reason(api, user) is None
    found = api.get(f"/core/applications/app/check_access/?for_user={user}")
    assert (found["passing"], "too old" in found["messages"][0]) == (False, True)


def test_a_browser_is_asked_for_another_one(site: Site) -> None:
    site.administrator()
    site.user("bob")
    site.sql.write_now(lambda tx: bind(tx, "password_expiry", {"days": 30}, flow(tx, "default-authentication-flow")))
    site.clock.advance(31 * DAY)
    assert "too old" in site.browser().sign_in("bob").text


# --- tried out -----------------------------------------------------------------------------------------------------


def tried(api: Api, kind: str, fields: dict[str, Any], context: dict[str, Any], user: int | None = None) -> Any:
    pk = api.post(f"/policies/{kind}/", {"name": "tried", **fields})["pk"]
    return api.post(f"/policies/all/{pk}/test/", {"user": user, "context": context}, 200)


@pytest.mark.parametrize("context", [{"new": "short"}, {"prompt_data": {"new": "short"}}])
def test_a_password_is_tried_out(api: Api, context: dict[str, Any]) -> None:
    found = tried(api, "password", {**LONG, "check_zxcvbn": True, "password_field": "new"}, context)
    assert (found["passing"], len(found["messages"]), found["fault"]) == (False, 2, None)
    assert [line["event"].partition(":")[0] for line in found["log_messages"]] == ["Characters", "Strength"]


def test_without_a_password_there_is_nothing_to_try(api: Api) -> None:
    assert tried(api, "password", LONG, {"other": "short"})["messages"] == ["No password is being chosen."]


def test_the_present_password_is_tried_out(api: Api) -> None:
    user = api.user("alice")
    given(api, user, "ten letters")
    assert tried(api, "unique_password", {}, {"password": "ten letters"}, user)["passing"] is False
