"""The link's channel: an outpost that leaves its stream ends it without a fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from control.outposts.audit import OutpostAudit
from control.outposts.link import TooManyStreams
from control.records import Event
from control.store.interface import Query
from control.web.outposts_api import _Channel, _Stream, routes
from protocols.errors import RemoteProtocolError
from protocols.link.http import PATH, REVOKED_HEADER
from tests.control.web.api import Api

SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "method": "GET", "headers": []}


async def frames() -> AsyncIterator[bytes]:
    while True:
        yield b"frame\n"


async def receive() -> MutableMapping[str, Any]:
    return {"type": "http.disconnect"}


def test_an_outpost_that_leaves_is_no_fault() -> None:
    sent: list[str] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])
        if len(sent) == 3:
            raise OSError("the client is gone")

    asyncio.run(_Stream(frames())(SCOPE, receive, send))
    assert sent == ["http.response.start", "http.response.body", "http.response.body"]


def test_a_fault_of_ours_stays_one() -> None:
    async def send(message: MutableMapping[str, Any]) -> None:
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(_Stream(frames())(SCOPE, receive, send))


class CrowdedStore:
    async def read(self, verb: object) -> str:
        return "outpost"


class CrowdedLink:
    async def follow(self, outpost: str, hello: bytes) -> AsyncIterator[bytes]:
        if outpost:
            raise TooManyStreams("256 processes of this outpost follow already")
        yield b""


def test_an_outpost_that_follows_too_often_is_told_so() -> None:
    services: Any = SimpleNamespace(store=CrowdedStore(), audit=None, trusted_proxies=())
    link: Any = CrowdedLink()

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes(services, link)))
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
            return await client.get(PATH, headers={"Authorization": "Bearer key"})

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.text) == (429, "256 processes of this outpost follow already\n")


# --- tokens that change hands -----------------------------------------------------------------------------------------


class Listening:
    """A link that looks at questions, and finds none."""

    async def ask(self, outpost: str, question: bytes, address: str) -> bytes:
        raise RemoteProtocolError("no question")


class Post:
    """An outpost of ``api``, and the link's channel."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.outpost = api.post("/outposts/instances/", {"name": "edge", "type": "any"})
        self.identifier = self.outpost["token_identifier"]
        self.account = api.get(f"/core/tokens/{self.identifier}/")["user"]
        link: Any = Listening()
        self.channel = _Channel(api.services, link)
        self.app = Starlette(routes=routes(api.services, link))

    def key(self, identifier: str = "") -> str:
        key: str = self.api.get(f"/core/tokens/{identifier or self.identifier}/view_key/")["key"]
        return key

    def says(self, key: str, shown: Sequence[str] = ()) -> httpx.Response:
        """``shown``: certificates, PEM, as whoever ends TLS hands them on."""

        async def over_tls(scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "extensions": {"tls": {"client_cert_chain": shown}}}, receive, send)

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(over_tls)
            async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
                return await client.post(PATH, content=b"{}", headers={"Authorization": f"Bearer {key}"})

        return asyncio.run(ask())

    def is_known(self, key: str) -> bool:
        """By whether what it asks is looked at."""
        status = self.says(key).status_code
        assert status in (400, 403)
        return status == 400


def test_a_second_token_is_as_good_and_the_former_is_taken_back_at_once(api: Api) -> None:
    post = Post(api)
    former = post.key()
    api.post("/core/tokens/", {"identifier": "edge-2", "user": post.account, "expiring": False})
    new = post.key("edge-2")
    assert post.is_known(former)
    assert post.is_known(new)
    assert api.call("DELETE", f"/core/tokens/{post.identifier}/").status == 204
    refused = post.says(former)
    assert (refused.status_code, refused.headers[REVOKED_HEADER]) == (403, "1")
    assert post.is_known(new)
    api.patch("/core/tokens/edge-2/", {"identifier": post.identifier})
    assert post.key() == new


def test_whoever_only_follows_stands_in_the_events_too(api: Api) -> None:
    """It is by following that the directory is read."""
    audit = OutpostAudit(api.services.store, api.clock)
    api.services = replace(api.services, audit=audit)
    link: Any = CrowdedLink()
    post, app = Post(api), Starlette(routes=routes(api.services, link))

    async def follow(scheme: str) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as client:
            return (await client.get(PATH, headers={"Authorization": f"{scheme} {key}"})).status_code

    key = post.key()
    assert [asyncio.run(follow(scheme)) for scheme in ("Basic", "Bearer")] == [403, 429]
    asyncio.run(audit.tell())
    first = Query(equal={"action": "outpost_address"})
    asked = Query(equal={"action": "outpost_asked"})
    assert [one.client_ip for one in api.sql.read_now(lambda tx: tx.select(Event, first))] == ["127.0.0.1"]
    assert [one.context["asked"] for one in api.sql.read_now(lambda tx: tx.select(Event, asked))] == [{"Follow": 1}]


@pytest.mark.parametrize("end", ["deleted", "expired", "deactivated"])
def test_a_stream_ends_with_the_token_that_opened_it(api: Api, end: str) -> None:
    """At the next frame: whoever has been shut out is not told it."""
    post = Post(api)
    identifier = post.identifier
    if end == "expired":
        identifier = "edge-2"
        api.post("/core/tokens/", {"identifier": identifier, "user": post.account, "expires": "2030-01-01T00:00:00Z"})
    bearer = (b"authorization", f"Bearer {post.key(identifier)}".encode())
    request = Request({**SCOPE, "headers": [bearer]})

    async def told() -> int:
        stream = post.channel._while_trusted(request, post.outpost["pk"], b"first\n", frames())
        for _ in range(3):
            assert await anext(stream)
        if end == "deleted":
            assert api.call("DELETE", f"/core/tokens/{identifier}/").status == 204
        elif end == "expired":
            api.clock.advance(10 * 366 * 86_400)
        else:
            api.patch(f"/core/users/{post.account}/", {"is_active": False})
        return len([frame async for frame in stream])

    assert asyncio.run(asyncio.wait_for(told(), 60)) == 0


# --- certificates beside tokens ---------------------------------------------------------------------------------------


def with_certificate(api: Api, post: Post) -> tuple[str, str]:
    """The outpost has to show one from now on: this one; and its pk."""
    authority = api.post("/crypto/authorities/", {"name": "Outposts"})["pk"]
    issued = api.post(f"/crypto/authorities/{authority}/issue/", {"user": post.account, "name": "edge"})
    config = {"config": {"client_authority": "Outposts"}}
    assert api.patch(f"/outposts/instances/{post.outpost['pk']}/", config)["config"]["client_authority"] == "Outposts"
    return issued["certificate"], issued["pk"]


def test_a_stolen_token_opens_nothing_where_a_certificate_must_go_with_it(api: Api) -> None:
    api.services = replace(api.services, audit=OutpostAudit(api.services.store, api.clock))
    post = Post(api)
    key = post.key()
    certificate, issued = with_certificate(api, post)
    refused = post.says(key)
    assert (refused.status_code, REVOKED_HEADER in refused.headers) == (403, False)
    assert "has to show a certificate of “Outposts”: it has shown none" in refused.text
    [kept] = api.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": "outpost_refused"})))
    assert (kept.context["asked"], "has shown none" in kept.context["reason"]) == (f"POST {PATH}", True)
    assert post.says(key, [certificate]).status_code == 400
    assert post.says("another", [certificate]).status_code == 403
    alone = api.call("GET", "/outposts/instances/", token=key)
    assert (alone.status, "has shown none" in alone.body["detail"]) == (403, True)
    assert api.call("GET", "/outposts/instances/", token=key, shown=[certificate]).status == 200
    api.post(f"/crypto/issued/{issued}/revoke/", {}, 200)
    assert "revoked" in post.says(key, [certificate]).text
    assert api.call("GET", "/outposts/instances/", token=key, shown=[certificate]).status == 403


@pytest.mark.parametrize("name", ["nothing", "authentik Self-signed Certificate"])
def test_only_an_authority_can_be_named(api: Api, name: str) -> None:
    post = Post(api)
    config = {"config": {"client_authority": name}}
    said = api.patch(f"/outposts/instances/{post.outpost['pk']}/", config, 400)
    assert "There is no certificate authority" in str(said["config"])


def test_a_stream_ends_with_the_certificate(api: Api) -> None:
    post = Post(api)
    certificate, issued = with_certificate(api, post)
    bearer = (b"authorization", f"Bearer {post.key()}".encode())
    request = Request({**SCOPE, "headers": [bearer], "extensions": {"tls": {"client_cert_chain": [certificate]}}})

    async def told() -> int:
        stream = post.channel._while_trusted(request, post.outpost["pk"], b"first\n", frames())
        for _ in range(3):
            assert await anext(stream)
        api.post(f"/crypto/issued/{issued}/revoke/", {}, 200)
        return len([frame async for frame in stream])

    assert asyncio.run(told()) == 0
