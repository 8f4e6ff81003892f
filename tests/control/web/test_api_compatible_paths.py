"""What authentik's forms, its Terraform provider and its wizard ask beside the records' six actions."""

from __future__ import annotations

from typing import Any

import pytest

from control.records import Outpost, RadiusOrder, Record, User
from control.records.models import model_of
from control.records.references import REFERENCES
from control.verbs import outposts, tokens
from tests.conformance.store import ONE_OF_EACH
from tests.control.web.api import Api

SAMPLES = {type(one): one for one in ONE_OF_EACH}


def oauth2(api: Api, slug: str = "grafana") -> int:
    body = {"name": slug, "redirect_uris": [{"matching_mode": "strict", "url": "https://grafana.example.com/cb"}]}
    provider: int = api.post("/providers/oauth2/", body)["pk"]
    api.post("/core/applications/", {"name": slug.title(), "slug": slug, "provider": provider})
    return provider


def uses(api: Api, path: str) -> list[tuple[str, str, str]]:
    return [(one["model_name"], one["name"], one["action"]) for one in api.get(f"{path}used_by/")]


# --- used_by -------------------------------------------------------------------------------------------------------


def test_what_uses_a_provider_and_a_group(api: Api) -> None:
    provider = oauth2(api)
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    child = api.post("/core/groups/", {"name": "child", "parents": [group]})["pk"]
    application = api.get("/core/applications/grafana/")["pk"]
    binding = api.post("/policies/bindings/", {"target": application, "group": group})["pk"]
    api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": [provider]}, 400)
    assert api.get(f"/providers/oauth2/{provider}/used_by/") == [
        {
            "app": "authentik_core",
            "model_name": "application",
            "pk": application,
            "name": "Grafana",
            "action": "set_null",
        }
    ]
    assert uses(api, f"/providers/all/{provider}/") == [("application", "Grafana", "set_null")]
    assert uses(api, f"/core/groups/{group}/") == [
        ("policybinding", binding, "cascade"),
        ("group", "child", "cascade_many"),
    ]
    assert uses(api, f"/core/groups/{child}/") == []
    assert uses(api, "/core/applications/grafana/") == [("policybinding", binding, "cascade")]


def test_sessions_and_other_activity_do_not_count(api: Api) -> None:
    alice = api.user("alice")
    token = api.post("/core/tokens/", {"identifier": "phone", "intent": "app_password", "user": alice})
    assert uses(api, f"/core/users/{alice}/") == [("token", token["identifier"], "cascade")]


def test_an_order_to_a_nas_does_not_count(api: Api) -> None:
    outpost = api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": []})["pk"]
    before = uses(api, f"/outposts/instances/{outpost}/")
    api.sql.write_now(lambda tx: tx.insert(RadiusOrder("session", "disconnect", outpost)))
    assert uses(api, f"/outposts/instances/{outpost}/") == before


@pytest.mark.parametrize(
    "kind",
    {one.holder: None for one in REFERENCES if one.holder.DIRECTORY and not one.holder.QUIET},
    ids=lambda kind: kind.TABLE,
)
def test_whatever_names_another_record_has_a_name_of_authentiks(kind: type[Record]) -> None:
    told = model_of(SAMPLES[kind])
    assert told["app"].startswith("authentik_")
    assert told["model_name"]


def test_only_who_may_read_it_all_is_told_what_uses_something(api: Api) -> None:
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    alice = api.token(api.user("alice"))
    assert api.call("GET", f"/core/groups/{group}/used_by/", token=alice).status == 403
    assert api.call("GET", "/core/groups/nobody/used_by/").status == 404


# --- keys ----------------------------------------------------------------------------------------------------------

CHOSEN = "chosen-by-somebody-0123456789"


def test_an_administrator_chooses_the_key_of_a_token(api: Api) -> None:
    alice = api.user("alice")
    api.post("/core/tokens/", {"identifier": "ci", "intent": "api", "user": alice})
    before = api.get("/core/tokens/ci/view_key/")["key"]
    api.post("/core/tokens/ci/set_key/", {"key": CHOSEN}, 204)
    assert api.get("/core/users/me/", CHOSEN)["user"]["username"] == "alice"
    assert api.call("GET", "/core/users/me/", token=before).status == 403
    (event,) = api.get("/events/events/?action=secret_rotate")["results"]
    assert (event["context"]["secret"]["name"], event["user"]["username"]) == ("ci", "akadmin")
    assert CHOSEN not in str(api.get("/events/events/"))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("short", "Ensure this field has at least 20 characters."),
        ("x" * 5000, "Ensure this field has no more than 4096 characters."),
        ("with a space in it, and long", "A key is made of visible ASCII characters."),
        ("schlüssel-der-lang-genug-ist", "A key is made of visible ASCII characters."),
        (None, "This field may not be null."),
    ],
)
def test_a_key_that_nobody_should_have(api: Api, key: str | None, told: str) -> None:
    api.post("/core/tokens/", {"identifier": "ci", "intent": "api", "user": api.user("alice")})
    assert api.post("/core/tokens/ci/set_key/", {"key": key}, 400) == {"key": [told]}


@pytest.mark.parametrize(("length", "status"), [(20, 400), (31, 400), (32, 204), (255, 204), (256, 400)])
def test_an_outposts_key_is_one_that_its_declared_state_may_have(api: Api, length: int, status: int) -> None:
    outpost = api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": []})["pk"]
    before = api.sql.read_now(lambda tx: outposts.token(tx, tx.get(Outpost, outpost)))
    told = api.post(f"/core/tokens/{outposts.token_identifier(outpost)}/set_key/", {"key": "k" * length}, status)
    after = api.sql.read_now(lambda tx: outposts.token(tx, tx.get(Outpost, outpost)))
    assert after == ("k" * length if status == 204 else before)
    if status == 400:
        assert told == {"key": [tokens.OUTPOST_KEY]}
    api.sql.write_now(lambda tx: outposts.set_token(tx, outpost, after))


def test_two_tokens_have_two_keys(api: Api) -> None:
    alice = api.user("alice")
    for identifier in ("ci", "cd"):
        api.post("/core/tokens/", {"identifier": identifier, "intent": "api", "user": alice})
    api.post("/core/tokens/ci/set_key/", {"key": CHOSEN}, 204)
    assert api.call("POST", "/core/tokens/cd/set_key/", {"key": CHOSEN}).status == 400


def test_nobody_else_chooses_a_key(api: Api) -> None:
    alice = api.user("alice")
    api.post("/core/tokens/", {"identifier": "ci", "intent": "api", "user": alice})
    assert api.call("POST", "/core/tokens/ci/set_key/", {"key": CHOSEN}, api.token(alice)).status == 403


def test_outposts_forget_an_app_password_whose_key_is_another(api: Api) -> None:
    alice = api.user("alice")
    api.post("/core/tokens/", {"identifier": "phone", "intent": "app_password", "user": alice})
    network = {"identifier": "wifi", "intent": "network_password", "user": alice}
    api.post("/core/tokens/", network)
    before = version(api, alice)
    api.post("/core/tokens/phone/set_key/", {"key": CHOSEN}, 204)
    assert version(api, alice) == before + 1
    assert "key" in api.post("/core/tokens/wifi/set_key/", {"key": CHOSEN}, 400)


def version(api: Api, user: int) -> int:
    return api.sql.read_now(lambda tx: tx.get(User, user)).credential_version


# --- OpenID clients ------------------------------------------------------------------------------------------------


def test_addresses_to_copy(api: Api) -> None:
    own = "http://auth.example.com/application/o"
    assert api.get(f"/providers/oauth2/{oauth2(api)}/setup_urls/") == {
        "issuer": f"{own}/grafana/",
        "authorize": f"{own}/authorize/",
        "token": f"{own}/token/",
        "user_info": f"{own}/userinfo/",
        "provider_info": f"{own}/grafana/.well-known/openid-configuration",
        "logout": f"{own}/grafana/end-session/",
        "jwks": f"{own}/grafana/jwks/",
    }
    spare = api.post("/providers/oauth2/", {"name": "spare"})["pk"]
    assert set(api.get(f"/providers/oauth2/{spare}/setup_urls/").values()) == {None}
    ldap = api.post("/providers/ldap/", {"name": "ldap"})["pk"]
    for nobody in (ldap, 99_999, "x"):
        assert api.call("GET", f"/providers/oauth2/{nobody}/setup_urls/").status == 404


def test_what_a_client_would_be_told(api: Api) -> None:
    provider = oauth2(api)
    alice = api.user("alice", name="Alice Adams", email="alice@example.com")
    told = api.get(f"/providers/oauth2/{provider}/preview_user/?for_user={alice}")["preview"]
    assert (told["preferred_username"], told["email"], told["name"]) == ("alice", "alice@example.com", "Alice Adams")
    assert told["sub"] == api.get(f"/core/users/{alice}/")["uid"]
    assert api.get(f"/providers/oauth2/{provider}/preview_user/")["preview"]["preferred_username"] == "akadmin"
    assert api.call("GET", f"/providers/oauth2/{provider}/preview_user/?for_user=99999").body == {
        "for_user": ["User not found"]
    }


# --- the wizard ----------------------------------------------------------------------------------------------------


def wizard(**changed: Any) -> dict[str, Any]:
    return {
        "app": {"name": "Wiki", "slug": "wiki"},
        "provider_model": "authentik_providers_proxy.proxyprovider",
        "provider": {"name": "wiki", "mode": "forward_single", "external_host": "https://wiki.example.com"},
        **changed,
    }


def test_an_application_its_provider_and_who_may_use_it_at_once(api: Api) -> None:
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    answer = api.call(
        "PUT", "/core/transactional/applications/", wizard(policy_bindings=[{"group": group, "order": 3}])
    )
    assert (answer.status, answer.body) == (200, {"applied": True, "logs": []})
    application = api.get("/core/applications/wiki/")
    assert application["provider_obj"]["name"] == "wiki"
    (binding,) = api.get(f"/policies/bindings/?target={application['pk']}")["results"]
    assert (binding["group"], binding["order"]) == (group, 3)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"provider_model": "authentik_providers_saml.samlprovider"}, {"provider_model"}),
        ({"provider": {"name": "wiki"}}, {"provider"}),
        ({"app": {"name": "Wiki", "slug": "no slug"}}, {"app"}),
        ({"policy_bindings": [{"order": 1}]}, {"policy_bindings"}),
        ({"app": None}, {"app"}),
    ],
)
def test_of_a_wizard_with_a_mistake_nothing_is_made(api: Api, changed: dict[str, Any], told: set[str]) -> None:
    answer = api.call("PUT", "/core/transactional/applications/", wizard(**changed))
    assert answer.status == 400
    assert set(answer.body) == told
    assert api.get("/core/applications/")["results"] == []
    assert api.get("/providers/all/")["results"] == []


def test_the_wizard_is_an_administrators(api: Api) -> None:
    alice = api.token(api.user("alice"))
    assert api.call("PUT", "/core/transactional/applications/", wizard(), alice).status == 403


# --- what forms offer ----------------------------------------------------------------------------------------------


def test_what_forms_offer(api: Api) -> None:
    api.user("alice", path="staff/it")
    assert api.get("/core/users/paths/") == {"paths": ["goauthentik.io/outposts", "staff/it", "users"]}
    assert api.get("/core/users/paths/?search=IT") == {"paths": ["staff/it"]}
    config = api.get("/outposts/instances/default_settings/")["config"]
    made = api.post("/outposts/instances/", {"name": "edge", "type": "any", "providers": [], "config": config})
    assert made["config"] == config
    kinds = api.get("/providers/all/types/")
    assert {kind["model_name"] for kind in kinds} == {
        "ldapprovider",
        "oauth2provider",
        "proxyprovider",
        "radiusprovider",
    }


def test_a_group_of_clients_that_know_one_parent(api: Api) -> None:
    one, other = (api.post("/core/groups/", {"name": name})["pk"] for name in ("one", "other"))
    child = api.post("/core/groups/", {"name": "child", "parent": one})
    assert child["parents"] == [one]
    path = f"/core/groups/{child['pk']}/"
    assert api.patch(path, {"parent": other})["parents"] == [other]
    assert api.patch(path, {"name": "renamed"})["parents"] == [other]
    assert api.patch(path, {"parents": [one], "parent": other})["parents"] == [one]
    assert api.patch(path, {"parent": None})["parents"] == []
    assert api.patch(path, {"parent": "x"}, 400) == {"parents": ["“x” is not a valid UUID."]}


def test_users_may_be_written_to_no_path_of_their_own(api: Api) -> None:
    """As Terraform says it, which leaves nothing out."""
    assert api.post("/stages/user_write/", {"name": "w", "user_path_template": ""})["user_path_template"] == ""


def test_which_applications_somebody_else_has(api: Api) -> None:
    oauth2(api)
    for slug in ("open", "bound"):
        api.post("/core/applications/", {"name": slug, "slug": slug})
    bound = api.get("/core/applications/bound/")["pk"]
    bob = api.user("bob")
    api.post("/policies/bindings/", {"target": bound, "user": bob})
    alice = api.user("alice")

    def slugs(query: str, token: str | None = None) -> list[str]:
        path = f"/core/applications/?{query}"
        return sorted(one["slug"] for one in (api.get(path) if token is None else api.get(path, token))["results"])

    assert slugs(f"for_user={alice}") == ["grafana", "open"]
    assert slugs(f"for_user={bob}") == ["bound", "grafana", "open"]
    assert slugs(f"for_user={bob}", api.token(alice)) == ["grafana", "open"]
    assert slugs("only_with_launch_url=true") == ["grafana"]
    assert slugs("only_with_launch_url=false") == ["bound", "grafana", "open"]
    assert api.call("GET", "/core/applications/?for_user=x").status == 400
