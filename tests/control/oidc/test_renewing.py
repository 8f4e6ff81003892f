"""Sessions in use at outposts, as control sees them: touched, told until when, ended by idleness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from control import endings, sessions
from control.oidc import proxied
from control.oidc.tokens import digest
from control.records import AccessToken, PropertyMapping, Session, User, UserConsent
from control.store.interface import Query, Transaction
from control.verbs import consents, providers
from control.verbs.property_mappings import API, API_SCOPE
from protocols.link.messages import BrowserSessionRecord, RenewSession, SessionRenewed, sign_in_of
from tests.control.oidc.relying import BASE
from tests.control.oidc.test_proxied import World

DAY = 24 * 3600.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    opened = World(tmp_path)
    yield opened
    opened.close()


def signed_in(world: World) -> BrowserSessionRecord:
    answer = world.redeem(world.question(world.code_for(world.signed_in())))
    assert answer.session is not None
    return answer.session


def renew(world: World, told: BrowserSessionRecord, until: float = 0.0, outpost: str | None = None) -> SessionRenewed:
    asked = RenewSession("q3", world.proxy.pk, told.sid, told.user, until, BASE, "192.0.2.9")
    signing_in = proxied.SignIns(world.services.store, world.clock, world.random)
    return world.runner.run(signing_in.renew(outpost or world.outpost, asked))


def session_of(world: World, told: BrowserSessionRecord) -> Session:
    every = world.sql.read_now(lambda tx: tx.select(Session, Query(equal={"user": told.user})))
    return next(one for one in every if endings.sid_of(one.pk) == told.sid)


def test_a_sign_in_says_until_when_and_for_how_long_at_most(world: World) -> None:
    told = signed_in(world)
    assert told.until == world.clock.now() + DAY
    assert told.expires == session_of(world, told).expires == world.clock.now() + 14 * DAY


def test_use_is_remembered_and_gets_a_token_for_who_has_none(world: World) -> None:
    told = signed_in(world)
    world.clock.advance(120)
    answer = renew(world, told)
    assert (answer.id, answer.reason) == ("q3", "accepted")
    assert answer.session is not None
    assert answer.session.until == world.clock.now() + DAY
    assert world.verified(answer.session.access_token)["aud"] == world.proxy.client_id
    assert session_of(world, told).last_used == world.clock.now()


def test_a_good_token_is_kept_and_renewed_in_its_second_half(world: World) -> None:
    told = signed_in(world)
    world.clock.advance(DAY / 4)
    early = renew(world, told, told.until).session
    assert early is not None
    assert (early.access_token, early.until) == ("", told.until)
    world.clock.advance(DAY / 2)
    late = renew(world, told, told.until).session
    assert late is not None
    assert late.access_token != told.access_token
    assert late.until == world.clock.now() + DAY


def test_use_keeps_it_alive_until_its_latest_end_and_idleness_ends_it(world: World) -> None:
    told = signed_in(world)
    for _ in range(6):
        world.clock.advance(2 * DAY)
        assert renew(world, told).reason == "accepted"
    world.clock.advance(2 * DAY)
    assert renew(world, told).reason == "session_over"
    other = signed_in(world)
    world.clock.advance(sessions.IDLE_SECONDS)
    assert renew(world, other).reason == "session_over"


def test_whom_nothing_lets_in_any_more_is_not_renewed(world: World) -> None:
    told = signed_in(world)
    assert renew(world, told, outpost=world.other).reason == "unknown_provider"
    assert renew(world, replace(told, sid="00" * 32)).reason == "session_over"
    assert renew(world, replace(told, user=told.user + 1)).reason == "session_over"
    world.sql.write_now(lambda tx: tx.update(replace(tx.get(User, told.user), is_active=False)))
    assert renew(world, told).reason == "session_over"


def test_ending_it_after_a_renewal_is_told_to_outposts(world: World) -> None:
    told = signed_in(world)
    world.clock.advance(2 * DAY)
    renewed = renew(world, told).session
    assert renewed is not None
    world.sql.write_now(lambda tx: endings.end(tx, session_of(world, told)))
    (ended,) = world.ended()
    assert (ended.pk, ended.expires) == (told.sid, renewed.until)
    assert not world.sql.read_now(lambda tx: tx.select(AccessToken, Query(equal={"user": told.user})))


def test_whoever_signed_in_elsewhere_gets_no_scope_that_has_to_be_asked_for(world: World) -> None:
    """What is bound to the domain has a token for the first application alone; the second one's is made here."""
    mapping = world.sql.read_now(lambda tx: tx.find(PropertyMapping, managed=API))
    assert mapping is not None
    allowed = {"property_mappings": [*world.proxy.property_mappings, mapping.pk]}
    world.proxy = world.sql.write_now(lambda tx: providers.update(tx, world.proxy.pk, allowed))
    told = signed_in(world)
    world.sql.write_now(lambda tx: tx.delete(tx.select(AccessToken)[0]))
    answer = renew(world, told)
    assert answer.reason == "accepted"
    (token,) = world.sql.read_now(lambda tx: tx.select(AccessToken))
    assert "profile" in token.granted["scopes"]
    assert not {API_SCOPE, "offline_access"} & set(token.granted["scopes"])


def take_back_consent(world: World, application: str) -> None:
    def verb(tx: Transaction) -> None:
        consents.remember(tx, world.alice.pk, application, ["openid"], None)
        consents.revoke(tx, tx.select(UserConsent)[0].pk)

    world.sql.write_now(verb)


def test_a_consent_taken_back_ends_the_sign_in_at_its_proxy_until_it_is_given_again(world: World) -> None:
    """The session goes on, and so do sign-ins of others, and at other applications."""
    person = world.signed_in()
    told = world.redeem(world.question(world.code_for(person))).session
    assert told is not None
    take_back_consent(world, world.application.pk)
    assert world.ended() == [], "that one is no proxy's"
    take_back_consent(world, world.proxied_application.pk)
    over = {(one.pk, one.expires) for one in world.ended()}
    sign_in, token = sign_in_of(told.sid, world.proxy.pk), digest(told.access_token)
    assert over == {(sign_in, told.expires), (token, told.until)}
    assert renew(world, told) == SessionRenewed("q3", "session_over")
    assert world.sql.read_now(lambda tx: tx.select(AccessToken)) == []
    assert session_of(world, told)
    again = world.redeem(world.question(world.code_for(person))).session
    assert again is not None
    assert again.sid == told.sid
    assert [one.pk for one in world.ended()] == [token]
    assert renew(world, again).reason == "accepted"
