"""Tokens of foreign issuers at a proxy's door: another instance of ourselves, and one that makes every mistake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from control.authentication import Proved
from control.oidc.bearing import bearer
from control.oidc.foreign import KEPT_SECONDS, LOOK_SECONDS, SKEW_SECONDS, ForeignTokens
from control.records import Provider, User
from control.verbs import providers
from control.verbs.fields import Invalid
from protocols.link.messages import Authenticate
from tests.control.oidc.relying import BASE, OWN
from tests.control.oidc.test_bearing import World as Ourselves
from tests.fakes import FakeClock

ISSUER = "https://login.example.net"
AUDIENCE = "https://app.example.com"
OTHER = "https://other.example.com"
KEYS = f"{ISSUER}/keys"


class Issuer:
    """With one key, and a count of how often it was asked."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", parameters={"kid": "one"})
        self.documents: dict[str, Any] = {
            f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": KEYS},
            KEYS: {"keys": [self.key.as_dict(private=False)]},
        }
        self.asked: list[str] = []
        self.gone = False

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.gone or url not in self.documents:
            raise OSError("nobody is there")
        return json.dumps(self.documents[url]).encode()

    def token(self, clock: FakeClock, key: Any = None, alg: str = "ES256", kid: str = "one", **claims: Any) -> str:
        now = int(clock.now())
        said = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "exp": now + 300,
            "iat": now,
            "email": "Alice@example.com",
            "email_verified": True,
            "preferred_username": "alice",
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, said, key or self.key, algorithms=[alg])


class World(Ourselves):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.issuer = Issuer()
        self.foreign = ForeignTokens(self.issuer.fetch, self.clock)
        self.sql.write_now(lambda tx: tx.update(replace(tx.get(User, self.alice.pk), email="alice@example.com")))
        self.trusting_issuer(ISSUER, AUDIENCE)

    def trusting_issuer(self, issuer: str, audience: str, user_claim: str = "email") -> None:
        named = [{"issuer": issuer, "audience": audience, "user_claim": user_claim}]
        changed = {"jwt_federation_issuers": named}
        self.proxy = self.sql.write_now(lambda tx: providers.update(tx, self.proxy.pk, changed))

    def shown(self, token: str, provider: Provider | None = None) -> Proved:
        asked = provider or self.proxy
        question = Authenticate("q", asked.pk, "token-1", {"kind": "bearer", "token": token}, "proxy", "192.0.2.1")
        return asyncio.run(bearer(self.services.store, self.foreign)(asked, question))  # type: ignore[arg-type]

    def reason(self, **changed: Any) -> str:
        return self.shown(self.issuer.token(self.clock, **changed)).reason


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def test_it_opens_for_the_user_with_the_confirmed_address(world: World) -> None:
    proved = world.shown(world.issuer.token(world.clock))
    assert (proved.reason, proved.user) == ("accepted", world.alice.pk)
    assert proved.reuse is not None
    assert proved.reuse.not_after == int(world.clock.now()) + 300
    assert world.reason() == "accepted"
    assert len(world.issuer.asked) == 2, "discovery and keys, once"


@pytest.mark.parametrize("verified", [False, "true", 1, None])
def test_an_address_that_is_not_confirmed_names_nobody(world: World, verified: Any) -> None:
    assert world.reason(email_verified=verified) == "unknown_user"


def test_nor_does_one_that_somebody_here_only_says_is_theirs(world: World) -> None:
    alice = world.sql.read_now(lambda tx: tx.get(User, world.alice.pk))
    world.sql.write_now(lambda tx: tx.update(replace(alice, email_verified=False)))
    assert world.reason() == "unknown_user"


@pytest.mark.parametrize("email", ["mallory@example.com", "", None, 5, ["alice@example.com"]])
def test_nor_does_a_strangers(world: World, email: Any) -> None:
    assert world.reason(email=email) == "unknown_user"


def test_user_names_count_only_where_that_was_chosen(world: World) -> None:
    assert world.reason(email="x@example.com") == "unknown_user"
    world.trusting_issuer(ISSUER, AUDIENCE, "preferred_username")
    assert world.reason(email=None) == "accepted"


@pytest.mark.parametrize(
    "aud",
    ["https://other.example.com", [], [AUDIENCE, "https://other.example.com"], f"{AUDIENCE}/", None, [[AUDIENCE]]],
)
def test_the_audience_is_exactly_the_one(world: World, aud: Any) -> None:
    """GHSA-wcvh, CVE-2024-47077: a token for somebody else."""
    assert world.reason(aud=aud) == "bad_token"


def test_times_may_differ_by_a_little(world: World) -> None:
    now = int(world.clock.now())
    assert world.reason(exp=now - SKEW_SECONDS + 1, iat=now + SKEW_SECONDS) == "accepted"
    assert world.reason(exp=now - SKEW_SECONDS) == "bad_token"
    assert world.reason(iat=now + SKEW_SECONDS + 1) == "bad_token"
    assert world.reason(nbf=now + SKEW_SECONDS + 1) == "bad_token"
    for exp in (None, "never", True):
        assert world.reason(exp=exp) == "bad_token"


def test_no_other_key_signs_for_it(world: World) -> None:
    other = ECKey.generate_key("P-256", parameters={"kid": "one"})
    assert world.reason(key=other) == "bad_token"
    assert world.reason(key=RSAKey.generate_key(2048), alg="RS256") == "bad_token"
    public = json.dumps(world.issuer.key.as_dict(private=False))
    assert world.reason(key=OctKey.import_key(public), alg="HS256") == "bad_token"
    header, claims, _ = world.issuer.token(world.clock).split(".")
    nothing = "eyJhbGciOiJub25lIiwia2lkIjoib25lIn0"
    assert world.shown(f"{nothing}.{claims}.").reason == "bad_token"
    assert world.shown(f"{header}.{claims}.AAAA").reason == "bad_token"


def test_an_issuer_that_nobody_named_is_never_asked(world: World) -> None:
    assert world.reason(iss="https://evil.example.net") == "bad_token"
    assert world.reason(iss=f"{ISSUER}/") == "bad_token"
    assert world.issuer.asked == []


def test_invented_keys_ask_nobody_and_a_new_one_is_found(world: World) -> None:
    assert world.reason() == "accepted"
    world.clock.advance(LOOK_SECONDS)
    for number in range(50):
        assert world.reason(kid=f"invented-{number}") == "bad_token"
    assert len(world.issuer.asked) == 4
    second = ECKey.generate_key("P-256", parameters={"kid": "two"})
    world.issuer.documents[KEYS] = {"keys": [second.as_dict(private=False)]}
    assert world.reason(key=second, kid="two") == "bad_token", "it was looked a moment ago"
    world.clock.advance(LOOK_SECONDS)
    assert world.reason(key=second, kid="two") == "accepted"
    assert world.reason() == "bad_token", "the old key is gone"


def test_while_the_issuer_is_away_its_keys_hold_for_a_while(world: World) -> None:
    assert world.reason() == "accepted"
    world.issuer.gone = True
    world.clock.advance(KEPT_SECONDS)
    assert world.reason() == "accepted"
    world.clock.advance(KEPT_SECONDS)
    assert world.reason() == "issuer_away"
    asked = len(world.issuer.asked)
    assert world.reason() == "issuer_away"
    assert len(world.issuer.asked) == asked


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example.net", "jwks_uri": KEYS},
        {"issuer": ISSUER, "jwks_uri": "http://login.example.net/keys"},
        {"issuer": ISSUER},
        [],
    ],
)
def test_a_discovery_document_of_somebody_else(world: World, document: Any) -> None:
    world.issuer.documents[f"{ISSUER}/.well-known/openid-configuration"] = document
    assert world.reason() == "issuer_away"


def test_another_instance_of_ourselves_is_an_issuer(world: World) -> None:
    issuer = f"{BASE}{OWN}/"
    where = f"{BASE}{OWN}/.well-known/openid-configuration"
    world.issuer.documents = {
        where: world.call("GET", f"{OWN}/.well-known/openid-configuration").json(),
        f"{BASE}{OWN}/jwks/": world.call("GET", f"{OWN}/jwks/").json(),
    }
    world.trusting_issuer(issuer, world.client_id, "preferred_username")
    assert world.shown(world.token).reason == "accepted"
    world.trusting_issuer(issuer, "another client", "preferred_username")
    assert world.shown(world.token).reason == "bad_token"


@pytest.mark.parametrize(
    "issuer", ["http://login.example.net", "https://login.example.net/?x=1", "login.example.net", ""]
)
def test_an_issuer_is_asked_over_tls(world: World, issuer: str) -> None:
    with pytest.raises(Invalid):
        world.trusting_issuer(issuer, AUDIENCE)
