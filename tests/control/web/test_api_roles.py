"""Roles and their permissions, as an administrator gives them and their holders use them."""

from __future__ import annotations

from typing import Any

from control.outposts.view import configuration
from control.records import Outpost, Provider, Token
from protocols.link.messages import ProviderRecord
from tests.control.web.api import Api

FULL = "authentik_providers_ldap.search_full_directory"


def role_with(api: Api, name: str, *permissions: str, **to: Any) -> str:
    role: str = api.post("/rbac/roles/", {"name": name})["pk"]
    body = {"permissions": list(permissions), **to}
    assert api.call("POST", f"/rbac/permissions/assigned_by_roles/{role}/assign/", body).status == 200
    return role


def holder(api: Api, name: str, role: str) -> int:
    pk = api.user(name)
    parent = api.post("/core/groups/", {"name": f"{name}s", "roles": [role]})["pk"]
    api.post("/core/groups/", {"name": f"young {name}s", "parents": [parent], "users": [pk]})
    return pk


def test_a_role_is_given_permissions_and_groups_hold_it(api: Api) -> None:
    provider = api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    role = role_with(api, "readers", FULL, model="authentik_providers_ldap.ldapprovider", object_pk=str(provider))
    group = api.post("/core/groups/", {"name": "g", "roles": [role]})
    assert group["roles"] == [role]
    assert group["roles_obj"] == [{"pk": role, "name": "readers"}]
    listed = api.get(f"/rbac/permissions/assigned_by_roles/?object_pk={provider}")["results"]
    assert [line["codename"] for line in listed[0]["object_permissions"]] == ["search_full_directory"]
    assert listed[0]["model_permissions"] == []
    gone = {"permissions": ["search_full_directory"], "object_pk": str(provider)}
    assert api.call("PATCH", f"/rbac/permissions/assigned_by_roles/{role}/unassign/", gone).status == 204
    assert api.get("/rbac/permissions/assigned_by_roles/")["results"][0]["object_permissions"] == []


def test_a_deleted_role_is_held_by_nobody(api: Api) -> None:
    role = role_with(api, "r", "outpost.auditor")
    group = api.post("/core/groups/", {"name": "g", "roles": [role]})["pk"]
    assert api.call("DELETE", f"/rbac/roles/{role}/").status == 204
    assert api.get(f"/core/groups/{group}/")["roles"] == []


def test_unknown_permissions_and_objects_are_refused(api: Api) -> None:
    path = f"/rbac/permissions/assigned_by_roles/{api.post('/rbac/roles/', {'name': 'r'})['pk']}/assign/"
    for body in (
        {"permissions": ["authentik_core.delete_user"]},
        {"permissions": ["outpost.auditor"], "object_pk": "1"},
        {"permissions": [FULL], "object_pk": "4711"},
        {"permissions": [FULL], "object_pk": "x"},
    ):
        assert api.call("POST", path, body).status == 400, body
    assert api.call("POST", "/core/groups/", {"name": "g", "roles": ["x"]}).status == 400


def test_outposts_hear_which_roles_search_everything(api: Api) -> None:
    provider = api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    other = api.post("/providers/ldap/", {"name": "other", "base_dn": "dc=other"})["pk"]
    for pk in (provider, other):
        api.post("/core/applications/", {"name": f"app{pk}", "slug": f"app{pk}", "provider": pk})
    outpost = api.post("/outposts/instances/", {"name": "o", "type": "ldap", "providers": [provider, other]})["pk"]
    one = role_with(api, "one", FULL, object_pk=str(provider))
    every = role_with(api, "every", FULL)

    def told() -> dict[int, set[str]]:
        records = api.sql.read_now(lambda tx: configuration(tx, tx.get(Outpost, outpost).pk))
        return {line.pk: set(line.full_search_roles) for line in records if isinstance(line, ProviderRecord)}

    assert told() == {provider: {one, every}, other: {every}}
    assert api.sql.read_now(lambda tx: tx.count(Provider)) == 2


def test_auditors_read_and_change_nothing(api: Api) -> None:
    token = api.token(holder(api, "auditor", role_with(api, "audit", "outpost.auditor")))
    for path in ("/core/users/", "/core/groups/", "/events/events/", "/policies/bindings/", "/rbac/roles/"):
        assert api.call("GET", path, token=token).status == 200, path
    for path in ("/providers/radius/", "/providers/oauth2/", "/crypto/certificatekeypairs/", "/outposts/instances/"):
        assert api.call("GET", path, token=token).status == 403, path
    for path in ("/core/users/", "/core/groups/", "/policies/bindings/", "/rbac/roles/"):
        assert api.call("POST", path, {"name": "x"}, token=token).status == 403, path


def test_the_helpdesk_helps_those_who_hold_no_rights(api: Api) -> None:
    token = api.token(holder(api, "helper", role_with(api, "help", "outpost.helpdesk")))
    plain, another = api.user("plain"), holder(api, "auditor", role_with(api, "audit", "outpost.auditor"))
    administrator = api.get("/core/users/?username=akadmin")["results"][0]["pk"]
    secret = {"password": "a new one for you"}
    assert api.call("POST", f"/core/users/{plain}/set_password/", secret, token=token).status == 204
    for pk in (administrator, another):
        answer = api.call("POST", f"/core/users/{pk}/set_password/", secret, token=token)
        assert answer.status == 403, pk
    assert api.call("GET", "/core/users/", token=token).status == 200
    assert api.call("GET", "/events/events/", token=token).status == 403
    assert api.sql.read_now(lambda tx: tx.count(Token)) > 0


def test_rights_end_with_the_membership(api: Api) -> None:
    pk = holder(api, "auditor", role_with(api, "audit", "outpost.auditor"))
    token = api.token(pk)
    group = api.get("/core/groups/?name=young auditors")["results"][0]["pk"]
    assert api.call("GET", "/core/users/", token=token).status == 200
    assert api.call("POST", f"/core/groups/{group}/remove_user/", {"pk": pk}).status == 204
    assert api.call("GET", "/core/users/", token=token).status == 403
