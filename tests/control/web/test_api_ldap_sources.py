"""`/sources/ldap/`: authentik's shape, and what may not be stored."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import Source
from control.sources.ldap.syncing import Look
from tests.control.sources.ldap.abroad import GIVEN, SERVICE_PASSWORD
from tests.control.web.api import Api


def call(api: Api, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = api.call(method, f"/{path}", body)
    assert answer.status == status, answer.text
    return answer.body


def test_a_directory_is_made_changed_and_deleted(api: Api) -> None:
    made = call(api, "POST", "sources/ldap/", GIVEN, 201)
    assert made["component"] == "ak-source-ldap-form"
    assert made["user_object_filter"] == "(objectClass=person)"
    assert made["object_uniqueness_field"] == "entryUUID"
    assert made["start_tls"] is True
    assert "bind_password" not in made
    changed = call(api, "PATCH", "sources/ldap/house/", {"additional_user_dn": "ou=people"})
    assert changed["additional_user_dn"] == "ou=people"
    (source,) = api.sql.read_now(lambda tx: tx.select(Source))
    assert source.secrets == {"bind_password": SERVICE_PASSWORD}, "what is not given stays"
    assert call(api, "GET", "sources/ldap/")["results"] == [changed]
    call(api, "DELETE", "sources/ldap/house/", status=204)
    assert call(api, "GET", "sources/ldap/")["results"] == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"server_uri": "https://directory.example.org"}, "server_uri"),
        ({"server_uri": "ldap://user@directory.example.org"}, "server_uri"),
        ({"server_uri": ",".join(["ldap://directory.example.org"] * 6)}, "server_uri"),
        ({"start_tls": False}, "start_tls"),
        ({"bind_password": ""}, "bind_password"),
        ({"user_object_filter": "(objectClass=person"}, "user_object_filter"),
        ({"base_dn": "no name"}, "base_dn"),
        ({"base_dn": ""}, "base_dn"),
        ({"object_uniqueness_field": "a)(b"}, "object_uniqueness_field"),
        ({"peer_certificate": "6f1a3a0e-0000-4000-8000-000000000000"}, "peer_certificate"),
    ],
)
def test_what_is_refused(api: Api, changed: dict[str, Any], field: str) -> None:
    assert field in call(api, "POST", "sources/ldap/", {**GIVEN, **changed}, 400)


@pytest.mark.parametrize("uri", ["ldap://127.0.0.1:389", "ldap://localhost"])
def test_only_this_machine_is_asked_without_tls(api: Api, uri: str) -> None:
    call(api, "POST", "sources/ldap/", {**GIVEN, "server_uri": uri, "start_tls": False}, 201)


def test_people_are_connected_by_hand(api: Api) -> None:
    source = call(api, "POST", "sources/ldap/", GIVEN, 201)["pk"]
    given = {"user": call(api, "GET", "core/users/me/")["user"]["pk"], "source": source, "identifier": "id-of-me"}
    made = call(api, "POST", "sources/user_connections/ldap/", given, 201)
    assert made["source_obj"]["slug"] == "house"
    assert call(api, "GET", "sources/user_connections/ldap/")["results"] == [made]
    assert call(api, "GET", "sources/user_connections/oauth/")["results"] == []
    for slug, found in (("house", [made]), ("elsewhere", [])):
        assert call(api, "GET", f"sources/user_connections/ldap/?source__slug={slug}")["results"] == found


def test_a_directory_is_no_provider_to_sign_in_at(api: Api) -> None:
    source = call(api, "POST", "sources/ldap/", GIVEN, 201)
    assert call(api, "GET", "sources/oauth/")["results"] == []
    call(api, "GET", "sources/oauth/house/", status=404)
    call(api, "PATCH", "sources/oauth/house/", {"name": "x"}, 404)
    flow = call(api, "GET", "flows/instances/default-provider-authorization-implicit-consent/")["pk"]
    wanted = {
        "name": "wiki",
        "mode": "forward_single",
        "external_host": "https://wiki.example.com",
        "authorization_flow": flow,
        "authentication_source": source["pk"],
    }
    assert "authentication_source" in call(api, "POST", "providers/proxy/", wanted, 400)


def test_a_sync_says_what_went_wrong(api: Api) -> None:
    call(api, "POST", "sources/ldap/", GIVEN, 201)
    told = call(api, "POST", "sources/ldap/house/sync/")
    assert told == {"messages": ["The directory gives no answer that counts: nobody listens"]}
    call(api, "POST", "sources/ldap/elsewhere/sync/", status=404)


def test_how_the_last_sync_went_is_told_in_authentiks_shape(api: Api) -> None:
    source = call(api, "POST", "sources/ldap/", GIVEN, 201)
    path = "sources/ldap/house/sync/status/"
    assert call(api, "GET", path) == {"is_running": False}
    call(api, "POST", "sources/ldap/house/sync/")
    assert call(api, "GET", path) == {"is_running": False, "last_sync_status": "error"}
    api.services.looks[source["pk"]] = Look(is_running=True, succeeded=1_700_000_000.0, status="done")
    told = {"is_running": True, "last_sync_status": "done", "last_successful_sync": "2023-11-14T22:13:20.000000Z"}
    assert call(api, "GET", path) == told
    assert api.call("GET", f"/{path}", token=None).status == 403


def test_property_mappings_are_made_tried_and_chosen(api: Api) -> None:
    path = "propertymappings/source/ldap/"
    shipped = call(api, "GET", f"{path}?managed=goauthentik.io/sources/ldap/openldap-uid")["results"]
    assert [one["name"] for one in shipped] == ["authentik default OpenLDAP Mapping: uid"]
    made = call(api, "POST", path, {"name": "Towns", "expression": 'return {"name": ldap["cn"] + dn}'}, 201)
    assert made["component"] == "ak-property-mapping-source-ldap-form"
    assert made["meta_model_name"] == "authentik_sources_ldap.ldapsourcepropertymapping"
    tried = {"context": {"ldap": {"cn": "Alice"}, "dn": "uid=alice"}}
    said = call(api, "POST", f"propertymappings/all/{made['pk']}/test/", tried)
    assert (said["successful"], said["value"]) == (True, {"name": "Aliceuid=alice"})
    chosen = {"user_property_mappings": [shipped[0]["pk"], made["pk"]], "group_property_mappings": [made["pk"]]}
    source = call(api, "POST", "sources/ldap/", {**GIVEN, **chosen}, 201)
    assert {name: source[name] for name in chosen} == chosen
    older = {"property_mappings": [made["pk"]], "property_mappings_group": []}
    meant = {"user_property_mappings": [made["pk"]], "group_property_mappings": []}
    changed = call(api, "PATCH", "sources/ldap/house/", older)
    assert changed == {**source, **meant}, "older releases of authentik's call them so"
    assert call(api, "PATCH", "sources/ldap/house/", {**older, **meant}) == changed
    assert call(api, "PATCH", "sources/ldap/house/", {**older, **chosen}, 400).keys() == older.keys()
    assert call(api, "GET", "sources/ldap/house/") == changed
    scope = call(api, "GET", "propertymappings/provider/scope/")["results"][0]["pk"]
    assert "user_property_mappings" in call(
        api, "PATCH", "sources/ldap/house/", {"user_property_mappings": [scope]}, 400
    )
