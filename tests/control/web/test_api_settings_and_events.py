"""System settings, the list of events, and who may use what."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from control.records import Setting
from rules.permissions import SEARCH_FULL_DIRECTORY
from tests.control.web.api import Api


def test_settings_are_kept_and_leave_events(api: Api) -> None:
    api.clock.advance(1)
    before = api.get("/admin/settings/")
    assert (before["base_url"], before["default_token_duration"]) == ("", "days=1")
    changed = api.patch("/admin/settings/", {"base_url": "https://Auth.Example.com/", "unknown": 1})
    assert changed == {**before, "base_url": "https://auth.example.com"}
    assert api.get("/admin/settings/") == changed
    (event,) = api.get("/events/events/?action=model_created&app=authentik_tenants&page_size=1")["results"]
    assert event["context"]["model"]["pk"] == "base_url"
    assert event["user"]["username"] == "akadmin"


def test_put_sets_what_is_not_said_to_its_default(api: Api) -> None:
    api.patch("/admin/settings/", {"base_url": "https://auth.example.com", "default_token_length": 99})
    answer = api.call("PUT", "/admin/settings/", {"default_token_length": 80})
    assert (answer.body["base_url"], answer.body["default_token_length"]) == ("", 80)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "javascript:alert(1)"),
        ("base_url", "auth.example.com"),
        ("base_url", "https://auth.example.com/path"),
        ("base_url", "https://user@auth.example.com"),
        ("base_url", "https://a.example.com\r\nX: y"),
        ("base_url", "https://"),
        ("default_token_duration", "soon"),
        ("default_token_length", 8),
        ("default_token_length", 100_000),
    ],
)
def test_bad_settings_are_refused(api: Api, field: str, value: Any) -> None:
    assert list(api.patch("/admin/settings/", {field: value}, 400)) == [field]


def test_other_settings_stay_private(api: Api) -> None:
    api.sql.write_now(lambda tx: tx.insert(Setting("something", "hush-hush")))
    assert "hush-hush" not in str(api.get("/admin/settings/"))


def test_events_come_newest_first_and_are_filtered(api: Api) -> None:
    user = api.user("alice")
    api.clock.advance(1)
    api.patch(f"/core/users/{user}/", {"name": "Alice"})
    newest = api.get("/events/events/")["results"][0]
    assert (newest["action"], newest["context"]["diff"]["name"]["new_value"]) == ("model_updated", "Alice")
    assert api.get(f"/events/events/{newest['pk']}/") == newest
    actions = {event["action"] for event in api.get("/events/events/?action=model_updated")["results"]}
    assert actions == {"model_updated"}
    assert api.get("/events/events/?client_ip=203.0.113.1")["pagination"]["count"] == 0
    assert api.call("POST", "/events/events/", {"action": "custom_x"}).status == 405


# --- access --------------------------------------------------------------------------------------------------------


def bound(api: Api) -> tuple[int, int]:
    """Two users; only the first may use the application `app`."""
    alice, bob = api.user("alice"), api.user("bob")
    application = api.post("/core/applications/", {"name": "app", "slug": "app"})
    api.post("/policies/bindings/", {"target": application["pk"], "user": alice})
    return alice, bob


def test_access_of_oneself_and_of_others(api: Api) -> None:
    alice, bob = bound(api)
    path = "/core/applications/app/check_access/"
    passes = {"passing": True, "messages": [], "log_messages": []}
    assert api.get(path, api.token(alice)) == passes
    assert api.get(f"{path}?for_user={alice}") == passes
    assert api.get(path, api.token(bob)) == {**passes, "passing": False}
    told = api.get(f"{path}?for_user={bob}")
    assert told["passing"] is False
    assert told["messages"][0].startswith("No binding of the application")
    assert api.get(f"{path}?for_user={alice}", api.token(bob))["passing"] is False


def test_a_disabled_account_has_no_access(api: Api) -> None:
    alice, _ = bound(api)
    api.patch(f"/core/users/{alice}/", {"is_active": False})
    told = api.get(f"/core/applications/app/check_access/?for_user={alice}")
    assert (told["passing"], "deactivated" in told["messages"][0]) == (False, True)


def test_what_cannot_be_asked(api: Api) -> None:
    bound(api)
    assert api.call("GET", "/core/applications/nosuch/check_access/").status == 404
    for user in ("x", "999", "-1"):
        answer = api.call("GET", f"/core/applications/app/check_access/?for_user={user}")
        assert (answer.status, list(answer.body)) == (400, ["for_user"])


# --- what outposts of authentik's ask ------------------------------------------------------------------------------


def provider(api: Api, kind: str, **more: Any) -> int:
    pk: int = api.post(f"/providers/{kind}/", {"name": kind, **more})["pk"]
    api.post("/core/applications/", {"name": kind, "slug": kind, "provider": pk})
    return pk


def outpost_key(api: Api, kind: str, *providers: int) -> str:
    body = {"name": f"o-{kind}", "type": kind, "providers": providers}
    identifier = api.post("/outposts/instances/", body)["token_identifier"]
    key: str = api.get(f"/core/tokens/{identifier}/view_key/")["key"]
    return key


def test_an_outpost_is_told_what_it_serves_and_no_more(api: Api) -> None:
    mine = provider(api, "radius", shared_secret="hush")
    other = api.post("/providers/radius/", {"name": "other"})["pk"]
    lonely = api.post("/providers/radius/", {"name": "lonely", "client_networks": "192.0.2.0/24"})["pk"]
    api.post("/core/applications/", {"name": "other", "slug": "other", "provider": other})
    key = outpost_key(api, "radius", mine, lonely)
    (told,) = api.get("/outposts/radius/", key)["results"]
    assert (told["pk"], told["shared_secret"], told["application_slug"]) == (mine, "hush", "radius")
    assert told["auth_flow_slug"] == "default-authentication-flow"
    assert api.get(f"/outposts/radius/{mine}/", key) == told
    for pk in (other, lonely, "x"):
        assert api.call("GET", f"/outposts/radius/{pk}/", token=key).status == 404
    assert [found["pk"] for found in api.get("/outposts/radius/")["results"]] == [other, mine]
    assert api.get("/outposts/ldap/", key)["results"] == []


def test_outposts_find_a_provider_by_its_name(api: Api) -> None:
    for name in ("first", "second"):
        pk = api.post("/providers/ldap/", {"name": name})["pk"]
        api.post("/core/applications/", {"name": name, "slug": name, "provider": pk})
    for query, expected in (("name=first", ["first"]), ("name=First", []), ("search=SEC", ["second"]), ("name=", None)):
        found = [one["name"] for one in api.get(f"/outposts/ldap/?{query}")["results"]]
        assert found == (["first", "second"] if expected is None else expected)


def test_a_proxy_is_told_addresses_under_the_public_url(api: Api) -> None:
    pk = provider(api, "proxy", mode="forward_single", external_host="http://app.example.com")
    key = outpost_key(api, "proxy", pk)
    told = api.get("/outposts/proxy/", key)["results"][0]
    assert told["oidc_configuration"]["issuer"] == "http://auth.example.com/application/o/proxy/"
    assert told["access_token_validity"] == 86_400.0
    api.patch("/admin/settings/", {"base_url": "https://sso.example.com"})
    told = api.get("/outposts/proxy/", key)["results"][0]
    assert told["oidc_configuration"]["authorization_endpoint"] == "https://sso.example.com/application/o/authorize/"


def test_the_person_who_binds_is_asked_about(api: Api) -> None:
    alice, bob = api.user("alice"), api.user("bob")
    ldap, radius = provider(api, "ldap"), provider(api, "radius")
    for slug in ("ldap", "radius"):
        target = api.get(f"/core/applications/{slug}/")["pk"]
        api.post("/policies/bindings/", {"target": target, "user": alice})
    passes = {"passing": True, "messages": [], "log_messages": []}
    path = f"/outposts/ldap/{ldap}/check_access/?app_slug=ldap"
    assert api.get(path, api.token(alice)) == {"has_search_permission": False, "access": passes}
    assert api.get(path, api.token(bob))["access"] == {**passes, "passing": False}
    role = api.post("/rbac/roles/", {"name": "searchers"})["pk"]
    whole = {"permissions": [SEARCH_FULL_DIRECTORY], "model": "authentik_providers_ldap.ldapprovider"}
    api.post(f"/rbac/permissions/assigned_by_roles/{role}/assign/", {**whole, "object_pk": str(ldap)}, 200)
    api.post(
        f"/core/groups/{api.post('/core/groups/', {'name': 's', 'roles': [role]})['pk']}/add_user/", {"pk": alice}, 204
    )
    assert api.get(path, api.token(alice)) == {"has_search_permission": True, "access": passes}
    path = f"/outposts/radius/{radius}/check_access/?app_slug=radius"
    assert isinstance(api.get(path, api.token(alice))["attributes"], str)
    assert api.get(path, api.token(bob)) == {"attributes": None, "access": {**passes, "passing": False}}
    for wrong in (f"/outposts/ldap/{ldap}/check_access/?app_slug=radius", f"/outposts/radius/{ldap}/check_access/"):
        assert api.call("GET", wrong).status == 404


def test_an_outpost_of_authentiks_gets_what_radius_mappings_write_as_a_packet(api: Api) -> None:
    """RFC 2865 section 3; what travels hidden is not in it."""
    radius = provider(api, "radius")
    source = "packet['Filter-Id'] = user.username\npacket['Tunnel-Password'] = 'hush'"
    mapping = api.post("/propertymappings/provider/radius/", {"name": "m", "expression": source})["pk"]
    api.patch(f"/providers/radius/{radius}/", {"property_mappings": [mapping]})
    token = api.token(api.user("alice"))
    path = f"/outposts/radius/{radius}/check_access/?app_slug=radius"
    packet = base64.b64decode(api.get(path, token)["attributes"])
    assert (packet[0], int.from_bytes(packet[2:4]), packet[20:]) == (1, len(packet), b"\x0b\x07alice")
    api.patch(f"/propertymappings/provider/radius/{mapping}/", {"expression": "return user.no", "on_failure": "refuse"})
    refused = api.get(path, token)
    assert (refused["attributes"], refused["access"]["passing"]) == (None, False)
    (event,) = api.get("/events/events/?action=property_mapping_exception")["results"]
    assert event["context"]["mapping"]["name"] == "m"
