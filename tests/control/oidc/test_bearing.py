"""Access tokens at a proxy's door: ours, given to this very provider or one that it trusts, and good now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control import endings
from control.authentication import Proved
from control.oidc import clients, grants
from control.oidc.bearing import REUSE_SECONDS, bearer
from control.oidc.foreign import ForeignTokens
from control.oidc.tokens import digest
from control.records import EndedSession, Provider, Session
from control.store.interface import Query
from control.verbs import providers, users
from protocols.link.messages import Authenticate
from tests.control.oidc.relying import Relying

Ending = Callable[["World"], object]


async def nowhere(url: str) -> bytes:
    raise OSError(f"{url} was asked for")


class World(Relying):
    """alice has a token of `grafana`; `app` is behind a proxy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proxy = self.add_provider("app", "proxy", external_host="https://app.example.com", mode="forward_single")
        self.add_application("app", self.proxy)
        self.alice = self.user("alice")
        self.person_ = self.person()
        self.person_.sign_in("alice")
        self.code = self.person_.code()
        self.token: str = self.exchange(self.code).json()["access_token"]

    def proved(self, provider: Provider, token: Any) -> Proved:
        question = Authenticate("q", provider.pk, "token-1", {"kind": "bearer", "token": token}, "proxy", "192.0.2.1")
        return asyncio.run(bearer(self.services.store, ForeignTokens(nowhere, self.clock))(provider, question))  # type: ignore[arg-type]

    def ended(self) -> list[EndedSession]:
        return self.sql.read_now(lambda tx: tx.select(EndedSession))

    def trusting(self) -> Provider:
        trusted = {"jwt_federation_providers": [self.provider.pk]}
        return self.sql.write_now(lambda tx: providers.update(tx, self.proxy.pk, trusted))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def test_a_token_counts_at_its_own_provider(world: World) -> None:
    proved = world.proved(world.provider, world.token)
    assert (proved.reason, proved.user) == ("accepted", world.alice.pk)
    assert proved.reuse is not None
    assert proved.reuse.seconds == REUSE_SECONDS
    assert proved.reuse.not_after == pytest.approx(world.clock.now() + 3600, abs=5)
    assert proved.ends == proved.reuse.not_after, "whatever policies say about reuse"
    session = world.sql.read_now(lambda tx: tx.select(Session, Query(equal={"user": world.alice.pk})))[0]
    assert proved.ends_with == (digest(world.token), endings.sid_of(session.pk))


def test_another_provider_takes_it_only_if_it_says_so(world: World) -> None:
    assert world.proved(world.proxy, world.token).reason == "foreign_token"
    assert world.proved(world.trusting(), world.token).reason == "accepted"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 100_000, None, 5])
def test_what_is_no_token(world: World, token: Any) -> None:
    assert world.proved(world.provider, token).reason in ("bad_token", "malformed_proof")


def _sign_out(world: World) -> None:
    world.sql.write_now(lambda tx: endings.end_all(tx, world.alice.pk))


ENDINGS: dict[str, Ending] = {
    "time": lambda world: world.clock.advance(3601),
    "disabled": lambda world: world.sql.write_now(lambda tx: users.update(tx, world.alice.pk, {"is_active": False})),
    "signed out": lambda world: _sign_out(world),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_token_ends(world: World, ending: str) -> None:
    ENDINGS[ending](world)
    assert world.proved(world.provider, world.token).reason == "bad_token"


# --- what outposts hear of it, that let somebody in by a token ------------------------------------------------------


def _revoke(world: World) -> None:
    client = world.sql.read_now(lambda tx: clients.find(tx, world.provider.client_id or ""))
    assert client is not None
    world.sql.write_now(lambda tx: grants.revoke(tx, client, world.token))


def _replay(world: World) -> None:
    """Of the code: everything that came from it is taken back."""
    assert world.exchange(world.code).status_code == 400


@pytest.mark.parametrize("ending", [_revoke, _replay, _sign_out])
def test_outposts_hear_of_the_end_of_a_token_that_a_proxy_took(world: World, ending: Ending) -> None:
    ends_with = world.proved(world.trusting(), world.token).ends_with
    assert world.ended() == []
    ending(world)
    (ended,) = world.ended()
    assert ended.pk in ends_with
    assert ended.expires == pytest.approx(world.clock.now() + 3600, abs=5)


@pytest.mark.parametrize("ending", [_revoke, _replay, _sign_out])
def test_but_not_of_one_that_no_proxy_took(world: World, ending: Ending) -> None:
    before = world.sql.read_now(lambda tx: tx.revision())
    assert world.proved(world.proxy, world.token).reason == "foreign_token"
    ending(world)
    assert world.ended() == []
    assert world.sql.read_now(lambda tx: tx.revision()) == before


def test_a_provider_that_is_not_there_cannot_be_trusted(world: World) -> None:
    with pytest.raises(Exception, match="does not exist"):
        world.sql.write_now(lambda tx: providers.update(tx, world.proxy.pk, {"jwt_federation_providers": [999]}))
