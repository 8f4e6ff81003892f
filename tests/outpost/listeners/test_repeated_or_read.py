"""What is answered again is what would be answered if every question were read, whatever happens in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from outpost.authentication import Authentication
from outpost.browsers.sessions import ASK_SECONDS, SESSION
from outpost.kept.credential_cache import CredentialCache
from outpost.listeners.forward_auth import PREFIXES
from outpost.outcome import Decision, Password
from protocols.link.messages import (
    AccessRule,
    BindingRecord,
    Change,
    EndedSessionRecord,
    Members,
    OutpostRecord,
    PathRule,
    Put,
    RenewSession,
    Reuse,
    SessionRenewed,
)
from protocols.proxy.login_state import BrowserSession
from protocols.proxy.redirects import SIGN_OUT
from tests.extent import rounds
from tests.fakes import FakeClock, FakeLink, an_identity
from tests.outpost.listeners.forward_auth_door import forward_auth, provider
from tests.outpost.listeners.http_connections import NOW, Listener, Visitor, get
from tests.outpost.listeners.test_forward_auth import PROXY, basic
from tests.outpost.listeners.test_repeated import NGINX
from tests.outpost.listeners.test_sign_in import ALICE, CONTROL, DAY, FOR_STAFF, Outpost, a_user

PROVIDERS = {"app.example.com": 7, "other.example.com": 8, "a.example.org": 10}
HOSTS = tuple(PROVIDERS)
SIGNATURE = re.compile(rb"(X-Assertion: [^.\r]*\.[^.\r]*)\.[^\r]*")
"""Another one each time that the same is signed."""
Event = Callable[["Door"], None]


class Door(Outpost):
    """``repeats``: does it answer again? Control's answers about sessions wait while ``waiting`` is a list."""

    def __init__(self, repeats: bool) -> None:
        super().__init__(FakeClock(NOW), FakeLink({"alice": "secret"}, {"alice": an_identity("alice")}))
        self.link.reuse = Reuse(120.0)
        self.cache = CredentialCache(b"k" * 32, self.directory, self.clock)
        authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault, self.cache)
        self.route = forward_auth(self.link, self.directory, authentication, self.telemetry, self.clock)
        self.listener = Listener(
            [(prefix, self.route) for prefix in PREFIXES],
            telemetry=self.telemetry,
            repeated=self.route.repeated.answer if repeats else None,
        )
        self.asked: list[Visitor] = []
        self.waiting: list[Deferred[None]] | None = None
        self._renew, self.link.renew = self.link.renew, self.renew  # type: ignore[method-assign]

    async def renew(self, question: RenewSession) -> SessionRenewed:
        if self.waiting is not None:
            self.waiting.append(Deferred())
            await self.waiting[-1]
        return await self._renew(question)

    def go_on(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for one in waiting:
            one.callback(None)

    def ask(self, octets: bytes, peer: str = PROXY) -> None:
        visitor = self.listener.connect(peer)
        visitor.send(octets)
        self.asked.append(visitor)

    def cookie(self, pk: int, user: int, number: int, until: float) -> str:
        """Of the ``number``-th session of a user that the provider ``pk`` has sealed."""
        site = next(site for site in self.route.table.sites if site.provider == pk)
        realm = self.route.table.realm(site)
        assert realm is not None
        session = BrowserSession(bytes((user, number)) * 16, user, NOW - 60, NOW + DAY, NOW - 60, until)
        sealed = realm.sealer.seal(SESSION, session.packed(), bytes((number,)) * 12)
        return f"{realm.jar.session.decode()}={sealed.decode()}"

    @property
    def told(self) -> object:
        """Everything that anybody was told, and what was counted."""
        counted = {place: count for place, count in self.telemetry.decisions.items() if count}
        known = {use: count for use, count in self.cache.uses.items() if count}
        said = [SIGNATURE.sub(rb"\1", visitor.received) for visitor in self.asked]
        return said, counted, known, self.link.ended, self.telemetry.faults


# --- what is asked ---------------------------------------------------------------------------------------------------

paths = st.sampled_from(
    (
        *(("/", "/a.js?b=c", "/admin", "/admin/b", "/open") * 3),
        *("//a", "/?%2e", "/a;b", "/%61", "/a?X-authentik-logout=true", "/a&X-authentik-logout=true", "/a b", ""),
    )
)
users = st.sampled_from((1, 1, 1, 2, 3))
ends = st.sampled_from((0.0, 0.0, NOW + 200))
told_twice = st.sampled_from((*[None] * 12, "X-Original-URL", "X-Original-URI", "X-Forwarded-Uri"))
also = st.sampled_from(
    (
        *[()] * 8,
        (basic("alice", "secret"),),
        (basic("alice", "wrong"),),
        (basic("carol", "secret"),),
        (("Accept", "application/json"),),
        (("Sec-Fetch-Mode", "cors"),),
        (("X-Forwarded-For", "10.0.0.1, 198.51.100.7"),),
        (("Origin", "https://a"),),
    )
)
spellings = st.sampled_from(
    (*["{}"] * 8, "a=b; {}", "{};a=b", " {} ", "x{}", "{}x", "a={}", "{0}; {0}", "{}=", "a=b", "")
)
names = st.sampled_from((*["Cookie"] * 8, "cookie"))
orders = st.booleans()
peers = st.sampled_from((PROXY, PROXY, "192.0.2.11"))


def _question(address: str, host: str, path: str) -> tuple[str, str, list[tuple[str, str]]]:
    if address == NGINX or "auth-request" in address:
        return address, "auth.example.com", [("X-Original-URL", f"https://{host}{path}"), ("X-Original-Method", "GET")]
    if address.endswith("/envoy"):
        return address + path, host, [("X-Forwarded-Proto", "https")]
    told = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Uri", path)]
    if address.startswith("/oauth2/"):
        return address, host, told
    return address, host, [*told, ("X-Forwarded-Host", host), ("X-Forwarded-Method", "GET")]


addresses = st.sampled_from(
    (
        NGINX,
        "/outpost.goauthentik.io/auth/caddy",
        "/outpost.goauthentik.io/auth/traefik",
        "/outpost.goauthentik.io/auth/envoy",
        "/api/authz/forward-auth",
        "/api/authz/auth-request",
        "/oauth2/auth",
        *["/oauth2/auth?allowed_emails=alice@example.com"] * 2,
    )
)


@st.composite
def questions(draw: st.DrawFn) -> list[Event]:
    """Of one proxy, about one host: they differ in targets and cookies."""
    address, host, peer = draw(addresses), draw(st.sampled_from((HOSTS[0], HOSTS[0], *HOSTS))), draw(peers)
    more, name, extra, turned = draw(also), draw(names), draw(told_twice), draw(orders)

    def question(path: str, cookies: list[tuple[tuple[int, int, int, float], str]]) -> Event:
        target, asked_at, told = _question(address, host, path)

        def ask(door: Door) -> None:
            said = [form.format(door.cookie(*session)) for session, form in cookies]
            lines = [(name, "; ".join(said))] if said else []
            lines = [*lines, *told, *more] if turned else [*told, *more, *lines]
            if extra is not None and extra not in dict(told):
                lines.append((extra, "/spoofed" if len(path) % 2 else "/spoof"))
            door.ask(get(target, *lines, host=asked_at), peer)

        return ask

    sealed_by = st.sampled_from((*[PROVIDERS[host]] * 8, 7, 10))
    sessions = st.tuples(sealed_by, users, st.integers(0, 1), ends)
    kinds = st.builds(question, paths, st.lists(st.tuples(sessions, spellings), max_size=2))
    return draw(st.lists(kinds, min_size=3, max_size=6))


# --- what happens ----------------------------------------------------------------------------------------------------


def _changes(*changes: Change) -> Event:
    return lambda door: door.change(*changes)


def _wait(seconds: float) -> Event:
    return lambda door: door.clock.advance(seconds)


def _renewed(token: str, seconds: float) -> Event:
    def say(door: Door) -> None:
        door.link.renewed = door.session(access_token=token, until=door.clock.now() + seconds)

    return say


def _link(**fields: object) -> Event:
    def say(door: Door) -> None:
        for name, value in fields.items():
            setattr(door.link, name, value)

    return say


def _learn(password: str, accepted: bool) -> Event:
    def learn(door: Door) -> None:
        decision = Decision("accepted", an_identity("alice")) if accepted else Decision("wrong_password")
        reuse = Reuse(90.0, peer_only=password == "mine") if accepted else None
        door.cache.learn(Password("alice", password), 7, PROXY, decision, reuse, door.directory.current.revision)

    return learn


def _sign_out(pk: int, user: int, number: int) -> Event:
    def leave(door: Door) -> None:
        host = next(host for host, sealed_by in PROVIDERS.items() if sealed_by == pk)
        target, _, told = _question("/outpost.goauthentik.io/auth/caddy", host, SIGN_OUT)
        door.ask(get(target, *told, ("Cookie", door.cookie(pk, user, number, 0.0)), host=host))

    return leave


def _stranger(door: Door) -> None:
    door.ask(get(NGINX, ("X-Original-URL", f"https://{HOSTS[0]}/")), "203.0.113.9")


def _hold(door: Door) -> None:
    """From now on control takes its time to say that sessions go on; and all of them have to be asked about."""
    door.clock.advance(ASK_SECONDS)
    door.link.renewed = door.session(access_token="jwt-3", until=door.clock.now() + 900.0)
    if door.waiting is None:
        door.waiting = []


APP = f"https://{HOSTS[0]}"
BOUND = replace(provider(7, APP), bindings=FOR_STAFF)
CONFIGURED = (
    _changes(Put(BOUND)),
    _changes(Put(replace(BOUND, bindings=(BindingRecord("p", 0, policy="weekdays"),)))),
    _changes(Put(replace(provider(7, APP, skip_path_regex="^/open"), bindings=FOR_STAFF))),
    _changes(Put(provider(7, APP, access_rules=(AccessRule("deny", paths=(PathRule("prefix", "/admin"),)),)))),
    _changes(Put(replace(provider(7, APP, assertion_header="X-Assertion"), bindings=FOR_STAFF))),
    _changes(Put(replace(provider(7, APP, intercept_header_auth=False), bindings=FOR_STAFF))),
    _changes(Put(replace(provider(7, APP, cookie_secret="another"), bindings=FOR_STAFF))),
    _changes(Put(provider(7, f"https://{HOSTS[1]}")), Put(provider(8, APP))),
    _changes(Put(provider(8, f"https://{HOSTS[1]}")), Put(BOUND)),
)
events = st.one_of(
    st.sampled_from([_wait(seconds) for seconds in (1.0, 60.0, 200.0, 300.0, 600.0)]),
    st.sampled_from(
        [
            _changes(Members("g-staff", added=(2,))),
            _changes(Members("g-staff", removed=(1,))),
            _changes(Members("g-staff", added=(1,))),
            _changes(Put(replace(ALICE, is_active=False))),
            _changes(Put(replace(ALICE, name="Another"))),
            _changes(Put(replace(ALICE, valid_until=NOW + 250))),
            _changes(Put(replace(ALICE, valid_from=NOW + 250))),
            _changes(Put(replace(ALICE, credential_version=2))),
            _changes(Put(replace(ALICE, sessions_not_before=NOW))),
            _changes(Put(a_user(3, "dave"))),
            _changes(Put(EndedSessionRecord((bytes((1, 0)) * 16).hex(), NOW + DAY))),
            _changes(Put(OutpostRecord("o", "renamed", "any", public_url=CONTROL))),
            *CONFIGURED,
            *CONFIGURED,
        ]
    ),
    st.sampled_from(
        [
            _renewed("jwt-2", 400.0),
            _renewed("", 100.0),
            _link(renewed=None),
            _link(renewed="session_ended"),
            _link(away=True),
            _link(away=False),
            *[_hold, Door.go_on] * 4,
            _stranger,
            *[_learn(password, accepted) for password in ("secret", "mine") for accepted in (True, False)],
            *[_sign_out(pk, user, number) for pk in (7, 10) for user in (1, 2) for number in (0, 1)],
        ]
    ),
)


@settings(max_examples=rounds(120))
@given(
    st.lists(questions(), min_size=1, max_size=2),
    st.sampled_from(CONFIGURED),
    st.lists(events, min_size=4, max_size=12),
)
def test_nobody_is_told_otherwise(asked: list[list[Event]], first: Event, happens: list[Event]) -> None:
    told = []
    for repeats in (True, False):
        door = Door(repeats)
        for event in [first, *happens, Door.go_on]:
            for ask in chain(*asked, *asked):
                ask(door)
            event(door)
        for ask in chain(*asked, *asked):
            ask(door)
        told.append(door.told)
    assert told[0] == told[1]
