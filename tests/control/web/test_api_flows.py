"""`/flows/` and `/stages/`: authentik's paths and shapes; flows that people put together run, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from control.flows.prompts import TYPES
from control.flows.stages import STAGES
from control.verbs.prompts import PromptFields
from control.verbs.stage_kinds import KINDS
from tests.control.web.api import Api

BODIES: dict[str, dict[str, Any]] = {
    "identification": {"user_fields": ["email"], "case_insensitive_matching": False, "show_matched_user": False},
    "password": {"backends": ["authentik.core.auth.InbuiltBackend"], "failed_attempts_before_cancel": 3},
    "authenticator_validate": {"device_classes": ["totp"], "not_configured_action": "deny"},
    "authenticator_totp": {"friendly_name": "a program", "digits": 8},
    "authenticator_static": {"token_count": 4, "token_length": 10},
    "prompt": {"fields": [], "validation_policies": []},
    "consent": {"mode": "expiring", "consent_expire_in": "weeks=1"},
    "email": {"subject": "Hello", "token_expiry": "minutes=5", "activate_user_on_success": True},
    "invitation": {"continue_flow_without_invitation": True},
    "deny": {"deny_message": "Not today."},
    "redirect": {"mode": "static", "target_static": "/if/user/"},
    "user_login": {"session_duration": "hours=1", "terminate_other_sessions": True, "remember_me_offset": "days=30"},
    "user_write": {"user_creation_mode": "never_create", "user_type": "internal", "user_path_template": "made"},
}
"""Kind to the settings that it is made with; the others have none."""
COMMON = {
    "pk",
    "name",
    "component",
    "verbose_name",
    "verbose_name_plural",
    "meta_model_name",
    "flow_set",
}
"""authentik's fields of every stage."""


def flow(api: Api, slug: str = "own", designation: str = "authentication", **fields: Any) -> str:
    body = {"name": slug, "slug": slug, "title": slug, "designation": designation, **fields}
    return str(api.post("/flows/instances/", body)["pk"])


def stage(api: Api, kind: str, name: str = "", **fields: Any) -> str:
    return str(api.post(f"/stages/{KINDS[kind].place}/", {"name": name or f"my {kind}", **fields})["pk"])


def bind(api: Api, target: str, stages: list[str], **fields: Any) -> list[dict[str, Any]]:
    return [
        api.post("/flows/bindings/", {"target": target, "stage": pk, "order": order * 10, **fields})
        for order, pk in enumerate(stages)
    ]


def warnings(api: Api, slug: str = "own") -> list[str]:
    return list(api.get(f"/flows/instances/{slug}/")["warnings"])


def test_every_kind_of_stage_is_described_and_every_type_of_prompt() -> None:
    assert KINDS.keys() == STAGES.keys()
    choices = PromptFields.model_json_schema()["properties"]["type"]["enum"]
    assert set(choices) == TYPES.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stage_of_each_kind(api: Api, kind: str) -> None:
    path, settings = f"/stages/{KINDS[kind].place}/", BODIES.get(kind, {})
    made = api.post(path, {"name": "mine", **settings})
    assert made.keys() == COMMON | KINDS[kind].fields.model_fields.keys()
    assert {name: made[name] for name in settings} == settings
    assert made["meta_model_name"] == f"authentik_stages_{kind}.{kind.replace('_', '')}stage"
    (listed,) = api.get("/stages/all/?name=mine")["results"]
    assert listed == {name: made[name] for name in COMMON}
    assert api.patch(f"{path}{made['pk']}/", {"name": "other"}) == {**made, "name": "other"}
    elsewhere = "deny" if kind != "deny" else "consent"
    assert api.call("GET", f"/stages/{elsewhere}/{made['pk']}/").status == 404
    assert api.call("DELETE", f"/stages/all/{made['pk']}/").status == 204


def test_a_flow_is_made_changed_and_deleted_by_its_slug(api: Api) -> None:
    pk = flow(api, denied_action="message", layout="sidebar_left")
    changed = api.patch("/flows/instances/own/", {"title": "Come in"})
    assert (changed["pk"], changed["title"], changed["denied_action"]) == (pk, "Come in", "message")
    lines = bind(api, pk, [stage(api, "identification"), stage(api, "password")])
    shown = api.get("/flows/instances/own/")
    assert shown["stages"] == [line["stage"] for line in lines]
    assert lines[0]["stage_obj"]["name"] == "my identification"
    assert api.get(f"/stages/all/{lines[0]['stage']}/")["flow_set"][0]["slug"] == "own"
    assert api.call("DELETE", "/flows/instances/own/").status == 204
    assert api.get(f"/flows/bindings/?target={pk}")["results"] == []
    assert len(api.get("/stages/all/?search=&name=my password")["results"]) == 1


def test_the_last_way_in_stays(api: Api) -> None:
    refused = api.call("DELETE", "/flows/instances/default-authentication-flow/")
    assert (refused.status, "last flow" in str(refused.body)) == (400, True)
    flow(api)
    assert api.call("DELETE", "/flows/instances/default-authentication-flow/").status == 204


def test_a_flow_that_people_put_together_signs_in(api: Api) -> None:
    api.user("alice", email="alice@example.com")
    pk = flow(api)
    bind(api, pk, [stage(api, "identification", **BODIES["identification"]), stage(api, "password")])
    assert warnings(api) == ["This flow signs nobody in: it has no User Login Stage."]
    api.post("/flows/bindings/", {"target": pk, "stage": stage(api, "user_login"), "order": 100})
    assert warnings(api) == []
    api.patch("/admin/settings/", {"enrollment": "open"})
    welcome = flow(api, "welcome", "enrollment")
    (first,) = api.get("/stages/identification/?name=my identification")["results"]
    api.patch(f"/stages/identification/{first['pk']}/", {"enrollment_flow": welcome})
    asked = api.call("GET", "/flows/executor/own/", token=None)
    assert asked.body["enroll_url"] == "/if/flow/welcome/"
    assert asked.body["component"] == "ak-stage-identification"
    assert asked.body["user_fields"] == ["email"]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (["user_login"], "finds out who somebody is"),
        (["password", "identification", "user_login"], "before anybody was asked for a name"),
        (["identification", "authenticator_validate", "password", "user_login"], "a second factor before the first"),
        (["identification", "password", "deny", "user_login"], "ends the flow before it"),
        (["identification", "password", "user_write", "user_login"], "nothing to write"),
        (["identification", "user_delete"], "deletes nobody"),
        (["prompt", "user_write", "user_login"], "asks for nothing"),
    ],
)
def test_what_will_not_go_as_meant_is_said(api: Api, kinds: list[str], said: str) -> None:
    bind(api, flow(api), [stage(api, kind, **BODIES.get(kind, {})) for kind in kinds])
    assert any(said in sentence for sentence in warnings(api)), warnings(api)


def test_a_password_may_be_asked_for_with_the_name_by_a_password_stage_alone(api: Api) -> None:
    checks, login = stage(api, "password"), stage(api, "user_login")
    refused = api.post("/stages/identification/", {"name": "both", "password_stage": login}, 400)
    assert refused == {"password_stage": ["This is no password stage."]}
    both = stage(api, "identification", "both", password_stage=checks)
    bind(api, flow(api), [both, login])
    assert warnings(api) == []
    bind(api, flow(api, "twice"), [both, checks, login])
    assert any("asks again for a password" in sentence for sentence in warnings(api, "twice"))
    asked = api.call("GET", "/flows/executor/own/", token=None)
    assert (asked.body["password_fields"], asked.body["allow_show_password"]) == (True, False)


@pytest.mark.parametrize("slug", ["default-authentication-flow", "default-recovery-flow", "default-enrollment-flow"])
def test_nothing_is_said_of_the_flows_that_every_store_has(api: Api, slug: str) -> None:
    assert warnings(api, slug) == []


def test_no_default_flow_has_a_warning(api: Api) -> None:
    shown = api.get("/flows/instances/?page_size=100")["results"]
    assert {one["slug"]: one["warnings"] for one in shown if one["warnings"]} == {}


def test_flows_do_not_lead_in_circles(api: Api) -> None:
    one, two = flow(api, "one"), flow(api, "two")
    to_two = stage(api, "redirect", "to two", mode="flow", target_flow=two)
    to_one = stage(api, "redirect", "to one", mode="flow", target_flow=one)
    bind(api, one, [to_two])
    refused = api.post("/flows/bindings/", {"target": two, "stage": to_one, "order": 0}, 400)
    assert refused == {"stage": ["This leads in a circle: two → one → two. Nobody would ever arrive."]}
    bind(api, two, [stage(api, "identification"), to_one])  # it asks something before
    assert "target_flow" in api.call("PATCH", f"/stages/redirect/{to_two}/", {"target_flow": one}).body


def test_doors_without_a_browser_keep_flows_that_they_can_do(api: Api) -> None:
    pk = flow(api)
    bind(api, pk, [stage(api, "identification"), stage(api, "password")])
    api.post("/providers/radius/", {"name": "wifi", "authentication_flow": pk})
    page = stage(api, "email")
    (said,) = api.post("/flows/bindings/", {"target": pk, "stage": page, "order": 50}, 400)["stage"]
    assert said.startswith("The RADIUS provider “wifi” signs people in by this flow, and the stage “my email” needs")
    pages = flow(api, "pages")
    bind(api, pages, [page])
    refused = api.post("/providers/ldap/", {"name": "tree", "authentication_flow": pages}, 400)
    assert "needs a browser" in refused["authentication_flow"][0]


def test_the_default_flow_may_grow_pages_and_says_whom_that_shuts_out(api: Api) -> None:
    login = api.get("/flows/instances/default-authentication-flow/")["pk"]
    api.post("/providers/ldap/", {"name": "tree"})
    made = api.post("/flows/bindings/", {"target": login, "stage": stage(api, "email"), "order": 25})
    assert any("The LDAP provider “tree”" in sentence for sentence in made["warnings"])


def test_the_flow_that_the_default_brand_names_says_whom_its_pages_shut_out(api: Api) -> None:
    pk = flow(api)
    consent = api.get("/flows/instances/default-provider-authorization-implicit-consent/")["pk"]
    api.post("/providers/ldap/", {"name": "tree", "authorization_flow": consent})
    bind(api, pk, [stage(api, "email")])
    assert not any("tree" in sentence for sentence in warnings(api))
    (brand,) = api.get("/core/brands/")["results"]
    answer = api.call("PATCH", f"/core/brands/{brand['pk']}/", {"flow_authentication": pk})
    assert answer.status == 200, answer.body
    assert any("The LDAP provider “tree”" in sentence for sentence in warnings(api))


def test_a_policy_about_events_is_not_bound_where_there_are_none(api: Api) -> None:
    policy = api.post("/policies/event_matcher/", {"name": "p", "action": "login"})["pk"]
    (line,) = bind(api, flow(api), [stage(api, "deny")])
    for target in (line["target"], line["pk"]):
        assert "events" in api.post("/policies/bindings/", {"target": target, "policy": policy}, 400)["policy"][0]


def test_bindings_that_are_never_asked_are_told_of(api: Api) -> None:
    (line,) = bind(api, flow(api), [stage(api, "deny")], evaluate_on_plan=False, re_evaluate_policies=False)
    api.post("/policies/bindings/", {"target": line["pk"], "user": 1})
    assert any("never asked" in sentence for sentence in warnings(api))


def test_what_a_stage_names_is_there_and_is_let_go_of(api: Api) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    assert "fields" in api.post("/stages/prompt/stages/", {"name": "p", "fields": [nobody]}, 400)
    assert "target_flow" in api.post("/stages/redirect/", {"name": "r", "mode": "flow"}, 400)
    assert "target_static" in api.post("/stages/redirect/", {"name": "r", "target_static": "//evil.example"}, 400)
    assert "use_global_settings" in api.post("/stages/email/", {"name": "e", "use_global_settings": False}, 400)
    field = api.post("/stages/prompt/prompts/", {"name": "nick", "field_key": "nick", "label": "Nick", "type": "text"})[
        "pk"
    ]
    policy = api.post("/policies/expression/", {"name": "p", "expression": "return True"})["pk"]
    asking = stage(api, "prompt", fields=[field], validation_policies=[policy])
    assert api.get(f"/stages/prompt/prompts/{field}/")["promptstage_set"][0]["pk"] == asking
    assert "asks this policy" in str(api.call("DELETE", f"/policies/all/{policy}/").body)
    assert api.call("DELETE", f"/stages/prompt/prompts/{field}/").status == 204
    assert api.get(f"/stages/prompt/stages/{asking}/")["fields"] == []
    leading = stage(api, "redirect", mode="flow", target_flow=flow(api, "gone"))
    assert api.call("DELETE", "/flows/instances/gone/").status == 204
    assert api.get(f"/stages/redirect/{leading}/")["target_flow"] is None


def test_a_prompt_has_expressions_that_can_be_run(api: Api) -> None:
    body = {"name": "p", "field_key": "p", "label": "P", "type": "dropdown", "placeholder": "return ["}
    made = api.post("/stages/prompt/prompts/", body)
    assert made["placeholder"] == "return ["
    refused = api.call("PATCH", f"/stages/prompt/prompts/{made['pk']}/", {"placeholder_expression": True})
    assert (refused.status, list(refused.body)) == (400, ["placeholder"])
    assert "field_key" in api.post("/stages/prompt/prompts/", {**body, "name": "q", "field_key": "csrf_token"}, 400)


def test_a_flow_is_drawn(api: Api) -> None:
    pk = flow(api, title='"]; click x "evil"')
    lines = bind(api, pk, [stage(api, "identification"), stage(api, "deny")])
    api.post("/policies/bindings/", {"target": lines[1]["pk"], "user": 1})
    drawn = api.get("/flows/instances/own/diagram/")["diagram"].split("\n")
    assert drawn[0] == "graph TD"
    assert drawn[1] == 'start[["Flow<br>]; click x evil"]]'
    assert 'stage_1_rules -- "else" --> done' in drawn
    assert api.get("/flows/instances/own/execute/")["link"].endswith("/if/flow/own/")


def test_kinds_and_templates_are_listed(api: Api) -> None:
    assert {one["model_name"] for one in api.get("/stages/all/types/")} >= {"passwordstage", "userloginstage"}
    assert "email/password_reset.html" in [one["name"] for one in api.get("/stages/email/templates/")]


def test_a_flow_has_at_most_fifty_stages(api: Api) -> None:
    pk, ending = flow(api), stage(api, "consent")
    for order in range(50):
        api.post("/flows/bindings/", {"target": pk, "stage": ending, "order": order})
    assert "at most 50" in str(api.post("/flows/bindings/", {"target": pk, "stage": ending, "order": 50}, 400))
