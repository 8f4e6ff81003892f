"""Changes made through the API: what they do, and the event that each leaves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from control.bootstrap import FirstStart, first_start
from control.passwords.hashing import Busy
from control.records import Event, User
from control.store.interface import Query
from control.web.admin_api import routes
from control.web.admin_api.table import resources
from control.web.services import Services
from tests.control.stores import a_store, cheap_passwords
from tests.control.web.api import ADMIN_TOKEN, Api
from tests.fakes import FakeClock, counted_random

PROXY = {"external_host": "https://app.example.com", "mode": "forward_single"}


def events(api: Api) -> list[Event]:
    return api.sql.read_now(lambda tx: tx.select(Event, Query(ordering=("created",))))


def stored(api: Api, user: int) -> User:
    return api.sql.read_now(lambda tx: tx.get(User, user))


# --- people --------------------------------------------------------------------------------------------------------


def test_a_user_from_first_to_last(api: Api) -> None:
    made = api.post("/core/users/", {"username": "alice", "name": "Alice", "email": "a@example.com"})
    path = f"/core/users/{made['pk']}/"
    assert api.get(path) == made
    assert api.patch(path, {"name": "Alicia"})["name"] == "Alicia"
    whole = api.call("PUT", path, {"username": "alice", "name": "A", "attributes": {"shell": "/bin/sh"}})
    assert (whole.status, whole.body["email"], whole.body["attributes"]) == (
        200,
        "a@example.com",
        {"shell": "/bin/sh"},
    )
    assert api.call("PUT", path, {"name": "A"}).body == {"username": ["This field is required."]}
    assert api.call("DELETE", path).status == 204
    assert api.call("GET", path).body == {"detail": "No User matches the given query."}


def test_set_password(api: Api) -> None:
    user = api.user("alice")
    before = stored(api, user)
    answer = api.call("POST", f"/core/users/{user}/set_password/", {"password": " a b c d "})
    assert (answer.status, answer.text) == (204, b"")
    after = stored(api, user)
    assert api.passwords.verify_now(after.password, " a b c d ").ok
    assert not api.passwords.verify_now(after.password, "a b c d").ok
    assert after.credential_version == before.credential_version + 1
    assert after.password_change_date == api.clock()


@pytest.mark.parametrize(
    "body", [{}, {"password": ""}, {"password": None}, {"password": 1}, {"password": "ä" * 513}, {"password": "\ud800"}]
)
def test_what_is_no_password(api: Api, body: dict[str, Any]) -> None:
    user = api.user("alice")
    answer = api.call("POST", f"/core/users/{user}/set_password/", raw=json.dumps(body).encode())
    assert (answer.status, list(answer.body)) == (400, ["password"])
    assert stored(api, user).password is None


def test_nobody_has_no_password(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is hashed for them."""

    async def hashes(*_: object) -> str:
        raise AssertionError("hashed")

    monkeypatch.setattr(api.passwords, "measure", hashes)
    assert api.call("POST", "/core/users/999/set_password/", {"password": "x"}).status == 404


def test_too_many_passwords_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*_: object) -> str:
        raise Busy("full")

    monkeypatch.setattr(api.passwords, "measure", busy)
    assert api.call("POST", "/core/users/1/set_password/", {"password": "x"}).status == 503


def test_joining_and_leaving_a_group(api: Api) -> None:
    user, group = api.user("alice"), api.post("/core/groups/", {"name": "staff"})["pk"]
    path = f"/core/groups/{group}/"
    assert api.post(f"{path}add_user/", {"pk": user}, 204) is None
    assert [one["username"] for one in api.get(path)["users_obj"]] == ["alice"]
    assert api.post(f"{path}remove_user/", {"pk": user}, 204) is None
    assert api.get(path)["users"] == []
    assert api.post(f"{path}add_user/", {"pk": 999}, 404) == {"detail": "Not found."}
    assert api.post(f"{path}add_user/", {}, 400) == {"pk": ["This field is required."]}
    assert api.post(f"{path}add_user/", {"pk": "x"}, 400) == {"pk": ["A valid integer is required."]}


def test_a_disabled_user_is_out_of_the_api_at_once(api: Api) -> None:
    user = api.user("alice", groups=[api.superuser_group(name="ruling")])
    cookie, _ = api.sign_in(user)
    assert api.call("GET", "/core/users/", token=None, headers=cookie).status == 200
    api.clock.advance(1)
    api.patch(f"/core/users/{user}/", {"is_active": False})
    assert api.call("GET", "/core/users/me/", token=None, headers=cookie).status == 403
    api.clock.advance(1)
    api.patch(f"/core/users/{user}/", {"is_active": True})
    assert api.call("GET", "/core/users/me/", token=None, headers=cookie).status == 403


# --- configuration -------------------------------------------------------------------------------------------------


def test_an_application_through_all_its_paths(api: Api) -> None:
    provider = api.post("/providers/proxy/", {"name": "p", **PROXY})["pk"]
    made = api.post("/core/applications/", {"name": "App", "slug": "app", "provider": provider})
    assert made["provider_obj"]["assigned_application_slug"] == "app"
    assert made["launch_url"] == "https://app.example.com"
    assert api.get("/providers/all/")["results"][0]["component"] == "ak-provider-proxy-form"
    renamed = api.patch("/core/applications/app/", {"slug": "renamed"})
    assert renamed["pk"] == made["pk"]
    assert api.call("GET", "/core/applications/app/").status == 404
    outpost = api.get("/outposts/instances/")["results"][0]
    served = api.patch(f"/outposts/instances/{outpost['pk']}/", {"providers": [provider]})
    assert served["providers_obj"][0]["assigned_application_name"] == "App"
    assert api.get(f"/providers/proxy/{provider}/")["outpost_set"] == ["authentik Embedded Outpost"]
    assert api.call("DELETE", f"/providers/all/{provider}/").status == 204
    assert api.get("/core/applications/renamed/")["provider"] is None


def test_a_binding_shows_its_subject(api: Api) -> None:
    group = api.post("/core/groups/", {"name": "staff"})["pk"]
    target = api.post("/core/applications/", {"name": "App", "slug": "app"})["pk"]
    one = api.post("/policies/bindings/", {"target": target, "group": group, "order": 3})
    two = api.post("/policies/bindings/", {"target": target, "user": 1, "order": 1})
    listed = api.get(f"/policies/bindings/?target={target}")["results"]
    assert [line["pk"] for line in listed] == [two["pk"], one["pk"]]
    assert listed[0]["user_obj"]["username"] == "akadmin"
    assert listed[1]["group_obj"]["name"] == "staff"
    assert (listed[0]["group_obj"], listed[1]["user_obj"]) == (None, None)


def test_the_embedded_outpost_cannot_be_deleted(api: Api) -> None:
    pk = api.get("/outposts/instances/")["results"][0]["pk"]
    answer = api.call("DELETE", f"/outposts/instances/{pk}/")
    assert (answer.status, list(answer.body)) == (400, ["non_field_errors"])
    assert len(api.get("/outposts/instances/")["results"]) == 1


def test_a_shared_secret_can_be_copied_and_others_are_not_shown(api: Api) -> None:
    radius = api.post("/providers/radius/", {"name": "r", "shared_secret": "testing123"})
    assert radius["shared_secret"] == "testing123"
    proxy = api.post("/providers/proxy/", {"name": "p", **PROXY})
    assert {"client_secret", "cookie_secret"}.isdisjoint(proxy)
    everywhere = json.dumps(
        [api.get(path) for path in ("/providers/all/", "/core/applications/", "/outposts/instances/")]
    )
    assert "testing123" not in everywhere


# --- events --------------------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, str, Any, str, str]] = [
    ("POST", "/core/users/", {"username": "new", "name": "n"}, "model_created", "user"),
    ("PATCH", "/core/users/{user}/", {"name": "other"}, "model_updated", "user"),
    ("POST", "/core/users/{user}/set_password/", {"password": "hush-hush"}, "model_updated", "user"),
    ("DELETE", "/core/users/{user}/", None, "model_deleted", "user"),
    ("POST", "/core/groups/", {"name": "new"}, "model_created", "group"),
    ("PATCH", "/core/groups/{group}/", {"is_superuser": True}, "model_updated", "group"),
    ("POST", "/core/groups/{group}/add_user/", {"pk": 1}, "model_updated", "group"),
    ("DELETE", "/core/groups/{group}/", None, "model_deleted", "group"),
    ("POST", "/core/applications/", {"name": "new", "slug": "new"}, "model_created", "application"),
    ("PATCH", "/core/applications/app/", {"name": "other"}, "model_updated", "application"),
    ("DELETE", "/core/applications/app/", None, "model_deleted", "application"),
    ("POST", "/providers/ldap/", {"name": "new"}, "model_created", "provider"),
    ("POST", "/providers/radius/", {"name": "new", "shared_secret": "hush-hush"}, "model_created", "provider"),
    ("PATCH", "/providers/radius/{radius}/", {"shared_secret": "hush-hush"}, "model_updated", "provider"),
    ("DELETE", "/providers/all/{radius}/", None, "model_deleted", "provider"),
    ("POST", "/outposts/instances/", {"name": "new", "type": "any"}, "model_created", "outpost"),
    ("POST", "/policies/bindings/", {"target": "{application}", "user": 1}, "model_created", "binding"),
]


@pytest.mark.parametrize(("method", "path", "body", "action", "model"), CHANGES)
def test_every_change_leaves_an_event_without_secrets(
    api: Api, method: str, path: str, body: Any, action: str, model: str
) -> None:
    made = {
        "user": api.user("somebody"),
        "group": api.post("/core/groups/", {"name": "some group"})["pk"],
        "radius": api.post("/providers/radius/", {"name": "r"})["pk"],
        "application": api.post("/core/applications/", {"name": "app", "slug": "app"})["pk"],
    }
    if body is not None:
        body = {name: value.format(**made) if isinstance(value, str) else value for name, value in body.items()}
    known = {event.pk for event in events(api)}
    assert api.call(method, path.format(**made), body).status < 300
    new = [event for event in events(api) if event.pk not in known]
    about = [event for event in new if event.action == action and model in json.dumps(event.context)]
    assert about, new
    doers = {event.context.get("by", event.user["username"]) for event in new}  # some are the owner's, and say by whom
    assert (doers, {event.client_ip for event in new}) == ({"akadmin"}, {"127.0.0.1"})
    kept = json.dumps([(event.context, event.user) for event in new])
    for secret in ("hush-hush", "$argon2id$", 'key_digest": "', 'client_secret": "'):
        assert secret not in kept


def test_what_changes_nothing_leaves_no_event(api: Api) -> None:
    user = api.user("alice")
    before = len(events(api))
    api.patch(f"/core/users/{user}/", {"username": "alice"})
    api.patch(f"/core/users/{user}/", {"username": ""}, 400)
    api.get("/core/users/")
    assert len(events(api)) == before


def test_no_answer_shows_a_hash_a_digest_or_a_key(api: Api) -> None:
    api.post("/core/users/1/set_password/", {"password": "hush-hush"}, 204)
    api.post("/providers/proxy/", {"name": "p", **PROXY})
    service = api.post("/core/users/service_account/", {"name": "robot"}, 200)["token"]
    pair = api.post("/crypto/certificatekeypairs/generate/", {"common_name": "c", "alg": "ecdsa"}, 200)["pk"]
    key = api.get(f"/crypto/certificatekeypairs/{pair}/view_private_key/")["data"]
    lists = [f"/{resource.path}/" for resource in resources(api.random) if resource.path != "events/events"]
    seen = json.dumps([api.get(path) for path in ["/core/users/me/", *lists]])
    for name in ("digest", "client_secret", "cookie_secret", "credential_v"):
        assert name not in seen, name
    told = seen + json.dumps(api.get("/events/events/?page_size=100"))
    for secret in ("argon2", "hush-hush", ADMIN_TOKEN, service, key.split("\n")[1], "PRIVATE KEY"):
        assert secret not in told, secret


# --- the same, with threads and an HTTP client ---------------------------------------------------------------------


def test_over_http_with_the_real_pools(tmp_path: Path) -> None:
    async def journey() -> None:
        clock, random = FakeClock(), counted_random()
        store, passwords = a_store(tmp_path, clock), cheap_passwords()
        try:
            await first_start(store, passwords, FirstStart(token=ADMIN_TOKEN), random, clock)
            services = Services(store, passwords, clock, random, (), "0.1.0")
            app = Starlette(routes=[Mount("/api/v3", routes=routes(services))])
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
                made = [
                    client.post("/api/v3/core/users/", json={"username": f"u{number}", "name": ""})
                    for number in range(20)
                ]
                answers = await asyncio.gather(*made)
                assert {answer.status_code for answer in answers} == {201}
                assert len({answer.json()["pk"] for answer in answers}) == 20
                pk = answers[0].json()["pk"]
                reply = await client.post(f"/api/v3/core/users/{pk}/set_password/", json={"password": "long enough"})
                assert reply.status_code == 204
                listed = (await client.get("/api/v3/core/users/", params={"page_size": 5})).json()
                assert listed["pagination"]["count"] == 22
        finally:
            passwords.close()
            store.close()

    asyncio.run(journey())
