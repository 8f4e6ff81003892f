"""What whoever has stolen an outpost's token can read and do: every route of control is walked with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from control.app import application
from control.outposts.audit import OutpostAudit
from control.records import Event
from control.store.interface import Query
from tests.control.web.api import Api
from tests.control.web.test_api_permissions import OUTPOSTS, keys, path_of

HUSH = "hush-of-another-provider"


@pytest.fixture
def site(api: Api) -> tuple[Api, Starlette, str]:
    """The API with one record of every kind, the whole application, and the token of an outpost that serves nothing."""
    audit = OutpostAudit(api.services.store, api.clock)
    api.services = replace(api.services, audit=audit)
    link: Any = None
    tokens: Any = None
    key = api.get(f"/core/tokens/{made_outpost(api)}/view_key/")["key"]
    return api, application(api.services, link, tokens), key


def made_outpost(api: Api) -> str:
    identifier: str = api.post("/outposts/instances/", {"name": "stolen", "type": "any"})["token_identifier"]
    return identifier


def walked(routes: list[BaseRoute], below: str = "") -> Iterator[str]:
    """Every path that there is, with its parameters as they are written."""
    for route in routes:
        if isinstance(route, Mount):
            yield from walked(list(route.routes), below + route.path)
        elif isinstance(route, Route):
            yield below + route.path


def ask(app: Starlette, method: str, path: str, key: str | None) -> tuple[int, str]:
    async def go() -> tuple[int, str]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://auth.example.com") as client:
            answer = await client.request(method, path, headers=headers)
            return answer.status_code, answer.text

    return asyncio.run(go())


def test_the_api_tells_an_outpost_nothing_of_what_it_does_not_serve(site: tuple[Api, Starlette, str]) -> None:
    api, _, key = site
    made = keys(api)
    secret = f"/providers/radius/{made['/providers/radius']}/"
    api.patch(secret, {"shared_secret": HUSH})
    told = {
        (method, template): api.call(method, path_of(template, made), token=key)
        for method, template in OUTPOSTS
        if method == "GET"
    }
    assert any(answer.status == 200 for answer in told.values())
    others = {HUSH, "some group", "some role", "somebody", "akadmin", "PRIVATE KEY", "one more"}
    for place, answer in told.items():
        assert not [word for word in others if word in answer.text.decode()], place
    for path in ("/outposts/ldap/", "/outposts/radius/", "/outposts/proxy/", "/crypto/certificatekeypairs/"):
        assert told["GET", path].body["results"] == [], path
    assert [one["name"] for one in told["GET", "/outposts/instances/"].body["results"]] == ["stolen"]
    assert told["GET", "/core/applications/"].body["results"] == []


def test_outside_the_api_the_token_opens_no_page(site: tuple[Api, Starlette, str]) -> None:
    """Whatever is not the link or the API answers as it answers a stranger."""
    api, app, key = site
    keys(api)
    paths = [path for path in walked(list(app.routes)) if not path.startswith(("/api/v3", "/outpost.goauthentik.io"))]
    assert len(paths) > 20
    for template in paths:
        path = re.sub(r"\{[^}]*\}", "x", template)
        stranger, thief = ask(app, "GET", path, None), ask(app, "GET", path, key)
        assert thief[0] == stranger[0], template
        assert thief[0] != 200 or "akadmin" not in thief[1], template


def test_what_it_tries_stands_in_the_events(site: tuple[Api, Starlette, str]) -> None:
    api, app, key = site
    assert ask(app, "GET", "/api/v3/outposts/instances/", key)[0] == 200
    assert ask(app, "GET", "/api/v3/core/users/", key)[0] == 403
    assert ask(app, "DELETE", "/api/v3/core/users/1/", key)[0] == 403

    def events(action: str) -> list[Event]:
        return api.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": action}, ordering=("created",))))

    assert [event.client_ip for event in events("outpost_address")] == ["127.0.0.1"]
    assert {event.context["asked"] for event in events("outpost_refused")} == {
        "GET /api/v3/core/users/",
        "DELETE /api/v3/core/users/1/",
    }
