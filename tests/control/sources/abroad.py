"""Two houses: ours, and a foreign provider at which its people sign in, which is another instance of ourselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from control.oidc.fetching import Declined
from control.oidc.foreign import ForeignTokens, unverified
from control.records import Flow, SourceConnection, User
from control.sources.asking import SourceTokens
from control.verbs import sources
from control.web import oidc_api
from control.web.sources import routes
from tests.control.oidc.relying import BASE, ISSUER, Relying, key_pair
from tests.control.web.browsing import Browser, Site

ABROAD = "auth.elsewhere.example"
"""Where the foreign instance is."""
HERE = "http://auth.example.com"
SLUG = "elsewhere"
CALLBACK = f"{HERE}/source/oauth/callback/{SLUG}/"
WELL_KNOWN = f"{ISSUER}.well-known/openid-configuration"
TOKEN_URL = f"{BASE}/application/o/token/"
USERINFO_URL = f"{BASE}/application/o/userinfo/"


class Abroad:
    def __init__(self, folder: Path, **settings: Any) -> None:
        (folder / "abroad").mkdir()
        (folder / "here").mkdir()
        self.abroad = Relying(folder / "abroad", redirect_uris=[{"matching_mode": "strict", "url": CALLBACK}])
        self.here = Site(folder / "here")
        self.here.administrator()
        self.asked: list[tuple[str, Mapping[str, str], bytes | None]] = []
        self.kid = str(self.abroad.call("GET", urlsplit(ISSUER).path + "jwks/").json()["keys"][0]["kid"])
        self.changed: dict[str, Any] = {}
        """Claims that the foreign provider says otherwise in its ID tokens."""
        self.changed_userinfo: dict[str, Any] = {}
        """And at its userinfo endpoint; None: nothing."""
        self.tokens = SourceTokens(ForeignTokens(self._fetch, self.here.clock), self._inquire)
        ways = [*routes(self.here.services, self.tokens), *oidc_api.routes(self.here.services)]
        self.here.app = Starlette(routes=[*ways, *self.here.app.routes])
        given = {
            "name": "Elsewhere",
            "slug": SLUG,
            "provider_type": "openidconnect",
            "consumer_key": self.abroad.client_id,
            "consumer_secret": self.abroad.secret,
            "oidc_well_known_url": WELL_KNOWN,
            **settings,
        }
        self.source = self.here.sql.write_now(lambda tx: sources.create(tx, given))

    def close(self) -> None:
        self.here.close()
        self.abroad.close()

    def set(self, **settings: Any) -> None:
        self.source = self.here.sql.write_now(lambda tx: sources.update(tx, self.source.pk, settings))

    def connect(self, user: User, identifier: str) -> SourceConnection:
        given = {"user": user.pk, "source": self.source.pk, "identifier": identifier}
        return self.here.sql.write_now(lambda tx: sources.connect(tx, given))

    def connections(self) -> list[SourceConnection]:
        return self.here.sql.read_now(lambda tx: tx.select(SourceConnection))

    def flow(self, slug: str) -> str:
        found = self.here.sql.read_now(lambda tx: tx.find(Flow, slug=slug))
        assert found is not None
        return found.pk

    def leave(self, browser: Browser, next: str = "/if/user/") -> dict[str, str]:
        """What the browser is sent abroad with."""
        answer = browser.get(f"/source/oauth/login/{SLUG}/?next={next}")
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{BASE}/application/o/authorize/?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    def signed_in_abroad(self, asked: Mapping[str, str], username: str) -> str:
        """The address at which the foreign provider sends the browser back."""
        person = self.abroad.person()
        person.sign_in(username)
        answer = person.get(f"/application/o/authorize/?{httpx.QueryParams(dict(asked))}")
        assert answer.headers["location"].startswith(CALLBACK), answer.text
        return str(answer.headers["location"]).removeprefix(HERE)

    def arrive(self, browser: Browser, username: str) -> httpx.Response:
        return browser.get(self.signed_in_abroad(self.leave(browser), username))

    # --- what the foreign provider hears and says ---

    async def _fetch(self, url: str) -> bytes:
        return await self._inquire(url, {})

    async def _inquire(self, url: str, headers: Mapping[str, str], form: bytes | None = None) -> bytes:
        self.asked.append((url, headers, form))
        transport = httpx.ASGITransport(app=self.abroad.app, client=("192.0.2.99", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            answer = await client.request("GET" if form is None else "POST", url, content=form, headers=dict(headers))
        if answer.status_code == 400:
            raise Declined(url, 400, answer.content)
        if answer.status_code != 200:
            raise ValueError(f"{url} answered {answer.status_code}")
        if url == TOKEN_URL and self.changed:
            return json.dumps(self._told_otherwise(answer.json())).encode()
        if url == USERINFO_URL:
            told = answer.json()
            told |= {"sub": self.changed.get("sub", told["sub"]), **self.changed_userinfo}
            return json.dumps({name: value for name, value in told.items() if value is not None}).encode()
        return answer.content

    def _told_otherwise(self, told: dict[str, Any]) -> dict[str, Any]:
        said = unverified(told["id_token"])
        assert said is not None
        return {**told, "id_token": self.signed({**said[1], **self.changed})}

    def signed(self, claims: Mapping[str, Any], **header: Any) -> str:
        """By the foreign provider's own key."""
        key = RSAKey.import_key(key_pair().key)
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.kid, **header}, said, key, algorithms=["RS256"])


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
