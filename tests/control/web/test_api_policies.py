"""`/policies/`: authentik's paths and shapes, and bindings to policies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.web.api import Api

BODIES: dict[str, dict[str, Any]] = {
    "geoip": {
        "countries": ["DE"],
        "asns": [64500],
        "check_history_distance": True,
        "history_max_distance_km": 500,
        "distance_tolerance_km": 60,
        "history_login_count": 10,
        "check_impossible_travel": True,
        "impossible_tolerance_km": 90,
    },
    "expression": {"expression": "return True"},
    "reputation": {"check_ip": True, "check_username": False, "threshold": -3},
    "event_matcher": {"action": "login", "client_ip": None, "app": None, "model": None},
    "network": {"networks": ["192.0.2.0/24"]},
    "password": {
        "password_field": "password",
        "amount_digits": 1,
        "amount_uppercase": 2,
        "amount_lowercase": 3,
        "amount_symbols": 4,
        "length_min": 12,
        "symbol_charset": "!? ",
        "error_message": "Longer, please.",
        "check_static_rules": True,
        "check_have_i_been_pwned": False,
        "hibp_allowed_count": 0,
        "check_zxcvbn": True,
        "zxcvbn_score_threshold": 2,
    },
    "password_expiry": {"days": 90, "deny_only": False},
    "unique_password": {"password_field": "password", "num_historical_passwords": 3},
    "time": {"weekdays": [0, 4], "begins": 480, "ends": 1020, "timezone": "Europe/Berlin"},
}
COMMON = {
    "pk",
    "name",
    "execution_logging",
    "component",
    "verbose_name",
    "verbose_name_plural",
    "meta_model_name",
    "bound_to",
}
"""authentik's fields of every policy."""


@pytest.mark.parametrize("kind", BODIES)
def test_a_policy_of_each_kind(api: Api, kind: str) -> None:
    made = api.post(f"/policies/{kind}/", {"name": "p", **BODIES[kind]})
    assert made.keys() == COMMON | BODIES[kind].keys()
    assert {name: made[name] for name in BODIES[kind]} == BODIES[kind]
    assert made["verbose_name_plural"].endswith(" Policies")
    listed = next(one for one in api.get("/policies/all/?search=p")["results"] if one["name"] == "p")
    assert listed == {name: made[name] for name in COMMON}
    changed = api.patch(f"/policies/{kind}/{made['pk']}/", {"name": "q", "execution_logging": True})
    assert changed == {**made, "name": "q", "execution_logging": True}
    other = next(name for name in BODIES if name != kind)
    assert api.call("GET", f"/policies/{other}/{made['pk']}/").status == 404
    assert api.call("DELETE", f"/policies/all/{made['pk']}/").status == 204
    assert made["pk"] not in [one["pk"] for one in api.get(f"/policies/{kind}/")["results"]]


def test_scores_of_reputation_are_no_policy(api: Api) -> None:
    assert api.get("/policies/reputation/scores/")["results"] == []


def test_an_expression_is_read_before_it_is_stored(api: Api) -> None:
    body = {"name": "p", "expression": "if True:\n    return nonsense"}
    assert api.post("/policies/expression/", body, 400) == {
        "expression": ["Line 2, column 12: There is no “nonsense” here."]
    }


def test_two_policies_have_two_names(api: Api) -> None:
    api.post("/policies/network/", {"name": "p", **BODIES["network"]})
    assert api.post("/policies/time/", {"name": "p"}, 400) == {"name": ["This field must be unique."]}


def bound(api: Api) -> tuple[str, str, dict[str, Any]]:
    """pk of an application and of a policy, and the binding between them."""
    target = api.post("/core/applications/", {"name": "App", "slug": "app"})["pk"]
    policy = api.post("/policies/expression/", {"name": "p", "expression": "return False"})["pk"]
    fields = {"target": target, "policy": policy, "order": 1, "negate": True, "timeout": 5, "failure_result": True}
    return target, policy, api.post("/policies/bindings/", fields)


def test_a_binding_shows_its_policy(api: Api) -> None:
    _, policy, binding = bound(api)
    assert (binding["policy"], binding["group"], binding["user"]) == (policy, None, None)
    assert (binding["negate"], binding["timeout"], binding["failure_result"]) == (True, 5, True)
    assert binding["policy_obj"]["name"] == "p"
    assert binding["policy_obj"]["bound_to"] == 1
    assert api.get(f"/policies/bindings/?policy={policy}")["pagination"]["count"] == 1


def test_a_binding_needs_a_policy_that_exists_and_nothing_beside_it(api: Api) -> None:
    target, policy, _ = bound(api)
    nobody = "00000000-0000-0000-0000-000000000000"
    assert "policy" in api.post("/policies/bindings/", {"target": target, "policy": nobody}, 400)
    assert "non_field_errors" in api.post("/policies/bindings/", {"target": target, "policy": policy, "user": 1}, 400)


def test_deleting_a_policy_opens_nothing(api: Api) -> None:
    target, policy, _ = bound(api)
    refused = api.call("DELETE", f"/policies/expression/{policy}/")
    assert (refused.status, "would be open to everyone" in str(refused.body)) == (400, True)
    api.post("/policies/bindings/", {"target": target, "user": 1})
    assert api.call("DELETE", f"/policies/expression/{policy}/").status == 204
    assert [one["policy"] for one in api.get(f"/policies/bindings/?target={target}")["results"]] == [None]


def test_who_asks_for_access_hears_what_the_policy_said(api: Api) -> None:
    target = api.post("/core/applications/", {"name": "App", "slug": "app"})["pk"]
    source = "ak_message('Closed.')\nak_logger.info('looked')\nreturn False"
    policy = api.post("/policies/expression/", {"name": "p", "expression": source})["pk"]
    api.post("/policies/bindings/", {"target": target, "policy": policy})
    path = "/core/applications/app/check_access/"
    found = api.get(path)
    assert (found["passing"], found["messages"][0]) == (False, "Closed.")
    assert [line["event"] for line in found["log_messages"]] == ["info: looked"]
    alice = api.get(path, api.token(api.user("alice")))
    assert alice == {"passing": False, "messages": ["Closed."], "log_messages": []}


def test_changes_leave_events_under_authentiks_names(api: Api) -> None:
    api.post("/policies/event_matcher/", {"name": "p"})
    events = api.get("/events/events/?action=model_created&search=event_matcher")["results"]
    event = next(one for one in events if one["context"]["model"]["name"] == "p")
    assert event["app"] == "authentik_policies_event_matcher"
    assert event["context"]["model"]["model_name"] == "eventmatcherpolicy"


# --- tried out -----------------------------------------------------------------------------------------------------


def tried(api: Api, kind: str, fields: dict[str, Any], asked: dict[str, Any], status: int = 200) -> Any:
    pk = api.post(f"/policies/{kind}/", {"name": "tried", **fields})["pk"]
    return api.post(f"/policies/all/{pk}/test/", asked, status)


def test_an_expression_is_tried_out(api: Api) -> None:
    source = (
        "ak_message('Hello.')\nak_logger.info('seen', who=request.user.username)\n"
        "return [context['b'], context['ssid'], str(ak_client_ip)]"
    )
    asked = {"user": api.user("ann"), "context": {"b": 1}, "attributes": {"ssid": "Staff"}, "from": "192.0.2.1"}
    answer = tried(api, "expression", {"expression": source}, asked)
    assert (answer["passing"], answer["messages"], answer["value"]) == (True, ["Hello."], [1, "Staff", "192.0.2.1"])
    (line,) = answer["log_messages"]
    assert line.keys() == {"timestamp", "log_level", "logger", "event", "attributes"}
    assert (line["log_level"], line["logger"], line["event"]) == ("info", "tried", "info: seen who=ann")
    assert 5 < answer["steps"] < 100
    assert (answer["fault"], answer["reuse"]) == (None, None)


def test_what_goes_wrong_is_told_with_its_place(api: Api) -> None:
    answer = tried(api, "expression", {"expression": "ak_message('Before.')\nreturn request.user.pk / 0"}, {"user": 1})
    assert (answer["passing"], answer["messages"]) == (False, ["Before."])
    assert answer["fault"] == "Line 2, column 8: ZeroDivisionError: division by zero"
    assert [line["log_level"] for line in answer["log_messages"]] == ["error"]


def test_how_long_an_answer_holds_is_told(api: Api) -> None:
    answer = tried(api, "network", {"networks": ["192.0.2.0/24"]}, {"from": "192.0.2.9"})
    assert (answer["passing"], answer["reuse"]["peer_only"]) == (True, True)


def test_trying_out_changes_nothing(api: Api) -> None:
    before = api.get("/events/events/")["pagination"]["count"]
    pk = api.post("/policies/expression/", {"name": "p", "expression": "return 1 / 0", "execution_logging": True})["pk"]
    api.post(f"/policies/all/{pk}/test/", {}, 200)
    assert api.get("/events/events/")["pagination"]["count"] == before + 1  # the policy was made


def test_who_is_not_there_is_refused(api: Api) -> None:
    assert "user" in tried(api, "expression", {"expression": "return True"}, {"user": 999}, 400)


def test_kinds_are_listed_as_authentik_lists_them(api: Api) -> None:
    kinds = {kind["component"]: kind for kind in api.get("/policies/all/types/")}
    assert kinds["ak-policy-event-matcher-form"]["model_name"] == "eventmatcherpolicy"
    assert kinds["ak-policy-expression-form"]["name"] == "Expression Policy"
    assert len(kinds) == len(BODIES)
