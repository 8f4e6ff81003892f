"""Sign-ins through proxies at control: the outpost's code, the session it is told, and what it hears of its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from control import endings
from control.oidc import proxied
from control.oidc.tokens import digest
from control.outposts import view as outposts
from control.records import EndedSession, Event, Outpost, PropertyMapping, Provider, Session, User
from control.store.interface import Query, Transaction
from control.verbs import users
from control.verbs.property_mappings import PROXY
from protocols.link.messages import CodeRedeemed, EndedSessionRecord, EndSession, Put, RedeemCode, Remove
from protocols.proxy.login_state import LoginState
from tests.control.oidc.relying import AUTHORIZE, BASE, Person, Relying
from tests.control.web.browsing import SIGN_OUT, USER

APP = "https://app.example.com"
REDIRECT = f"{APP}/outpost.goauthentik.io/callback?X-authentik-auth-callback=true"
LOGIN = LoginState(b"b" * 16, b"s" * 32, 1, 0.0, 0, APP)


class World(Relying):
    """The application `app` behind a proxy provider, which the outpost `o` serves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.proxy = self.add_provider("proxied", "proxy", external_host=APP, mode="forward_single")
        self.proxied_application = self.add_application("app", self.proxy)
        served = (self.proxy.pk, self.provider.pk)
        self.outpost = self.sql.write_now(lambda tx: tx.insert(Outpost("o", "any", providers=served))).pk
        self.other = self.sql.write_now(lambda tx: tx.insert(Outpost("p", "any"))).pk
        self.alice = self.user("alice")

    def signed_in(self) -> Person:
        person = self.person()
        person.sign_in("alice")
        return person

    def code_for(self, person: Person, **changed: str) -> str:
        asked = {
            "client_id": self.proxy.client_id or "",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid email profile",
            "state": "sealed",
            "nonce": LOGIN.nonce,
            "code_challenge": LOGIN.challenge,
            "code_challenge_method": "S256",
            **changed,
        }
        location = person.get(f"{AUTHORIZE}?{urlencode(asked)}").headers["location"]
        assert location.startswith(f"{REDIRECT}&"), location
        return parse_qs(urlsplit(location).query)["code"][0]

    def question(self, code: str) -> RedeemCode:
        return RedeemCode(
            "q1", self.proxy.pk, code, REDIRECT, LOGIN.verifier, LOGIN.nonce, BASE, "192.0.2.9", "Browser"
        )

    def redeem(self, question: RedeemCode, outpost: str | None = None) -> CodeRedeemed:
        signing_in = proxied.SignIns(self.services.store, self.clock, self.random)
        return self.runner.run(signing_in.redeem(outpost or self.outpost, question))

    def end(self, sid: str, outpost: str | None = None, provider: int = 0) -> None:
        question = EndSession("q2", provider or self.proxy.pk, sid, self.alice.pk, "192.0.2.9")
        signing_in = proxied.SignIns(self.services.store, self.clock, self.random)
        self.runner.run(signing_in.end(outpost or self.outpost, question))

    def ended(self) -> list[EndedSession]:
        return self.sql.read_now(lambda tx: tx.select(EndedSession))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def session_of(world: World, answer: CodeRedeemed) -> Session:
    assert answer.session is not None, answer
    sid = answer.session.sid
    every = world.sql.read_now(lambda tx: tx.select(Session))
    (found,) = [session for session in every if endings.sid_of(session.pk) == sid]
    return found


def test_a_code_tells_who_has_signed_in(world: World) -> None:
    answer = world.redeem(world.question(world.code_for(world.signed_in())))
    session = session_of(world, answer)
    assert (answer.id, answer.reason) == ("q1", "accepted")
    assert answer.session is not None
    assert (answer.session.user, answer.session.signed_in) == (world.alice.pk, session.created)
    assert answer.session.until == world.clock.now() + 24 * 3600
    key_set = world.call("GET", "/application/o/app/jwks/").json()
    assert key_set["keys"]
    claims = world.verified(answer.session.access_token)
    assert (claims["aud"], claims["iss"]) == (world.proxy.client_id, f"{BASE}/application/o/app/")
    assert claims["preferred_username"] == "alice"


@pytest.mark.parametrize("own", [False, True])
def test_its_token_has_no_password_for_another_application(world: World, own: bool) -> None:
    """authentik's mapping for proxies copies all attributes, and the outpost hands the token to the application."""

    def verb(tx: Transaction) -> None:
        basic = {"basic_auth_enabled": True, "basic_auth_password_attribute": "App/Password"}
        tx.insert(Provider("wiki", "proxy", settings=basic))
        tx.update(replace(tx.get(User, world.alice.pk), attributes={"app-password": "alice@app", "floor": 3}))
        (mapping,) = tx.select(PropertyMapping, Query(equal={"managed": PROXY}))
        proxy = tx.get(Provider, world.proxy.pk)
        settings = {**proxy.settings, **(basic if own else {})}
        tx.update(replace(proxy, settings=settings, property_mappings=(*proxy.property_mappings, mapping.pk)))

    world.sql.write_now(verb)
    answer = world.redeem(world.question(world.code_for(world.signed_in(), scope="openid ak_proxy")))
    assert answer.session is not None
    told = world.verified(answer.session.access_token)["ak_proxy"]["user_attributes"]
    assert told == {"floor": 3, **({"app-password": "alice@app"} if own else {})}


def test_a_sign_in_lasts_no_longer_than_controls_session(world: World) -> None:
    person = world.signed_in()
    world.sql.write_now(
        lambda tx: [
            tx.update(replace(session, expires=world.clock.now() + 60))
            for session in tx.select(Session)
            if session.user == world.alice.pk
        ]
    )
    answer = world.redeem(world.question(world.code_for(person)))
    assert answer.session is not None
    assert answer.session.expires == world.clock.now() + 60


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "another"},
        {"verifier": "v" * 43},
        {"redirect_uri": f"{APP}/?X-authentik-auth-callback=true"},
        {"code": "unknown"},
    ],
)
def test_only_for_this_very_sign_in(world: World, change: dict[str, str]) -> None:
    question = world.question(world.code_for(world.signed_in()))
    assert world.redeem(replace(question, **change)) == CodeRedeemed("q1", "stale_code")  # type: ignore[arg-type]


def test_a_code_is_redeemed_once(world: World) -> None:
    question = world.question(world.code_for(world.signed_in()))
    assert world.redeem(question).reason == "accepted"
    assert world.redeem(question).reason == "stale_code"


def test_an_outpost_redeems_for_its_proxy_providers_alone(world: World) -> None:
    question = world.question(world.code_for(world.signed_in()))
    assert world.redeem(question, world.other).reason == "unknown_provider"
    assert world.redeem(question, "nobody").reason == "unknown_provider"
    assert world.redeem(replace(question, provider=world.provider.pk)).reason == "unknown_provider", "it is no proxy"
    assert world.redeem(question).reason == "accepted"


def test_the_code_of_another_provider_is_none(world: World) -> None:
    person = world.signed_in()
    code = person.code(nonce=LOGIN.nonce, code_challenge=LOGIN.challenge, code_challenge_method="S256")
    assert world.redeem(world.question(code)).reason == "stale_code"


def test_any_exception_denies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    question = world.question(world.code_for(world.signed_in()))

    def broken(*_: object) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr(proxied, "redeemed", broken)
    assert world.redeem(question) == CodeRedeemed("q1", "internal_error")


def test_signing_out_at_the_application_ends_the_session_at_control(world: World) -> None:
    person = world.signed_in()
    answer = world.redeem(world.question(world.code_for(person)))
    assert answer.session is not None
    world.end("00" * 32)
    world.end(answer.session.sid, world.other)
    world.end(answer.session.sid, provider=world.provider.pk)
    assert world.ended() == []
    world.end(answer.session.sid)
    (ended,) = world.ended()
    assert (ended.pk, ended.expires) == (answer.session.sid, answer.session.until)
    assert person.get("/if/user/").is_redirect
    assert len(world.events("logout")) == 1
    world.end(answer.session.sid)


def test_outposts_hear_of_every_end(world: World) -> None:
    """By signing out at control; and once only, without an event of its own."""
    person = world.signed_in()
    answer = world.redeem(world.question(world.code_for(person)))
    before = world.sql.read_now(lambda tx: tx.revision()).number
    count = len(world.sql.read_now(lambda tx: tx.select(Event)))
    person.get(USER)
    person.submit(to=SIGN_OUT)
    assert person.get(USER).is_redirect
    assert len(world.ended()) == 1
    assert answer.session is not None
    told = EndedSessionRecord(answer.session.sid, answer.session.until)
    assert world.sql.read_now(lambda tx: outposts.changes(tx, world.outpost, before)) == [Put(told)]
    assert told in world.sql.read_now(lambda tx: outposts.snapshot(tx, world.outpost))
    assert len(world.sql.read_now(lambda tx: tx.select(Event))) == count + 1


def test_outposts_hear_of_the_end_of_a_session_whose_code_came_twice(world: World) -> None:
    """As a reload brings it: the tokens are taken back, but what the outpost gave the browser is still there."""
    person = world.signed_in()
    question = world.question(world.code_for(person))
    answer = world.redeem(question)
    session = session_of(world, answer)
    assert answer.session is not None
    token = digest(answer.session.access_token), answer.session.until
    assert world.redeem(question).reason != "accepted"
    assert [(ended.pk, ended.expires) for ended in world.ended()] == [token], "somebody may have come in with it"
    person.get(USER)
    person.submit(to=SIGN_OUT)
    told = {(ended.pk, ended.expires) for ended in world.ended()}
    assert told == {token, (endings.sid_of(session.pk), session.expires)}


def test_a_session_that_opened_no_proxied_application_makes_no_revision(world: World) -> None:
    person = world.signed_in()
    world.exchange(person.code())
    before = world.sql.read_now(lambda tx: tx.revision())
    person.get(USER)
    person.submit(to=SIGN_OUT)
    assert person.get(USER).is_redirect
    assert world.ended() == []
    assert world.sql.read_now(lambda tx: tx.revision()) == before


def test_what_ended_long_ago_is_forgotten(world: World) -> None:
    for _ in range(2):
        person = world.signed_in()
        answer = world.redeem(world.question(world.code_for(person)))
        before = world.sql.read_now(lambda tx: tx.revision()).number
        gone = [ended.pk for ended in world.ended()]
        assert answer.session is not None
        world.end(answer.session.sid)
        newest = answer.session.sid
        world.clock.advance(25 * 3600)
    assert [ended.pk for ended in world.ended()] == [newest]
    changes = world.sql.read_now(lambda tx: outposts.changes(tx, world.outpost, before))
    assert [change for change in changes if isinstance(change, Remove)] == [Remove("ended_session", gone[0])]


def test_a_new_password_leaves_nothing_to_redeem(world: World) -> None:
    question = world.question(world.code_for(world.signed_in()))
    world.clock.advance(1)
    world.sql.write_now(lambda tx: users.set_password(tx, world.alice.pk, "hash"))
    assert world.redeem(question).reason == "stale_code"
