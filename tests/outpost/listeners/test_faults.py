"""Nothing answers 2xx by exception: whoever is let in although something failed is let in as without the failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from outpost.browsers.sessions import ASK_SECONDS
from protocols.link.messages import AccessRule, PathRule, Reuse
from tests.faults import calls, failing
from tests.outpost.listeners.http_connections import get
from tests.outpost.listeners.proxied import Proxied
from tests.outpost.listeners.test_ext_authz import Envoy, framed
from tests.outpost.listeners.test_ext_authz import question as from_envoy
from tests.outpost.listeners.test_fastcgi import SAID as APACHE
from tests.outpost.listeners.test_fastcgi import Apache
from tests.outpost.listeners.test_forward_auth import PROXY, TARGET, Door, basic
from tests.outpost.listeners.test_session_policies import POLICY, Bound
from tests.outpost.listeners.test_sign_in import APP, DAY, Outpost, Visitor
from tests.protocols.proxy.test_fastcgi import question as from_apache

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""A fault in a generator that is being thrown away has nobody to be told to."""

PAGE = f"{APP}/page"
OPEN = (AccessRule("bypass", paths=(PathRule("prefix", "/page"),)),)
CLOSED = (AccessRule("deny", paths=(PathRule("prefix", "/page"),)),)


class Said(NamedTuple):
    """What came of a question."""

    let_in: bool
    octets: bytes


class Situation(NamedTuple):
    ask: Callable[[], object]
    said: Callable[[], Said]
    """Of the last one."""


Made = Callable[[], Situation]


def seen(
    outpost: Outpost | Door, *said: tuple[str, str], target: str = TARGET, host: str = "app.example.com"
) -> Situation:
    """A proxy's question on a connection of its own."""
    windows = [outpost.listener.connect(PROXY)]

    def ask() -> None:
        windows.append(outpost.listener.connect(PROXY))
        windows[-1].send(get(target, ("X-Original-URL", PAGE), *said, host=host))

    def answered() -> Said:
        octets = windows[-1].received
        return Said(octets.startswith(b"HTTP/1.1 2"), octets)

    return Situation(ask, answered)


def with_session(user: int = 1, changed: Callable[[Outpost], None] = lambda outpost: None, asks: int = 0) -> Made:
    """Somebody who has signed in; ``asks``: how often they have been let in before."""

    def made() -> Situation:
        outpost = Outpost()
        visitor = Visitor(outpost)
        visitor.sign_in(user=user)
        changed(outpost)
        situation = seen(outpost, *visitor._cookie("app.example.com").items())
        for _ in range(asks):
            situation.ask()
        return situation

    return made


def with_rules(*rules: AccessRule) -> Callable[[Outpost], None]:
    return lambda outpost: outpost.publish_provider(access_rules=rules)


def by_policy(reason: str) -> Made:
    def made() -> Situation:
        outpost = Bound(POLICY)
        outpost.says(reason, Reuse(30.0), strict=False)
        return seen(outpost, *outpost.visitor._cookie("app.example.com").items())

    return made


def with_password(password: str) -> Made:
    return lambda: seen(Door(), basic("alice", password))


def anonymous(changed: Callable[[Outpost], None] = lambda outpost: None) -> Made:
    def made() -> Situation:
        outpost = Outpost()
        changed(outpost)
        return seen(outpost)

    return made


def at_address(target: str, *said: tuple[str, str], user: int = 1) -> Made:
    """Another convention's."""

    def made() -> Situation:
        outpost = Outpost()
        visitor = Visitor(outpost)
        visitor.sign_in(user=user)
        return seen(outpost, *visitor._cookie("app.example.com").items(), *said, target=target)

    return made


def another_browser() -> Situation:
    """Comes back from control with what an attacker's sign-in got; let in is who gets a session's cookie."""
    outpost = Outpost()
    attacker = Visitor(outpost)
    came_back = attacker.answer_of_control(attacker.open(PAGE))
    target, host, said = Visitor(outpost)._question(came_back, "GET", {})
    windows = [outpost.listener.connect(PROXY)]

    def ask() -> None:
        outpost.link.codes["code-1"] = outpost.session()
        windows.append(outpost.listener.connect(PROXY))
        windows[-1].send(get(target, *said.items(), host=host))

    def answered() -> Said:
        octets = windows[-1].received
        return Said(b"authentik_proxy_" in octets or octets.startswith(b"HTTP/1.1 2"), octets)

    return Situation(ask, answered)


def apache(password: str) -> Made:
    def made() -> Situation:
        windows = [Apache()]
        told = {name.encode(): value.encode() for name, value in APACHE.items()}
        told[b"HTTP_AUTHORIZATION"] = basic("alice", password)[1].encode()

        def ask() -> None:
            windows.append(Apache(windows[0].door))
            windows[-1].connection.dataReceived(from_apache(told))

        def said() -> Said:
            octets = b"".join(windows[-1].wire.writes)
            return Said(b"Status: 2" in octets, octets)

        return Situation(ask, said)

    return made


def envoy(password: str) -> Made:
    def made() -> Situation:
        windows = [Envoy()]
        message = framed(from_envoy(basic("alice", password)))

        def ask() -> None:
            windows.append(Envoy(windows[0].door))
            windows[-1].call(message)

        def said() -> Said:
            answers = windows[-1].answers(1)
            return Said(bool(answers) and (answers[0].code, answers[0].status) == (0, 0), repr(answers).encode())

        return Situation(ask, said)

    return made


def through_us(user: int | None, **settings: str) -> Made:
    """Let in is whom the application hears of."""

    def made() -> Situation:
        proxied = Proxied(**settings)
        cookies = [("Cookie", proxied.cookie(user))] if user is not None else []
        asked = get("/page", *cookies, host="proxied.example.com")

        def said() -> Said:
            octets = b"".join(one.received for one in proxied.applications[-1:])
            return Said(bool(octets), octets)

        def ask() -> None:
            proxied.applications.clear()
            proxied.visit().send(asked)

        return Situation(ask, said)

    return made


CAROL = 2
GRPC = "Envoy over gRPC"
LET_IN: dict[str, Made] = {
    "a session": with_session(),
    "a session, seen before": with_session(asks=2),
    "a session that control is asked about": with_session(changed=lambda one: one.clock.advance(ASK_SECONDS)),
    "a session by policy": by_policy("accepted"),
    "a password": with_password("secret"),
    "an open path": anonymous(lambda one: one.publish_provider(skip_path_regex="^/page")),
    "an open path by rule": anonymous(with_rules(*OPEN)),
    "Authelia's address": at_address("/api/authz/auth-request", ("X-Original-Method", "GET")),
    "oauth2-proxy's address": at_address("/oauth2/auth", ("X-Forwarded-Uri", "/page")),
    "Envoy's address": at_address("/outpost.goauthentik.io/auth/envoy/page"),
    "Apache": apache("secret"),
    GRPC: envoy("secret"),
    "through us": through_us(1),
    "through us, an open path": through_us(None, skip_path_regex="^/page"),
}
KEPT_OUT: dict[str, Made] = {
    "nobody": anonymous(),
    "no binding": with_session(CAROL),
    "a policy": by_policy("policy_denied"),
    "a rule": with_session(changed=with_rules(*CLOSED)),
    "an old session": with_session(changed=lambda one: one.clock.advance(2 * DAY)),
    "a wrong password": with_password("wrong"),
    "another browser's sign-in": another_browser,
    "another group": at_address("/oauth2/auth?allowed_groups=none", ("X-Forwarded-Uri", "/page")),
    "Authelia's address": at_address("/api/authz/auth-request", ("X-Original-Method", "GET"), user=CAROL),
    "Apache": apache("wrong"),
    GRPC: envoy("wrong"),
    "through us": through_us(CAROL),
    "nobody, through us": through_us(None),
}


def sampled(situations: dict[str, Made]) -> list[Any]:
    """HTTP/2 takes thousands of calls."""
    return [pytest.param(name, marks=pytest.mark.full) if name == GRPC else name for name in situations]


@pytest.mark.parametrize("name", sampled(LET_IN))
def test_who_may_in_is_let_in_as_ever_or_not_at_all(name: str) -> None:
    """No answer lets somebody in without the headers that say who it is."""
    made = LET_IN[name]
    situation = made()
    number = calls(situation.ask)
    right = situation.said()
    assert right.let_in
    denied = 0
    for at in range(number):
        situation = made()
        failing(situation.ask, at)
        said = situation.said()
        denied += not said.let_in
        assert not said.let_in or said == right, at
        situation.ask()
        assert situation.said().let_in, f"{at}: the next one is let in"
    assert denied > number / 2


@pytest.mark.parametrize("name", sampled(KEPT_OUT))
def test_a_fault_at_any_call_lets_nobody_in(name: str) -> None:
    made = KEPT_OUT[name]
    situation = made()
    number = calls(situation.ask)
    assert not situation.said().let_in
    assert number > 50
    for at in range(number):
        situation = made()
        failing(situation.ask, at)
        assert not situation.said().let_in, at
        situation.ask()
        assert not situation.said().let_in, f"{at}: the next one is not let in either"
