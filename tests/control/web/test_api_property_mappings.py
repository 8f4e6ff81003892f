"""`/propertymappings/`: authentik's shapes, for those that are there from the start and for one's own."""

from __future__ import annotations

from typing import Any

from control.mappings.defaults import OF_ENTRIES
from tests.control.web.api import Api

SCOPE = "/propertymappings/provider/scope/"


def test_the_managed_set_is_there_under_authentiks_names(api: Api) -> None:
    listed = api.get("/propertymappings/all/?managed__isnull=false")["results"]
    oauth2, default = "goauthentik.io/providers/oauth2/scope-", "authentik default OAuth Mapping: "
    usual = {f"{oauth2}{one}": f"{default}OpenID '{one}'" for one in ("openid", "email", "profile", "offline_access")}
    told = {mapping["managed"]: mapping["name"] for mapping in listed}
    entries = {managed: told.pop(managed) for managed in list(told) if managed.startswith("goauthentik.io/sources/")}
    assert entries == {mapping.managed: mapping.name for mapping in OF_ENTRIES}
    assert told == {
        **usual,
        f"{oauth2}entitlements": f"{default}Application Entitlements",
        f"{oauth2}authentik_api": f"{default}authentik API access",
        "goauthentik.io/providers/proxy/scope-proxy": f"{default}Proxy outpost",
    }
    (one,) = api.get(f"{SCOPE}?managed=goauthentik.io/providers/oauth2/scope-email")["results"]
    assert {name: one[name] for name in one if name not in ("pk", "expression", "description")} == {
        "managed": "goauthentik.io/providers/oauth2/scope-email",
        "name": "authentik default OAuth Mapping: OpenID 'email'",
        "on_failure": "omit",
        "component": "ak-property-mapping-provider-scope-form",
        "verbose_name": "Scope Mapping",
        "verbose_name_plural": "Scope Mappings",
        "meta_model_name": "authentik_providers_oauth2.scopemapping",
        "scope_name": "email",
    }


def test_one_of_ones_own_is_made_given_to_a_provider_and_deleted(api: Api) -> None:
    made = api.post(SCOPE, {"name": "roles", "scope_name": "roles", "expression": "return {'roles': []}"})
    assert (made["managed"], made["scope_name"], made["description"]) == (None, "roles", "")
    provider = api.post("/providers/oauth2/", {"name": "app"})
    assert len(provider["property_mappings"]) == 4
    path = f"/providers/oauth2/{provider['pk']}/"
    more = [*provider["property_mappings"], made["pk"]]
    assert api.patch(path, {"property_mappings": more})["property_mappings"] == more
    assert api.patch(f"{SCOPE}{made['pk']}/", {"description": "See your roles"})["scope_name"] == "roles"
    assert api.call("DELETE", f"/propertymappings/all/{made['pk']}/").status == 204
    assert api.get(path)["property_mappings"] == provider["property_mappings"]


def test_faults_are_told_with_their_place(api: Api) -> None:
    body = api.post(SCOPE, {"name": "roles", "scope_name": "roles", "expression": "if x:\n  return y"}, 400)
    assert body == {
        "expression": ["Line 1, column 4: There is no “x” here.", "Line 2, column 10: There is no “y” here."]
    }


def tried(api: Api, kind: str, expression: str, asked: dict[str, Any], status: int = 200) -> Any:
    more = {"scope_name": "x"} if kind == "scope" else {}
    body = {"name": f"tried {kind}", "expression": expression, **more}
    pk = api.post(f"/propertymappings/provider/{kind}/", body)["pk"]
    return api.post(f"/propertymappings/all/{pk}/test/", asked, status)


def test_a_mapping_is_tried_out_with_what_it_gives_and_takes(api: Api) -> None:
    source = "ak_message('hello')\nak_logger.info('seen', who=user.username)\nreturn {'a': [context['b'], user.name]}"
    answer = tried(api, "scope", source, {"user": api.user("ann"), "context": {"b": 1}})
    assert answer["value"] == {"a": [1, "ann"]}
    assert answer["result"] == '{\n    "a": [\n        1,\n        "ann"\n    ]\n}'
    assert (answer["successful"], answer["messages"], answer["log"]) == (True, ["hello"], ["info: seen who=ann"])
    assert 5 < answer["steps"] < 100
    assert (answer["fault"], answer["skipped"]) == (None, False)


def test_what_goes_wrong_is_told_with_its_place(api: Api) -> None:
    answer = tried(api, "scope", "ak_message('before')\nreturn user.pk / 0", {"user": 1})
    assert (answer["successful"], answer["value"], answer["messages"]) == (False, None, ["before"])
    assert answer["result"] == "Line 2, column 8: ZeroDivisionError: division by zero"
    assert answer["fault"] == {"line": 2, "column": 8, "sentence": "ZeroDivisionError: division by zero"}


def test_a_radius_mapping_shows_its_attributes(api: Api) -> None:
    answer = tried(api, "radius", "packet['Filter-Id'] = 'staff'\nreturn packet", {})
    assert answer["value"] == [{"name": "Filter-Id", "value": "staff", "tag": 0}]


def test_a_webhook_mapping_is_tried_on_an_event_that_nobody_has_seen(api: Api) -> None:
    source = "return [notification.severity, notification.event.context['a'], notification.user.username]"
    pk = api.post("/propertymappings/notification/", {"name": "w", "expression": source})["pk"]
    answer = api.post(f"/propertymappings/all/{pk}/test/", {"user": api.user("ann"), "context": {"a": 7}}, 200)
    assert answer["value"] == ["notice", 7, "ann"]


def test_nobody_is_tried_as_nobody_and_who_is_not_there_is_refused(api: Api) -> None:
    assert tried(api, "scope", "return user.is_anonymous", {})["value"] is True
    assert "user" in tried(api, "radius", "return 1", {"user": 999}, 400)


def test_kinds_are_listed_as_authentik_lists_them(api: Api) -> None:
    kinds = {kind["component"]: kind for kind in api.get("/propertymappings/all/types/")}
    assert kinds["ak-property-mapping-provider-scope-form"]["model_name"] == "scopemapping"
    assert kinds["ak-property-mapping-provider-radius-form"]["model_name"] == "radiusproviderpropertymapping"
