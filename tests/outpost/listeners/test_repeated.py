"""Answers given again: only while whatever they stand on holds, and never where the target has a say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.browsers.sessions import ASK_SECONDS
from outpost.kept.credential_cache import CredentialCache
from outpost.listeners.forward_auth import PREFIXES
from outpost.listeners.repeated import MOST_ANSWERS
from outpost.outcome import Decision, Password
from protocols.link.messages import (
    AccessRule,
    Authenticate,
    Authenticated,
    BindingRecord,
    EndedSessionRecord,
    Members,
    OutpostRecord,
    PathRule,
    Put,
    RenewSession,
    Reuse,
    SessionRenewed,
)
from protocols.proxy.redirects import SIGN_OUT
from tests.fakes import an_identity
from tests.outpost.listeners.forward_auth_door import forward_auth, provider
from tests.outpost.listeners.http_connections import Answer, Listener, get
from tests.outpost.listeners.proxied import Proxied
from tests.outpost.listeners.test_forward_auth import PROXY, basic
from tests.outpost.listeners.test_sign_in import ALICE, APP, CONTROL, DAY, FOR_STAFF, Outpost, Visitor, _bound

ADMIN_IS_CLOSED = (AccessRule("deny", paths=(PathRule("prefix", "/admin"),)),)
NGINX = "/outpost.goauthentik.io/auth/nginx"


class Remembering(Outpost):
    """Knows alice's password, and counts the questions that are read and decided about."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = CredentialCache(b"k" * 32, self.directory, self.clock)
        authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault, self.cache)
        self.route = forward_auth(self.link, self.directory, authentication, self.telemetry, self.clock)
        self.listener = Listener(
            [(prefix, self) for prefix in PREFIXES], telemetry=self.telemetry, repeated=self.route.repeated.answer
        )
        self.read = 0
        self.learn()

    body_limit = 0

    def open(self, exchange: Any) -> None:
        self.read += 1
        self.route.open(exchange)

    def learn(self, password: str = "secret", reuse: float = 600.0) -> None:
        accepted = Decision("accepted", an_identity("alice", name="Alice", email="alice@example.com"))
        self.cache.learn(Password("alice", password), 7, PROXY, accepted, Reuse(reuse), self.directory.current.revision)

    def ask(self, target: str, *headers: tuple[str, str]) -> Answer:
        """As nginx asks, with alice's password unless other headers are given."""
        headers = headers or (basic("alice", "secret"),)
        return self.listener.connect(PROXY).ask(get(NGINX, ("X-Original-URL", APP + target), *headers))


@pytest.fixture
def outpost() -> Remembering:
    return Remembering()


@pytest.fixture
def signed_in(outpost: Remembering) -> Visitor:
    visitor = Visitor(outpost)
    visitor.sign_in()
    return visitor


def test_other_targets_of_one_session_get_the_same_answer(outpost: Remembering, signed_in: Visitor) -> None:
    first, read = signed_in.open(f"{APP}/page"), outpost.read
    counted = outpost.telemetry.decisions["proxy", "accepted"]
    assert [signed_in.open(f"{APP}{path}") for path in ("/", "/a.js?b=c", "/page")] == [first] * 3
    assert first.headers["X-Authentik-Username"] == "alice"
    assert outpost.read == read
    assert outpost.telemetry.decisions["proxy", "accepted"] == counted + 3


def _sign_out(visitor: Visitor) -> None:
    cookies = {host: dict(jar) for host, jar in visitor.cookies.items()}
    visitor.open(f"{APP}{SIGN_OUT}")
    visitor.cookies = cookies


def _disable(visitor: Visitor) -> None:
    visitor.outpost.change(Put(replace(ALICE, is_active=False)))


def _end_at_control(visitor: Visitor) -> None:
    visitor.outpost.change(Put(replace(ALICE, sessions_not_before=visitor.outpost.clock.now() + 1)))


def _wait(visitor: Visitor) -> None:
    visitor.outpost.clock.advance(DAY + 1)


@pytest.mark.parametrize("end", [_sign_out, _disable, _end_at_control, _wait])
def test_an_ended_session_is_not_answered_for(signed_in: Visitor, end: Callable[[Visitor], None]) -> None:
    assert [signed_in.open(f"{APP}/{n}").status for n in range(3)] == [200] * 3
    end(signed_in)
    assert signed_in.open(f"{APP}/3").status == 302


def test_whose_account_ends_is_out_at_that_moment(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.change(Put(replace(ALICE, valid_until=outpost.clock.now() + 60)))
    assert [signed_in.open(f"{APP}/{n}").status for n in range(2)] == [200] * 2
    assert [outpost.ask(f"/{n}").status for n in range(2)] == [200] * 2
    outpost.clock.advance(60)
    assert signed_in.open(f"{APP}/3").status == 302
    assert outpost.ask("/3").status == 401


def test_whose_cookie_made_room_is_signed_out_all_the_same(outpost: Remembering, signed_in: Visitor) -> None:
    """A session that ends here is marked where it is kept opened; an answer may be kept for longer."""
    assert signed_in.open(f"{APP}/1").status == 200
    outpost.route._sessions._known.clear()
    _sign_out(signed_in)
    assert signed_in.open(f"{APP}/2").status == 302


def test_what_the_directory_says_now_is_told(outpost: Remembering, signed_in: Visitor) -> None:
    assert signed_in.open(f"{APP}/1").headers["X-Authentik-Name"] == "Alice"
    outpost.change(Put(replace(ALICE, name="Another")))
    assert signed_in.open(f"{APP}/2").headers["X-Authentik-Name"] == "Another"


def test_the_token_that_control_gave_last_is_told(outpost: Remembering, signed_in: Visitor) -> None:
    """Also to a question that differs in more than its target, and that nobody has asked since."""
    assert [signed_in.open(f"{APP}/1", Accept=kind).headers["X-Authentik-Jwt"] for kind in ("a", "b")] == ["jwt"] * 2
    outpost.clock.advance(ASK_SECONDS)
    outpost.link.renewed = outpost.session(access_token="jwt-2", until=outpost.clock.now() + DAY)
    assert [signed_in.open(f"{APP}/2", Accept=kind).headers["X-Authentik-Jwt"] for kind in ("a", "b")] == ["jwt-2"] * 2


# --- others who ask the same -----------------------------------------------------------------------------------------


def _carol(outpost: Remembering, **session: Any) -> Visitor:
    """Signed in, and a member of nothing that would let her in."""
    visitor = Visitor(outpost)
    bounced = visitor.open(f"{APP}/page")
    outpost.link.codes["code-1"] = outpost.session(**{"user": 2, "sid": "cd" * 32, **session})
    visitor.open(visitor.answer_of_control(bounced))
    return visitor


def test_another_session_is_answered_as_its_own(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.change(Members("g-staff", added=(2,)))
    carol, who = _carol(outpost, access_token="hers"), []
    assert signed_in.open(f"{APP}/1").status == 200
    read = outpost.read
    for visitor in (carol, signed_in, carol):
        told = visitor.open(f"{APP}/2").headers
        who.append((told["X-Authentik-Username"], told["X-Authentik-Email"], told["X-Authentik-Jwt"]))
    carols = ("carol", "carol@example.com", "hers")
    assert who == [carols, ("alice", "alice@example.com", "jwt"), carols]
    assert outpost.read == read


def test_a_cookie_that_was_never_seen_is_opened_and_decided_about(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.change(Members("g-staff", added=(2,)))
    carol = _carol(outpost)
    assert signed_in.open(f"{APP}/1").status == 200
    outpost.route._sessions._known.clear()
    read = outpost.read
    assert carol.open(f"{APP}/1").headers["X-Authentik-Username"] == "carol"
    assert outpost.read == read
    outpost.route._sessions._known.clear()
    outpost.change(Put(EndedSessionRecord("cd" * 32, outpost.clock.now() + DAY)))
    assert [visitor.open(f"{APP}/1").status for visitor in (signed_in, carol, signed_in)] == [200, 302, 200]


def test_whom_the_application_does_not_let_in_stays_out(outpost: Remembering, signed_in: Visitor) -> None:
    carol = _carol(outpost)
    assert [visitor.open(f"{APP}/1").status for visitor in (signed_in, carol, signed_in, carol)] == [200, 403, 200, 403]


def test_whom_a_policy_may_refuse_is_asked_about(outpost: Remembering, signed_in: Visitor) -> None:
    policy = BindingRecord("p", 1, policy="weekdays")
    carol = _carol(outpost)
    outpost.change(Put(replace(provider(7, APP), bindings=(*FOR_STAFF, policy))))
    assert [visitor.open(f"{APP}/1").status for visitor in (signed_in, carol, signed_in, carol)] == [200, 403, 200, 403]
    assert {question.user for question in outpost.link.access_asked} == {2}


def test_who_has_no_session_or_a_forged_one_is_sent_to_sign_in(outpost: Remembering, signed_in: Visitor) -> None:
    assert signed_in.open(f"{APP}/1").status == 200
    ((name, value),) = [item for item in signed_in.cookies["app.example.com"].items() if "_proxy_" in item[0]]
    forged = ["", f"{name}=", f"{name}={value[:-2]}AA", f"x{name}={value}", f"{name}={value}x", f"a={name}={value}"]
    for cookie in forged:
        assert Visitor(outpost).open(f"{APP}/1", Cookie=cookie).status == 302, cookie
    assert Visitor(outpost).open(f"{APP}/1", Cookie=f"{forged[2]}; {name}={value}").status == 200


def test_other_cookies_have_no_say(outpost: Remembering, signed_in: Visitor) -> None:
    ((name, value),) = [item for item in signed_in.cookies["app.example.com"].items() if "_proxy_" in item[0]]
    first = signed_in.open(f"{APP}/1", Cookie=f"a=b; {name}={value}")
    read = outpost.read
    for cookie in (f"{name}={value}", f"a=c; {name}={value}; d=e", f"a=c;{name}={value}", f"{name} = {value} ;a"):
        assert signed_in.open(f"{APP}/1", Cookie=cookie) == first
    assert outpost.read == read


def test_a_session_counts_before_credentials(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.learn()
    assert [outpost.ask("/1", basic("alice", "secret"), ("Cookie", "a=b")).status for _ in range(2)] == [200] * 2
    ((name, value),) = [item for item in signed_in.cookies["app.example.com"].items() if "_proxy_" in item[0]]
    told = outpost.ask("/1", basic("alice", "secret"), ("Cookie", f"{name}={value}"))
    assert told.headers["X-Authentik-Jwt"] == "jwt"
    assert outpost.ask("/1", basic("alice", "secret"), ("Cookie", "a=b")).headers["X-Authentik-Jwt"] == ""


def test_the_proxys_own_restriction_is_asked_of_each(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.change(Members("g-staff", added=(2,)))
    said = {}
    for name, visitor in (("alice", signed_in), ("carol", _carol(outpost))):
        ((cookie, value),) = [item for item in visitor.cookies["app.example.com"].items() if "_proxy_" in item[0]]
        said[name] = ("Cookie", f"{cookie}={value}")
    asked = "/oauth2/auth?allowed_emails=alice@example.com"
    told = ("X-Forwarded-Uri", "/page"), ("X-Forwarded-Proto", "https")
    answers = [
        outpost.listener.connect(PROXY).ask(get(asked, *told, said[name], host="app.example.com")).status
        for name in ("alice", "carol", "alice", "carol")
    ]
    assert answers == [202, 403, 202, 403]


def _waiting_for_control(outpost: Remembering, visitor: Visitor) -> tuple[Callable[[], Answer], Deferred[None]]:
    """A question about a session that control has to be asked about first; and what lets control answer."""
    outpost.clock.advance(ASK_SECONDS)
    outpost.link.renewed = outpost.session(access_token="jwt-2", until=outpost.clock.now() + DAY)
    answer, goes_on = outpost.link.renew, Deferred[None]()

    async def renew(question: RenewSession) -> SessionRenewed:
        await goes_on
        return await answer(question)

    outpost.link.renew = renew  # type: ignore[method-assign]
    return visitor.begin(f"{APP}/2"), goes_on


def test_whose_host_went_to_another_application_meanwhile_is_not_let_in(
    outpost: Remembering, signed_in: Visitor
) -> None:
    asked, goes_on = _waiting_for_control(outpost, signed_in)
    for_nobody = replace(provider(8, APP), bindings=(BindingRecord("b", 0, user=99),))
    outpost.change(Put(_bound(provider(7, "https://elsewhere.example.com"))), Put(for_nobody))
    goes_on.callback(None)
    assert asked().status == 503
    assert [signed_in.open(f"{APP}/{n}").status for n in range(2)] == [302] * 2
    assert not outpost.route.repeated._answers


def test_what_was_configured_meanwhile_is_what_counts(outpost: Remembering, signed_in: Visitor) -> None:
    """Also for everybody who comes later: the secret that sealed a cookie may be one that others know."""
    asked, goes_on = _waiting_for_control(outpost, signed_in)
    outpost.change(Put(_bound(provider(7, APP, cookie_secret="another, since that one was lost"))))
    goes_on.callback(None)
    assert asked().status == 302
    assert signed_in.open(f"{APP}/3").status == 302


def test_an_application_is_called_what_it_is_called_now(outpost: Remembering) -> None:
    """Also when a program that waited for control is told its name of before."""
    answer, goes_on = outpost.link.ask, Deferred[None]()

    async def ask(question: Authenticate) -> Authenticated:
        await goes_on
        return await answer(question)

    outpost.link.ask = ask  # type: ignore[method-assign]
    proxy = outpost.listener.connect(PROXY)
    proxy.send(get(NGINX, ("X-Original-URL", f"{APP}/"), basic("bob", "hers")))
    outpost.change(Put(replace(_bound(provider(7, APP)), application="renamed")))
    outpost.link.passwords["bob"] = "hers"
    outpost.link.identities["bob"] = an_identity("bob")
    goes_on.callback(None)
    assert proxy.answers()[0].status == 200
    outpost.learn()
    assert outpost.ask("/").headers["X-Authentik-Meta-App"] == "renamed"


# --- where the target has a say --------------------------------------------------------------------------------------


def test_where_rules_ask_about_the_target_each_is_read(outpost: Remembering, signed_in: Visitor) -> None:
    outpost.change(Put(_bound(provider(7, APP, access_rules=ADMIN_IS_CLOSED))))
    outpost.learn()
    paths = ("/", "/a", "/admin", "/")
    assert [signed_in.open(f"{APP}{path}").status for path in paths] == [200, 200, 403, 200]
    assert [outpost.ask(path).status for path in paths] == [200, 200, 403, 200]
    assert [outpost.ask(path, ("A", "b")).status for path in paths] == [401, 401, 403, 401]


def test_where_paths_need_no_sign_in_each_is_read(outpost: Remembering) -> None:
    outpost.change(Put(_bound(provider(7, APP, skip_path_regex="^/open"))))
    outpost.learn()
    assert [outpost.ask(path, ("A", "b")).status for path in ("/", "/open", "/")] == [401, 200, 401]
    who = [outpost.ask(path).headers["X-Authentik-Username"] for path in ("/", "/open", "/")]
    assert who == ["alice", "", "alice"]


def test_a_target_of_signing_out_signs_out(outpost: Remembering, signed_in: Visitor) -> None:
    assert [signed_in.open(f"{APP}/{n}").status for n in range(2)] == [200] * 2
    assert signed_in.open(f"{APP}/page?X-authentik-logout=true").status == 302
    assert len(outpost.link.ended) == 1


def test_two_headers_that_tell_of_the_target_have_to_agree_each_time(outpost: Remembering) -> None:
    told, alice = ("X-Original-URI", "/a"), basic("alice", "secret")
    assert [outpost.ask(target, alice, told).status for target in ("/a", "/a", "/b")] == [200, 200, 400]


def test_only_what_comes_whole_and_first_is_answered_again(outpost: Remembering) -> None:
    assert outpost.ask("/").status == 200
    octets = get(NGINX, ("X-Original-URL", f"{APP}/"), basic("alice", "secret"))
    visitor = outpost.listener.connect(PROXY)
    visitor.send(b"GET / HTTP/1.1\r\nX-A: ", octets)
    assert visitor.answers()[0].status != 200
    visitor = outpost.listener.connect(PROXY)
    visitor.send(octets[:-1], octets[-1:] + octets)
    assert [answer.status for answer in visitor.answers()] == [200, 200]


# --- credentials, and nobody ----------------------------------------------------------------------------------------


def test_known_credentials_are_used_each_time(outpost: Remembering) -> None:
    first, read = outpost.ask("/"), outpost.read
    assert [outpost.ask(f"/{n}") for n in range(3)] == [first] * 3
    assert (first.status, outpost.read) == (200, read)
    assert sum(outpost.cache.uses.values()) == 4
    assert outpost.cache.hits[False] == 4
    assert outpost.ask("/", basic("alice", "wrong")).status == 401


def _time_passes(outpost: Remembering) -> None:
    outpost.clock.advance(600)


def _another_password(outpost: Remembering) -> None:
    outpost.learn("another")


def _refused_by_control(outpost: Remembering) -> None:
    credentials, refused = Password("alice", "secret"), Decision("wrong_password")
    outpost.cache.learn(credentials, 7, PROXY, refused, None, outpost.directory.current.revision)


def _another_configuration(outpost: Remembering) -> None:
    outpost.change(Put(OutpostRecord("o", "renamed", "any", public_url=CONTROL)))


@pytest.mark.parametrize("end", [_time_passes, _another_password, _refused_by_control, _another_configuration])
def test_forgotten_credentials_are_not_answered_for(outpost: Remembering, end: Callable[[Remembering], None]) -> None:
    assert [outpost.ask(f"/{n}").status for n in range(2)] == [200] * 2
    end(outpost)
    assert outpost.ask("/2").status == 401
    assert len(outpost.link.questions) == 1, "control is asked"


def test_nobody_is_told_so_again(outpost: Remembering) -> None:
    first, read = outpost.ask("/", ("A", "b")), outpost.read
    assert [outpost.ask(f"/{n}", ("A", "b")) for n in range(3)] == [first] * 3
    assert (first.status, outpost.read) == (401, read)
    assert outpost.telemetry.decisions["proxy", "no_credentials"] == 4


def test_a_session_that_does_not_count_yet_is_asked_about_each_time(outpost: Remembering, signed_in: Visitor) -> None:
    """Whose cookie does not count now may be let in later, and nothing else has changed."""
    outpost.change(Put(replace(ALICE, valid_from=outpost.clock.now() + 60)))
    ((name, value),) = [item for item in signed_in.cookies["app.example.com"].items() if "_proxy_" in item[0]]
    cookie = ("Cookie", f"{name}={value}")
    assert outpost.ask("/", cookie).status == 401
    outpost.clock.advance(60)
    assert outpost.ask("/", cookie).status == 200


def test_knocks_that_are_answered_are_noticed(outpost: Remembering) -> None:
    """While somebody waits to be known, every question is read."""
    assert outpost.ask("/").status == 200
    outpost.listener.connect("203.0.113.9").ask(get(NGINX, ("X-Original-URL", f"{APP}/")))
    read = outpost.read
    assert outpost.ask("/").status == 200
    assert outpost.read == read + 1


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outpost.listeners.repeated.MOST_ANSWERS", 3)
    assert MOST_ANSWERS > 3
    outpost = Remembering()
    for number in range(5):
        assert outpost.ask("/", ("A", str(number))).status == 401
    assert len(outpost.route.repeated._answers) == 3


def test_no_password_is_kept(outpost: Remembering) -> None:
    assert outpost.ask("/").status == 200
    (place,) = outpost.route.repeated._answers
    assert len(place) == 64
    assert basic("alice", "secret")[1].encode() not in place


# --- where we are the proxy -----------------------------------------------------------------------------------------


def test_what_lets_a_visitor_in_is_no_answer_to_the_visitor() -> None:
    proxied = Proxied()
    spoofed = ("X-Original-URL", "https://app.example.com/")
    for number in range(2):
        visitor = proxied.ask("/page", spoofed)
        proxied.application.answer(b"hello")
        assert visitor.answers()[0].body == b"hello"
        assert proxied.application.received.count(b"GET /page") == number + 1
    assert not proxied.door.repeated._answers
