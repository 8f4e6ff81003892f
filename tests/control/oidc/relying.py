"""A site with one application behind OpenID Connect, browsers for its people, and the relying party's side of it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from control.certificates.generated import SIGNING
from control.certificates.making import KeyPair, self_signed
from control.records import Application, Certificate, Event, Flow, Group, Provider, User
from control.store.interface import Transaction
from control.verbs import applications, bindings, groups, providers
from control.web import oidc_api, pages
from tests.control.web.browsing import HOST, PASSWORD, Browser, Site

BASE = f"https://{HOST}"
CALLBACK = "https://grafana.example.com/login/generic_oauth"
AUTHORIZE = "/application/o/authorize/"
TOKEN = "/application/o/token/"
USERINFO = "/application/o/userinfo/"
OWN = "/application/o/grafana"
ISSUER = f"{BASE}{OWN}/"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@cache
def key_pair() -> KeyPair:
    return self_signed("localhost", ("localhost",), 1_700_000_000.0, lambda size: bytes(range(1, size + 1)))


class Relying(Site):
    """The application `grafana` and its client. ``settings`` are fields of the provider."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder)
        self.app = Starlette(routes=[*oidc_api.routes(self.services), *pages.routes(self.services)])
        self.administrator()
        self.certificate = self.sql.write_now(_insert_certificate)
        self.provider = self.add_provider("grafana", **settings)
        self.application = self.add_application("grafana", self.provider)

    def add_provider(self, name: str, kind: str = "oauth2", **settings: Any) -> Provider:
        given: dict[str, Any] = {"name": name, **settings}
        if kind == "oauth2":
            given.setdefault("redirect_uris", [{"matching_mode": "strict", "url": CALLBACK}])
        return self.sql.write_now(lambda tx: providers.create(tx, kind, given, self.random))

    def add_application(self, slug: str, provider: Provider) -> Application:
        given = {"name": slug.title(), "slug": slug, "provider": provider.pk}
        return self.sql.write_now(lambda tx: applications.create(tx, given))

    def add_group(self, name: str, *members: User) -> Group:
        def verb(tx: Transaction) -> Group:
            group = groups.create(tx, {"name": name})
            tx.add_members(group.pk, [member.pk for member in members])
            return group

        return self.sql.write_now(verb)

    def bind(self, group: Group) -> None:
        self.sql.write_now(lambda tx: bindings.create(tx, {"target": self.application.pk, "group": group.pk}))

    def set_provider(self, **settings: Any) -> None:
        self.provider = self.sql.write_now(lambda tx: providers.update(tx, self.provider.pk, settings))

    @property
    def client_id(self) -> str:
        return str(self.provider.client_id)

    @property
    def secret(self) -> str:
        return self.provider.secrets["client_secret"]

    def flow(self, slug: str) -> str:
        found = self.sql.read_now(lambda tx: tx.find(Flow, slug=slug))
        assert found is not None
        return found.pk

    def person(self) -> Person:
        return Person(self)

    # --- the relying party's side: no cookies, another connection ---

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, client=("192.0.2.99", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
                return await client.request(method, path, **given)

        return self.runner.run(once())

    def exchange(self, code: str, /, **changed: str | None) -> httpx.Response:
        """The token request; None leaves a field out. Authenticated by Basic, unless a secret is in the form."""
        fields: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            **changed,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        basic = None if "client_id" in sent else (self.client_id, self.secret)
        return self.call("POST", TOKEN, data=sent, auth=basic)

    def userinfo(self, token: str) -> httpx.Response:
        return self.call("GET", USERINFO, headers={"Authorization": f"Bearer {token}"})

    def verified(self, token: str) -> dict[str, Any]:
        """The claims of a token that the published key has signed."""
        keys = KeySet.import_key_set(self.call("GET", f"{OWN}/jwks/").json())
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)

    def oidc_events(self, action: str) -> list[Event]:
        return [event for event in self.events(action) if event.app == "oidc"]


class Person(Browser):
    """A browser over HTTPS, which also reaches the relying party's site."""

    def __init__(self, site: Relying) -> None:
        super().__init__(site, "192.0.2.7", BASE)
        relying = Starlette(routes=[Route("/{path:path}", _arrived)])
        self.relying = site
        self.client = httpx.AsyncClient(
            transport=_transport(site.app),
            mounts={"all://grafana.example.com": _transport(relying)},
            base_url=BASE,
        )

    def ask(self, **changed: str | None) -> httpx.Response:
        """The authorization request as Grafana makes it; None leaves a parameter out."""
        return self.get(f"{AUTHORIZE}?{urlencode(self.parameters(**changed))}")

    def walk(self, **changed: str | None) -> httpx.Response:
        """The same, and then on to the page that it leads to."""
        return self.get(f"{AUTHORIZE}?{urlencode(self.parameters(**changed))}", follow=True)

    def parameters(self, **changed: str | None) -> dict[str, str]:
        asked: dict[str, str | None] = {
            "client_id": self.relying.client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid email profile",
            "state": "st-1",
            **changed,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def enter(self, username: str, password: str = PASSWORD) -> httpx.Response:
        """On the sign-in page: name, then password, and on."""
        self.submit(uid_field=username)
        return self.submit(password=password)

    def code(self, **changed: str | None) -> str:
        """Of somebody who has signed in."""
        answer = answered(self.ask(**changed))
        assert "code" in answer, answer
        return answer["code"]


def answered(response: httpx.Response) -> dict[str, str]:
    """The parameters that a redirect to the relying party carries."""
    location = response.headers.get("location") or str(response.url)
    assert location.startswith(CALLBACK), (response.status_code, location, response.text[:2000])
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def _arrived(request: Any) -> PlainTextResponse:
    return PlainTextResponse("arrived")


def _transport(app: ASGIApp) -> httpx.ASGITransport:
    return httpx.ASGITransport(app=app, client=("192.0.2.7", 50_000))


def _insert_certificate(tx: Transaction) -> Certificate:
    pair = key_pair()
    return tx.insert(Certificate("default", pair.certificate, key_data=pair.key, managed=SIGNING))
