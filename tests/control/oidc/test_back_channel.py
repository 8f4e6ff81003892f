"""Applications hear that a session is over, whoever ended it and however, until they have understood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from joserfc import jws

from control import sessions
from control.oidc.back_channel import EVENT, BackChannel
from control.records import LogoutNotice, Session, SessionClient
from control.redelivery import GIVEN_UP
from control.verbs import providers, users
from tests.control.oidc.relying import ISSUER, Person, Relying
from tests.control.web.browsing import SIGN_OUT, USER

LOGOUT = "https://grafana.example.com/logout"
Ending = Callable[["World", "Person"], object]


class World(Relying):
    """grafana wants to hear of endings; ``understands`` says whether it does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, logout_uri=LOGOUT)
        self.understands = True
        self.posted: list[tuple[str, str]] = []
        self.back_channel = BackChannel(self.services.store, self.random, self.post)
        self.alice = self.user("alice")

    async def post(self, url: str, form: bytes) -> bool:
        ((name, (token,)),) = parse_qs(form.decode()).items()
        assert name == "logout_token"
        self.posted.append((url, token))
        return self.understands

    def look(self) -> list[tuple[str, str]]:
        """What was sent by one look."""
        self.posted.clear()
        self.runner.run(self.back_channel.queue.look())
        return list(self.posted)

    def signed_in(self) -> tuple[Person, str]:
        """A person whom grafana has signed in, and their ``sid`` there."""
        person = self.person()
        person.sign_in("alice")
        token: str = self.exchange(person.code()).json()["id_token"]
        return person, self.verified(token)["sid"]

    def notices(self) -> list[LogoutNotice]:
        return self.sql.read_now(lambda tx: tx.select(LogoutNotice))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.close()


def _sign_out(world: World, person: Person) -> None:
    page = person.get(USER)
    assert page.status_code == 200
    person.submit(to=SIGN_OUT)


def _by_administrator(world: World, person: Person) -> None:
    (session,) = [one for one in world.sql.read_now(lambda tx: tx.select(Session)) if one.user == world.alice.pk]
    world.sql.write_now(lambda tx: sessions.revoke(tx, session.pk))


ENDINGS: dict[str, Ending] = {
    "signing out": _sign_out,
    "by an administrator": _by_administrator,
    "disabled": lambda world, _: world.change(world.alice.pk, is_active=False),
    "another password": lambda world, _: world.sql.write_now(lambda tx: users.set_password(tx, world.alice.pk, "x")),
    "deleted": lambda world, _: world.sql.write_now(lambda tx: users.delete(tx, world.alice.pk)),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_told_once(world: World, ending: str) -> None:
    person, sid = world.signed_in()
    assert world.look() == []
    world.clock.advance(1)
    ENDINGS[ending](world, person)
    ((url, token),) = world.look()
    assert url == LOGOUT
    told = world.verified(token)
    assert (told["iss"], told["aud"], told["sid"]) == (ISSUER, world.client_id, sid)
    assert told["events"] == {EVENT: {}}
    assert "nonce" not in told
    assert 0 < told["exp"] - told["iat"] <= 120
    assert told["iat"] == int(world.clock.now())
    assert len(told["jti"]) > 20
    assert jws.extract_compact(token.encode()).headers()["typ"] == "logout+jwt"
    world.clock.advance(3600)
    assert world.look() == []
    assert world.notices() == []


def test_the_subject_is_that_of_the_id_token(world: World) -> None:
    person = world.person()
    person.sign_in("alice")
    subject = world.verified(world.exchange(person.code()).json()["id_token"])["sub"]
    _sign_out(world, person)
    ((_, token),) = world.look()
    assert world.verified(token)["sub"] == subject


def test_who_does_not_understand_is_told_again_ever_later(world: World) -> None:
    person, _ = world.signed_in()
    world.understands = False
    _sign_out(world, person)
    for seconds in (1, 2, 4, 8):
        assert len(world.look()) == 1
        world.clock.advance(seconds - 0.5)
        assert world.look() == [], "not before its time"
        world.clock.advance(0.5)
    world.understands = True
    assert len(world.look()) == 1
    assert world.notices() == []


def test_after_a_day_the_operator_hears_instead(world: World) -> None:
    person, _ = world.signed_in()
    world.understands = False
    _sign_out(world, person)
    world.look()
    world.clock.advance(GIVEN_UP + 1)
    assert world.look() == []
    assert world.notices() == []
    (event,) = world.oidc_events("configuration_error")
    assert "did not understand" in event.context["message"]


def test_who_does_not_want_to_hear_is_not_remembered(world: World) -> None:
    world.set_provider(logout_uri="")
    person, _ = world.signed_in()
    assert world.sql.read_now(lambda tx: tx.select(SessionClient)) == []
    _sign_out(world, person)
    assert world.look() == []


def test_a_provider_that_is_gone_is_told_nothing(world: World) -> None:
    person, _ = world.signed_in()
    _sign_out(world, person)
    world.sql.write_now(lambda tx: providers.delete(tx, world.provider.pk))
    assert world.look() == []
    assert world.notices() == []


def test_two_processes_send_it_once(world: World) -> None:
    person, _ = world.signed_in()
    _sign_out(world, person)
    other = BackChannel(world.services.store, world.random, world.post)

    async def both() -> None:
        await asyncio.gather(world.back_channel.queue.look(), other.queue.look())

    world.posted.clear()
    world.runner.run(both())
    assert len(world.posted) == 1


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "grafana", "https://", "https://a/#b", "ftp://a/"])
def test_only_what_can_be_posted_to(world: World, uri: str) -> None:
    with pytest.raises(Exception, match=r"logout_uri|absolute URL"):
        world.set_provider(logout_uri=uri)
