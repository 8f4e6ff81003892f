"""`/propertymappings/`: authentik's shapes, for those that are there from the start and for one's own."""

from __future__ import annotations

from tests.control.web.api import Api

SCOPE = "/propertymappings/provider/scope/"


def test_the_managed_set_is_there_under_authentiks_names(api: Api) -> None:
    listed = api.get("/propertymappings/all/?managed__isnull=false")["results"]
    oauth2, default = "goauthentik.io/providers/oauth2/scope-", "authentik default OAuth Mapping: "
    usual = {f"{oauth2}{one}": f"{default}OpenID '{one}'" for one in ("openid", "email", "profile", "offline_access")}
    told = {mapping["managed"]: mapping["name"] for mapping in listed}
    assert told == {**usual, "goauthentik.io/providers/proxy/scope-proxy": f"{default}Proxy outpost"}
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
