"""A sign-in goes on while it is used: control is asked now and then, at any outpost, after any restart."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from outpost.authentication import LinkAway
from protocols.link.messages import BrowserSessionRecord, EndedSessionRecord, Put, RenewSession
from tests.fakes import FakeClock
from tests.outpost.listeners.test_sign_in import APP, PROXY, Outpost, Visitor

HOUR = 3600.0
SID = "ab" * 32


@pytest.fixture
def outpost() -> Outpost:
    return Outpost()


def signed_in(outpost: Outpost, **session: Any) -> Visitor:
    """For a fortnight, an hour at a time."""
    visitor = Visitor(outpost)
    now = outpost.clock.now()
    visitor.sign_in(**{"until": now + HOUR, "expires": now + 14 * 24 * HOUR, **session})
    return visitor


def renewal(outpost: Outpost, token: str = "jwt-2", **fields: Any) -> BrowserSessionRecord:
    now = outpost.clock.now()
    return outpost.session(access_token=token, until=now + HOUR, expires=now + 13 * 24 * HOUR, **fields)


def jwt(visitor: Visitor) -> str | None:
    answer = visitor.open(f"{APP}/page")
    return answer.headers["X-Authentik-Jwt"] if answer.status == 200 else None


def test_control_is_asked_every_few_minutes_and_not_for_each_request(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.link.renewed = outpost.session(access_token="", until=outpost.clock.now() + HOUR)
    for _ in range(10):
        assert jwt(visitor) == "jwt"
        outpost.clock.advance(29)
    assert not outpost.link.renewals
    outpost.clock.advance(10)
    assert jwt(visitor) == jwt(visitor) == "jwt"
    (asked,) = outpost.link.renewals
    assert (asked.provider, asked.sid, asked.user) == (7, SID, 1)


def test_whoever_uses_it_is_never_sent_away_and_whoever_does_not_is(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    for number in range(20):
        outpost.clock.advance(HOUR * 0.9)
        outpost.link.renewed = renewal(outpost, f"jwt-{number}")
        assert jwt(visitor) == f"jwt-{number}"
    outpost.clock.advance(2 * HOUR)
    outpost.link.renewed = "session_over"
    assert visitor.open(f"{APP}/page").status == 302
    assert visitor.open(f"{APP}/page").status == 302


def test_no_use_lasts_longer_than_the_session(outpost: Outpost) -> None:
    visitor = signed_in(outpost, expires=outpost.clock.now() + 2 * HOUR)
    outpost.clock.advance(HOUR)
    outpost.link.renewed = renewal(outpost)
    assert jwt(visitor) == "jwt-2"
    outpost.clock.advance(HOUR)
    assert visitor.open(f"{APP}/page").status == 302


def test_another_outpost_and_a_restart_lose_nobody_nor_their_token(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    other = Outpost(FakeClock(outpost.clock.now()))
    other.link.renewed = renewal(other, "jwt-3")
    visitor.outpost = other
    assert jwt(visitor) == "jwt-3"
    (asked,) = other.link.renewals
    assert asked.until == 0
    other.clock.advance(HOUR / 2)
    other.link.away = True
    assert jwt(visitor) == "jwt-3"


def test_while_control_is_away_its_last_word_holds_and_no_longer(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.link.away = True
    outpost.clock.advance(HOUR - 1)
    assert jwt(visitor) == jwt(visitor) == "jwt"
    assert len(outpost.link.renewals) == 1
    outpost.clock.advance(1)
    assert visitor.open(f"{APP}/page").status == 302
    outpost.clock.advance(10)
    outpost.link.away = False
    outpost.link.renewed = renewal(outpost)
    assert jwt(visitor) == "jwt-2"


def test_many_who_wait_at_once_ask_one_time(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.clock.advance(HOUR / 2)
    answering: list[Deferred[Any]] = []

    def thinking(question: RenewSession) -> Deferred[Any]:
        answering.append(Deferred() if not answering else fail(LinkAway("control is away")))
        return answering[-1]

    outpost.link.renew = thinking  # type: ignore[assignment,method-assign]
    pending = [visitor.begin(f"{APP}/{number}") for number in range(3)]
    answering[0].errback(LinkAway("control is away"))
    assert [one().status for one in pending] == [200] * 3
    assert len(answering) == 1, "nor again, while it is away"


def test_a_session_that_is_held_twice_is_asked_about_once(outpost: Outpost) -> None:
    """A stream holds what it came with; the cookie may have been opened again since."""
    visitor, route = signed_in(outpost), outpost.route
    site = route.table.find("app.example.com")
    assert site is not None
    realm = route.table.realm(site)
    assert realm is not None
    cookie = visitor.cookies["app.example.com"][realm.jar.session.decode()].encode()
    held = [route._sessions.find(realm, site.provider, [cookie]) for _ in range(2)]
    assert held[0] is not held[1]
    outpost.clock.advance(HOUR / 2)
    outpost.link.renewed = renewal(outpost)
    for known in held:
        assert known is not None
        assert route._renewals.is_due(known)
        Deferred.fromCoroutine(route._renewals.ask(known, PROXY))
        assert not route._renewals.is_due(known)
        assert known.until == outpost.clock.now() + HOUR
    assert len(outpost.link.renewals) == 1


def test_what_ended_elsewhere_is_not_renewed(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.clock.advance(HOUR)
    outpost.link.renewed = renewal(outpost)
    outpost.change(Put(EndedSessionRecord(SID, outpost.clock.now() + HOUR)))
    assert visitor.open(f"{APP}/page").status == 302
    assert not outpost.link.renewals


def test_what_control_has_refused_is_not_asked_about_for_each_request(outpost: Outpost) -> None:
    """Also of a session that no request has come with before."""
    visitor = signed_in(outpost)
    other = Outpost(FakeClock(outpost.clock.now()))
    other.link.renewed = "session_over"
    visitor.outpost = other
    assert [visitor.open(f"{APP}/page").status for _ in range(3)] == [302] * 3
    assert len(other.link.renewals) == 1


def test_a_fault_while_asking_lets_nobody_in(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.clock.advance(HOUR)
    outpost.link.fails = RuntimeError("injected")
    assert visitor.open(f"{APP}/page").status >= 500
    outpost.link.fails = None
    outpost.link.renewed = renewal(outpost)
    assert jwt(visitor) == "jwt-2"


def test_a_rotated_secret_signs_nobody_out_and_the_one_after_does(outpost: Outpost) -> None:
    visitor = signed_in(outpost)
    outpost.link.renewed = renewal(outpost)
    outpost.publish_provider(cookie_secret="second", cookie_secret_previous="secret of 7, and of nobody else")
    assert visitor.open(f"{APP}/page").status == 200
    outpost.publish_provider(cookie_secret="third", cookie_secret_previous="second")
    assert visitor.open(f"{APP}/page").status == 302


def test_a_few_sessions_more_than_are_remembered_make_a_few_questions_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the oldest made room, each request of each of them would wait for control."""
    for name in ("MOST_KNOWN", "MOST_TOKENS"):
        monkeypatch.setattr(f"outpost.browsers.sessions.{name}", 50)
    outpost = Outpost()
    visitors = [signed_in(outpost, sid=f"{number:064x}") for number in range(55)]
    outpost.link.renewed = renewal(outpost)
    for _ in range(10):
        for visitor in visitors:
            assert jwt(visitor) is not None
    assert 0 < len(outpost.link.renewals) < 10 * 55 / 3
