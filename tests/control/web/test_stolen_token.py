"""What whoever has stolen an outpost's token can read and do: every route of control is walked with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from control.app import application
from control.authentication import Authentication, Proved
from control.outposts.audit import OutpostAudit
from control.outposts.link import Link
from control.passwords.changes import PasswordChanges
from control.proofs import proofs
from control.records import Application, Binding, Event, Group, Outpost, Provider, User
from control.store.interface import Query, Transaction
from control.verbs import tokens
from protocols.link import codec
from protocols.link.messages import (
    AskAccess,
    Authenticate,
    Authenticated,
    ChangePassword,
    Delta,
    Frame,
    Hello,
    SnapshotChunk,
)
from protocols.radius.mschapv2 import nt_hash
from tests.control.proofs.test_network import chap, mschapv2
from tests.control.web.api import Api
from tests.control.web.test_api_permissions import OUTPOSTS, keys, path_of
from tests.fakes import counted_random
from tests.stores import ImmediatePasswords

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


def test_no_hash_of_a_network_password_is_had_without_the_password(site: tuple[Api, Starlette, str]) -> None:
    """Where outposts remember them, too: by no route, and by no question but a right proof."""
    api, _, key = site
    served = serve(api)

    def furnish(tx: Transaction) -> str:
        provider = tx.get(Provider, served.provider)
        tx.update(replace(provider, settings={**provider.settings, "remember_network_passwords": True}))
        return tokens.create(tx, served.person, "phone", counted_random(), "network_password").key

    password, made = api.sql.write_now(furnish), keys(api)
    elsewhere = api.post("/providers/radius/", {"name": "elsewhere", "remember_network_passwords": True})["pk"]
    api.post("/core/applications/", {"name": "Elsewhere", "slug": "elsewhere", "provider": elsewhere})
    link = Link(api.services.store, Authentication(api.services.store, proofs(api.services), api.clock))

    def asked(proof: dict[str, Any], provider: int = served.provider) -> bytes:
        question = codec.encode(Authenticate("q", provider, "served", proof, "radius", "192.0.2.1"))
        return asyncio.run(link.ask(served.outpost, question, "203.0.113.9"))

    hashed = nt_hash(password).hex()
    right = mschapv2(password, "served")
    assert hashed in asked(right).decode().lower()
    said = [
        asked(right, elsewhere),
        *(asked({**right, name: "00" * 16}) for name in ("peer_challenge", "authenticator_challenge")),
        asked({**right, "nt_response": "00" * 24}),
        asked(mschapv2("a guess", "served")),
        *(asked(proof) for proof in ({}, {"kind": "mschapv2"}, {"kind": "password", "password": hashed})),
        asked({"kind": "password", "password": password}),
        asked(chap(password)),
    ]
    said += [api.call(method, path_of(path, made), token=key).text for method, path in OUTPOSTS if method == "GET"]

    async def followed() -> bytes:
        frames = link.follow(served.outpost, codec.encode(Hello("thief", "h", "v")))
        lines = [await anext(frames) for _ in range(2)]
        await frames.aclose()  # type: ignore[attr-defined]
        return b"".join(lines)

    said.append(asyncio.run(followed()))
    assert b"remember_network_passwords" in said[-1]
    assert not [text for text in said if hashed.encode() in text.lower()]


OTHERS = ("akadmin", "somebody-else", "somebody@example.com", "others-group", "5550100")


class Served(NamedTuple):
    """What the outpost serves: an application that is bound to one person's group. And who else there is."""

    outpost: str
    provider: int
    person: int
    other: int


def serve(api: Api) -> Served:
    def furnish(tx: Transaction) -> Served:
        outpost = tx.find(Outpost, name="stolen")
        assert outpost is not None
        person = tx.insert(User("served", name="Served")).pk
        other = tx.insert(
            User("somebody-else", email="somebody@example.com", email_verified=True, attributes={"phone": "5550100"})
        ).pk
        ours, theirs = tx.insert(Group("served-group")).pk, tx.insert(Group("others-group")).pk
        tx.add_members(ours, [person])
        tx.add_members(theirs, [other])
        provider = tx.insert(
            Provider("p", "radius", settings={"client_networks": "10.0.0.0/8"}, secrets={"shared_secret": "s"})
        ).pk
        tx.insert(Binding(tx.insert(Application("a", "a", provider=provider)).pk, group=ours))
        tx.update(replace(outpost, providers=(provider,)))
        return Served(outpost.pk, provider, person, other)

    return api.sql.write_now(furnish)


def test_one_that_serves_a_group_reads_of_no_others(site: tuple[Api, Starlette, str]) -> None:
    """By no route, and not by following."""
    api, _, key = site
    made = keys(api)
    served = serve(api)
    heard = [
        api.call(method, path_of(template, made), token=key).text.decode()
        for method, template in OUTPOSTS
        if method == "GET"
    ]
    link = Link(api.services.store, Authentication(api.services.store, {}, api.clock))
    hello = Hello("thief", "h", "v")

    def followed(stand: Hello) -> Hello:
        """The stand after a snapshot, or a change."""

        async def go() -> Hello:
            frames = link.follow(served.outpost, codec.encode(stand))
            while True:
                line = await anext(frames)
                heard.append(line.decode())
                frame = codec.decode(line)
                if isinstance(frame, Delta) or (isinstance(frame, SnapshotChunk) and frame.last):
                    known = stand.incarnation if isinstance(frame, Delta) else frame.incarnation
                    return replace(stand, incarnation=known, revision=frame.revision, chain=frame.chain)

        return asyncio.run(go())

    stand = followed(hello)
    assert any("served-group" in text for text in heard)
    api.sql.write_now(lambda tx: tx.update(replace(tx.get(User, served.other), name="somebody-else again")))
    # as if it knew everybody: it would be told of changes alone
    whole = replace(stand, chain=api.sql.read_now(lambda tx: tx.chain_at(stand.revision)) or "")
    for one in (stand, whole):
        followed(one)
    found = [(word, text) for word in OTHERS for text in heard if word in text]
    assert found == []


def test_nor_hears_of_them_what_it_would_not_of_nobody(site: tuple[Api, Starlette, str]) -> None:
    api, _, _ = site
    served = serve(api)

    async def prove(provider: Provider, question: Authenticate) -> Proved:
        user = api.sql.read_now(lambda tx: tx.find(User, username=question.username))
        return Proved("wrong_password", user.pk) if user is not None else Proved("unknown_user")

    authentication = Authentication(api.services.store, {"password": prove}, api.clock)
    changes = PasswordChanges(api.services.store, ImmediatePasswords(), counted_random("made"), api.clock)
    link = Link(api.services.store, authentication, password_changes=changes)

    def ask(question: Frame) -> Frame:
        return codec.decode(asyncio.run(link.ask(served.outpost, codec.encode(question), "192.0.2.9")))

    def said(username: str, pk: int) -> list[Frame]:
        proof = {"kind": "password", "password": "guessed"}
        return [
            replace(one, revision=0) if isinstance(one, Authenticated) else one
            for one in (
                ask(Authenticate("q", served.provider, username, proof, "radius", "192.0.2.1")),
                ask(AskAccess("q", served.provider, pk, "192.0.2.1")),
                ask(ChangePassword("q", served.provider, pk, "guessed", None, "radius", "192.0.2.1")),
            )
        ]

    assert said("somebody-else", served.other) == said("nobody", 9999)
    assert said("served", served.person) != said("nobody", 9999)


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
