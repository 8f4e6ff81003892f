"""Tokens, service accounts and certificates: made, kept apart, and read only with an event."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from control.certificates.making import self_signed
from control.records import Certificate, Event, Token
from control.store.interface import Query
from control.verbs import tokens
from control.verbs.roles import with_permission
from control.verbs.tokens import digest
from rules.permissions import SEARCH_FULL_DIRECTORY
from tests.control.web.api import ADMIN_TOKEN, Api

DAY = 86_400.0
PAIRS = "/crypto/certificatekeypairs/"


def events(api: Api, action: str) -> list[Event]:
    return api.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": action}, ordering=("created",))))


def token(api: Api, identifier: str) -> Token:
    return api.sql.read_now(lambda tx: tx.select(Token, Query(equal={"identifier": identifier}))[0])


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_without_its_key_and_its_key_with_an_event(api: Api) -> None:
    made = api.post("/core/tokens/", {"identifier": "ci", "description": "for the build"})
    stored = token(api, "ci")
    assert (made["user"], made["intent"], made["user_obj"]["username"]) == (1, "api", "akadmin")
    assert "key" not in made
    assert stored.key not in str(api.get("/core/tokens/"))
    assert api.get("/core/tokens/ci/view_key/") == {"key": stored.key}
    (seen,) = events(api, "secret_view")
    assert seen.context["secret"]["name"] == "ci"
    assert (seen.user["username"], seen.client_ip) == ("akadmin", "127.0.0.1")
    assert stored.key not in str(seen)
    assert api.get("/core/users/me/", stored.key)["user"]["username"] == "akadmin"


def test_a_token_ends_as_the_settings_say_unless_it_says_itself(api: Api) -> None:
    api.patch("/admin/settings/", {"default_token_duration": "hours=2", "default_token_length": 100})
    api.post("/core/tokens/", {"identifier": "short"})
    assert token(api, "short").expires == api.clock() + 7200
    assert len(token(api, "short").key) == 100
    assert api.post("/core/tokens/", {"identifier": "endless", "expiring": False})["expires"] is None
    day = {"identifier": "until", "expires": "2024-01-01T00:00:00Z"}
    assert api.post("/core/tokens/", day)["expires"] == "2024-01-01T00:00:00.000000Z"


def test_a_changed_token_keeps_its_key_and_its_owner(api: Api) -> None:
    alice = api.user("alice")
    api.post("/core/tokens/", {"identifier": "t", "user": alice, "intent": "app_password"})
    before = token(api, "t")
    changed = api.patch("/core/tokens/t/", {"description": "new", "identifier": "t2"})
    assert (changed["user"], changed["description"], changed["intent"]) == (alice, "new", "app_password")
    assert token(api, "t2").key == before.key
    assert api.call("PUT", "/core/tokens/t2/", {"identifier": "t2"}).body["user"] == alice


@pytest.mark.parametrize("intent", ["app_password", "network_password"])
def test_the_password_of_a_device_is_shown_once(api: Api, intent: str) -> None:
    api.post("/core/tokens/", {"identifier": "phone", "intent": intent, "description": "My phone"})
    shown = api.get("/core/tokens/phone/view_key/")["key"]
    assert digest(shown) == token(api, "phone").key_digest
    again = api.call("GET", "/core/tokens/phone/view_key/")
    assert (again.status, "once" in again.body["detail"]) == (410, True)
    assert len(events(api, "secret_view")) == 1
    assert token(api, "phone").key == (shown if intent == "network_password" else "")


def test_a_network_password_lasts_and_is_easy_to_type(api: Api) -> None:
    made = api.post("/core/tokens/", {"identifier": "phone", "intent": "network_password"})
    assert token(api, "phone").expires == api.clock() + 365 * DAY
    assert re.fullmatch(r"([a-km-np-z]{6}-){3}[a-km-np-z]{6}", api.get("/core/tokens/phone/view_key/")["key"])
    assert made["last_used"] is None
    api.sql.write_now(lambda tx: tokens.used(tx, made["pk"]))
    assert api.get("/core/tokens/phone/")["last_used"] == "2023-11-14T22:13:20.000000Z"


def test_people_have_their_own_tokens_and_see_no_others(api: Api) -> None:
    alice, bob = api.user("alice"), api.user("bob")
    of_alice, of_bob = api.token(alice), api.token(bob)
    body = {"identifier": "mine", "user": bob}
    made = api.call("POST", "/core/tokens/", body, token=of_alice)
    assert (made.status, made.body["user"]) == (201, alice)
    assert api.call("PATCH", "/core/tokens/mine/", {"user": bob}, token=of_alice).body["user"] == alice
    assert {found["user"] for found in api.get("/core/tokens/", of_alice)["results"]} == {alice}
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "view_key/")):
        assert api.call(method, f"/core/tokens/mine/{path}", {}, token=of_bob).status == 404
    assert events(api, "secret_view") == []
    assert api.call("GET", "/core/tokens/mine/view_key/", token=of_alice).body == {"key": token(api, "mine").key}


def test_a_flows_token_is_not_its_owners_to_read(api: Api) -> None:
    alice = api.user("alice")
    api.token(alice, intent="recovery")
    assert {found["intent"] for found in api.get("/core/tokens/", api.token(alice))["results"]} == {"api"}


@pytest.mark.parametrize("intent", ["recovery", "verification", "nonsense"])
def test_only_these_intents_are_made_by_hand(api: Api, intent: str) -> None:
    assert "intent" in api.post("/core/tokens/", {"identifier": "t", "intent": intent}, 400)


def test_an_outposts_token_is_given_to_nobody_else(api: Api) -> None:
    """Whoever has it would have that account's rights."""
    identifier = api.get("/outposts/instances/")["results"][0]["token_identifier"]
    owner = api.get(f"/core/tokens/{identifier}/")["user"]
    answer = api.call("PATCH", f"/core/tokens/{identifier}/", {"user": 1})
    assert (answer.status, "outpost" in str(answer.body["user"])) == (400, True)
    assert api.patch(f"/core/tokens/{identifier}/", {"description": "of the edge", "user": owner})["user"] == owner


# --- service accounts ----------------------------------------------------------------------------------------------


def test_one_call_makes_account_app_password_and_group(api: Api) -> None:
    made = api.post("/core/users/service_account/", {"name": "robot", "create_group": True}, 200)
    user = api.get(f"/core/users/{made['user_pk']}/")
    assert (user["username"], user["type"], user["path"]) == (
        "robot",
        "service_account",
        "goauthentik.io/service-accounts",
    )
    assert (user["uid"], user["groups"]) == (made["user_uid"], [made["group_pk"]])
    stored = token(api, "service-account-robot-password")
    assert (stored.intent, stored.user) == ("app_password", made["user_pk"])
    assert (stored.key, stored.key_digest) == ("", digest(made["token"]))
    assert api.call("GET", f"/core/tokens/{stored.identifier}/view_key/").status == 410
    assert stored.expires == api.clock() + 360 * DAY
    assert made["token"] not in str(api.sql.read_now(lambda tx: [event.context for event in tx.select(Event)]))


def test_a_service_account_may_last_for_ever_and_be_alone(api: Api) -> None:
    made = api.post("/core/users/service_account/", {"name": "robot", "expiring": False}, 200)
    assert made["group_pk"] is None
    assert token(api, "service-account-robot-password").expires is None
    api.post("/core/users/service_account/", {"name": "Robot"}, 400)
    assert len(api.get("/core/users/?username=Robot")["results"]) == 0


def an_ldap_application(api: Api, **fields: Any) -> int:
    """pk of its provider; somebody else is bound to the application."""
    flows = api.get("/flows/instances/")["results"]
    chosen = dict.fromkeys(("authorization_flow", "invalidation_flow"), flows[0]["pk"])
    given = {"name": "people", "base_dn": "dc=example,dc=com", "user_rdn": "uid", **chosen}
    provider: int = api.post("/providers/ldap/", given)["pk"]
    application = api.post("/core/applications/", {"name": "a", "slug": "a", "provider": provider, **fields})["pk"]
    api.post("/policies/bindings/", {"target": application, "user": api.user("alice"), "order": 0})
    return provider


def test_one_call_makes_an_account_that_reads_a_directory(api: Api) -> None:
    provider = an_ldap_application(api)
    made = api.post("/core/users/service_account/", {"name": "Nas, 1", "ldap_provider": provider}, 200)
    assert made["ldap_bind_dn"] == "uid=Nas\\, 1,ou=users,dc=example,dc=com"
    assert made["token"]
    lines = api.get("/policies/bindings/")["results"]
    assert [line["group"] for line in lines if line["group"]] == [made["group_pk"]]
    given = api.sql.read_now(lambda tx: with_permission(tx, SEARCH_FULL_DIRECTORY, provider))
    assert given == api.get(f"/core/groups/{made['group_pk']}/")["roles"]
    assert api.sql.read_now(lambda tx: with_permission(tx, SEARCH_FULL_DIRECTORY, provider + 1)) == []


@pytest.mark.parametrize(("mode", "said"), [("all", "all of its bindings"), (None, "no application")])
def test_an_account_that_could_not_bind_is_not_made(api: Api, mode: str | None, said: str) -> None:
    provider = an_ldap_application(api, policy_engine_mode=mode or "any")
    if mode is None:
        api.call("DELETE", "/core/applications/a/")
    answer = api.post("/core/users/service_account/", {"name": "robot", "ldap_provider": provider}, 400)
    assert said in answer["ldap_provider"][0]
    assert api.get("/core/users/?username=robot")["results"] == []
    assert api.get("/rbac/roles/")["results"] == []


def test_an_open_application_stays_open(api: Api) -> None:
    provider = an_ldap_application(api)
    of_it = f"/policies/bindings/?target={api.get('/core/applications/a/')['pk']}"
    (line,) = api.get(of_it)["results"]
    api.call("DELETE", f"/policies/bindings/{line['pk']}/")
    api.post("/core/users/service_account/", {"name": "robot", "ldap_provider": provider}, 200)
    assert api.get(of_it)["results"] == []
    api.post("/core/users/service_account/", {"name": "other", "ldap_provider": provider + 99}, 400)


# --- certificates --------------------------------------------------------------------------------------------------


def pair(api: Api, name: str = "example.com") -> dict[str, str]:
    made = self_signed(name, [name], api.clock(), api.random, algorithm="ecdsa")
    return {"name": name, "certificate_data": made.certificate, "key_data": made.key}


def test_a_certificate_is_described_without_its_key(api: Api) -> None:
    given = pair(api)
    made = api.post(PAIRS, given)
    assert made["cert_subject"] == "CN=example.com"
    assert (made["private_key_available"], made["key_type"]) == (True, "ec")
    leaf = x509.load_pem_x509_certificate(given["certificate_data"].encode())
    assert made["cert_expiry"] == leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert len(made["fingerprint_sha256"].split(":")) == 32
    secret = given["key_data"].splitlines()[1]
    assert secret not in str([made, api.get(PAIRS), api.get(f"{PAIRS}{made['pk']}/")])
    assert secret not in str(api.sql.read_now(lambda tx: [event.context for event in tx.select(Event)]))


def test_both_parts_are_read_with_an_event_each(api: Api) -> None:
    given = pair(api)
    path = f"{PAIRS}{api.post(PAIRS, given)['pk']}/"
    assert api.get(f"{path}view_certificate/")["data"] == given["certificate_data"]
    assert api.get(f"{path}view_private_key/")["data"] == given["key_data"]
    assert sorted(event.context["type"] for event in events(api, "secret_view")) == ["certificate", "private_key"]
    loaded = api.call("GET", f"{path}view_private_key/?download")
    assert loaded.headers["content-type"] == "application/x-pem-file"
    assert loaded.text.decode() == given["key_data"]


def test_without_a_key_there_is_none_to_read(api: Api) -> None:
    made = api.post(PAIRS, {**pair(api), "key_data": ""})
    assert (made["private_key_available"], made["private_key_download_url"]) == (False, None)
    assert api.call("GET", f"{PAIRS}{made['pk']}/view_private_key/").status == 404
    assert events(api, "secret_view") == []


def test_pem_is_checked(api: Api) -> None:
    one, other = pair(api), pair(api, "other.example.com")
    key = load_pem_private_key(one["key_data"].encode(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    bad: list[tuple[dict[str, Any], str]] = [
        ({"certificate_data": "nonsense"}, "certificate_data"),
        ({"certificate_data": one["key_data"]}, "certificate_data"),
        ({"certificate_data": one["certificate_data"] * 17}, "certificate_data"),
        ({"key_data": "nonsense"}, "key_data"),
        ({"key_data": one["certificate_data"]}, "key_data"),
        ({"key_data": sealed}, "key_data"),
        ({"key_data": other["key_data"]}, "key_data"),
    ]
    for change, field in bad:
        assert list(api.post(PAIRS, {**one, **change}, 400)) == [field]
    pk = api.post(PAIRS, one)["pk"]
    assert list(api.patch(f"{PAIRS}{pk}/", {"certificate_data": other["certificate_data"]}, 400)) == ["key_data"]
    assert api.patch(f"{PAIRS}{pk}/", {"name": "renamed"})["private_key_available"] is True


@pytest.mark.parametrize("algorithm", ["rsa", "ecdsa"])
def test_a_pair_is_generated(api: Api, algorithm: str) -> None:
    asked = {
        "common_name": "radius.example.com",
        "subject_alt_name": "radius.example.com, 192.0.2.1",
        "validity_days": 30,
        "alg": algorithm,
    }
    made = api.post(f"{PAIRS}generate/", asked, 200)
    stored = api.sql.read_now(lambda tx: tx.get(Certificate, made["pk"]))
    leaf = x509.load_pem_x509_certificate(stored.certificate_data.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["radius.example.com"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    assert leaf.not_valid_after_utc.timestamp() == pytest.approx(api.clock() + 30 * DAY, abs=1)
    key = load_pem_private_key(stored.key_data.encode(), None)
    assert key.public_key() == leaf.public_key()
    assert list(api.post(f"{PAIRS}generate/", asked, 400)) == ["name"]


def test_an_outpost_reads_what_its_providers_show_and_no_more(api: Api) -> None:
    shown, other = api.post(PAIRS, pair(api))["pk"], api.post(PAIRS, pair(api, "other.example.com"))["pk"]
    provider = api.post("/providers/ldap/", {"name": "ldap", "certificate": shown})["pk"]
    outpost = api.post("/outposts/instances/", {"name": "o", "type": "ldap", "providers": [provider]})
    key = token(api, outpost["token_identifier"]).key
    assert [found["pk"] for found in api.get(PAIRS, key)["results"]] == [shown]
    assert api.call("GET", f"{PAIRS}{shown}/view_private_key/", token=key).status == 200
    assert api.call("GET", f"{PAIRS}{other}/view_private_key/", token=key).status == 404
    assert api.call("GET", f"{PAIRS}{other}/view_private_key/", token=ADMIN_TOKEN).status == 200
