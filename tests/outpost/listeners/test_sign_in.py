"""The browser's way through the forward-auth door: bounced, signed in, known again, signed out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from outpost.authentication import Authentication
from outpost.browsers.circles import MOST_ROUNDS
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners.forward_auth import PREFIX, PREFIXES
from protocols.link.messages import (
    BindingRecord,
    BrowserSessionRecord,
    Change,
    EndedSessionRecord,
    GroupRecord,
    Members,
    OutpostRecord,
    ProviderRecord,
    Put,
    Record,
    Remove,
    UserRecord,
    sign_in_of,
)
from tests.fakes import FakeClock, FakeLink
from tests.outpost.listeners.forward_auth_door import forward_auth, provider, random_octets
from tests.outpost.listeners.http_connections import NOW, Answer, Listener, RecordingTelemetry, get

PROXY = "192.0.2.10"
APP = "https://app.example.com"
CONTROL = "https://auth.example.com"
CALLBACK = "/outpost.goauthentik.io/callback"
SIGN_OUT = "/outpost.goauthentik.io/sign_out"
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*;q=0.8"}
DAY = 86_400.0


def a_user(pk: int, username: str, **fields: Any) -> UserRecord:
    given = {"is_active": True, "name": username.title(), "email": f"{username}@example.com", **fields}
    return UserRecord(
        pk=pk,
        uuid=f"u{pk}",
        uid=f"uid-{pk}",
        username=username,
        type="internal",
        ordinal=pk,
        credential_version=1,
        **given,
    )


ALICE = a_user(1, "alice")
STAFF = GroupRecord("g-staff", "staff", is_superuser=False, ordinal=1, members=(1,))
FOR_STAFF = (BindingRecord("b", 0, group="g-staff"),)


def records() -> list[Record]:
    return [
        OutpostRecord("o", "embedded", "any", public_url=CONTROL),
        ALICE,
        a_user(2, "carol"),
        STAFF,
        _bound(provider(7, APP)),
        provider(8, "https://other.example.com"),
        provider(10, "https://login.example.org", mode="forward_domain", cookie_domain="example.org"),
        provider(11, "https://own.example.org"),
        provider(12, "http://plain.example.net"),
    ]


def _bound(record: ProviderRecord) -> ProviderRecord:
    return replace(record, bindings=FOR_STAFF)


class Outpost:
    """An outpost whose control is a `FakeLink`."""

    def __init__(self, clock: FakeClock | None = None, link: FakeLink | None = None) -> None:
        self.clock = clock or FakeClock(NOW)
        self.link = link or FakeLink()
        self.telemetry = RecordingTelemetry()
        self.directory = Directory()
        self.directory.publish(whole(1, records()), Touched(everything=True))
        authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault)
        self.route = forward_auth(self.link, self.directory, authentication, self.telemetry, self.clock, random=RANDOM)
        self.listener = Listener(
            [(prefix, self.route) for prefix in PREFIXES],
            telemetry=self.telemetry,
            repeated=self.route.repeated.answer,
        )

    def change(self, *changes: Change) -> None:
        current = self.directory.current
        self.directory.publish(*changed(current, current.revision + 1, changes))

    def publish_provider(self, **settings: Any) -> None:
        """The application's provider, set up otherwise."""
        others = [one for one in records() if getattr(one, "pk", 0) != 7]
        revision = self.directory.current.revision + 1
        found = [*others, _bound(provider(7, APP, **settings))]
        self.directory.publish(whole(revision, found), Touched(everything=True))

    def session(self, user: int = 1, sid: str = "ab" * 32, **fields: Any) -> BrowserSessionRecord:
        now = self.clock.now()
        return BrowserSessionRecord(
            **{"sid": sid, "user": user, "signed_in": now - 60, "expires": now + DAY, "access_token": "jwt", **fields}
        )


RANDOM = random_octets()


class Visitor:
    """A browser in front of a proxy of one dialect. Keeps cookies by host, as far as these tests need it."""

    def __init__(self, outpost: Outpost, dialect: str = "caddy") -> None:
        self.outpost = outpost
        self.dialect = dialect
        self.cookies: dict[str, dict[str, str]] = {}

    def open(self, url: str, method: str = "GET", **headers: str) -> Answer:
        """The page, seen by the proxy's question."""
        answer = self._ask(*self._question(url, method, headers))
        self._keep(urlsplit(url).netloc, answer)
        return answer

    def begin(self, url: str) -> Callable[[], Answer]:
        """The same, where the answer takes its time."""
        target, host, said = self._question(url, "GET", {})
        window = self.outpost.listener.connect(PROXY)
        window.send(get(target, *said.items(), host=host))
        return lambda: window.answers()[0]

    def _question(self, url: str, method: str, headers: dict[str, str]) -> tuple[str, str, dict[str, str]]:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        said = {
            "X-Forwarded-Proto": parts.scheme,
            "X-Forwarded-Host": parts.netloc,
            "X-Forwarded-Uri": target or "/",
            "X-Forwarded-Method": method,
            **self._cookie(parts.netloc),
            **headers,
        }
        return f"{PREFIX.decode()}auth/{self.dialect}", parts.netloc, said

    def direct(self, url: str, **headers: str) -> Answer:
        """A path of ours, which the proxy hands on to us."""
        parts = urlsplit(url)
        said = {"X-Forwarded-Proto": parts.scheme, **self._cookie(parts.netloc), **headers}
        answer = self._ask(f"{parts.path}?{parts.query}", parts.netloc, said)
        self._keep(parts.netloc, answer)
        return answer

    def _ask(self, target: str, host: str, headers: dict[str, str]) -> Answer:
        return self.outpost.listener.connect(PROXY).ask(get(target, *headers.items(), host=host))

    def _cookie(self, host: str) -> dict[str, str]:
        jars = [jar for domain, jar in self.cookies.items() if host == domain or host.endswith(f".{domain}")]
        pairs = [f"{name}={value}" for jar in jars for name, value in jar.items()]
        return {"Cookie": "; ".join(pairs)} if pairs else {}

    def _keep(self, host: str, answer: Answer) -> None:
        set_cookie = answer.headers.get("Set-Cookie")
        if set_cookie is None:
            return
        pair, *attributes = set_cookie.split("; ")
        name, _, value = pair.partition("=")
        domain = next((text.removeprefix("Domain=") for text in attributes if text.startswith("Domain=")), host)
        jar = self.cookies.setdefault(domain, {})
        if "Max-Age=0" in attributes:
            jar.pop(name, None)
        else:
            jar[name] = value

    def answer_of_control(self, bounced: Answer, code: str = "code-1") -> str:
        """The URL that control sends the browser to."""
        asked = authorization(bounced)
        return f"{asked['redirect_uri']}&code={code}&state={asked['state']}&iss=x"

    def sign_in(self, url: str = f"{APP}/page", **session: Any) -> Answer:
        bounced = self.open(url)
        self.outpost.link.codes["code-1"] = self.outpost.session(**session)
        return self.open(self.answer_of_control(bounced))


def authorization(bounced: Answer) -> dict[str, str]:
    """What control is asked for."""
    assert bounced.status in (302, 303), bounced
    location = bounced.headers["Location"]
    assert location.startswith(f"{CONTROL}/application/o/authorize/?"), location
    return {name: value for name, (value,) in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def outpost() -> Outpost:
    return Outpost()


@pytest.fixture
def visitor(outpost: Outpost) -> Visitor:
    return Visitor(outpost)


# --- bounced -------------------------------------------------------------------------------------------------------


def test_somebody_unknown_is_sent_to_control(visitor: Visitor) -> None:
    bounced = visitor.open(f"{APP}/page?x=1", **NAVIGATION)
    asked = authorization(bounced)
    assert asked["client_id"] == "client-7"
    assert asked["redirect_uri"] == f"{APP}{CALLBACK}?X-authentik-auth-callback=true"
    assert bounced.headers["Cache-Control"] == "no-store"
    assert bounced.headers["Set-Cookie"].startswith("__Host-authentik_browser_")


@pytest.mark.parametrize("dialect", ["caddy", "traefik"])
def test_after_signing_in_the_person_lands_where_they_wanted(outpost: Outpost, dialect: str) -> None:
    visitor = Visitor(outpost, dialect)
    landed = visitor.sign_in(f"{APP}/page?x=1&y=%20")
    assert (landed.status, landed.headers["Location"]) == (302, f"{APP}/page?x=1&y=%20")
    answer = visitor.open(f"{APP}/page?x=1&y=%20")
    assert answer.status == 200
    assert answer.headers["X-Authentik-Username"] == "alice"
    assert answer.headers["X-Authentik-Groups"] == "staff"
    assert answer.headers["X-Authentik-Uid"] == "uid-1"
    assert answer.headers["X-Authentik-Jwt"] == "jwt"
    assert "Set-Cookie" not in answer.headers
    (redeemed,) = outpost.link.redeemed
    assert (redeemed.provider, redeemed.peer, redeemed.control_url) == (7, PROXY, CONTROL)
    assert redeemed.redirect_uri == f"{APP}{CALLBACK}?X-authentik-auth-callback=true"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"X-Requested-With": "XMLHttpRequest"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": "websocket", "Upgrade": "websocket", "Connection": "Upgrade"},
    ],
)
def test_a_program_gets_401_and_no_cookies(visitor: Visitor, headers: dict[str, str]) -> None:
    answer = visitor.open(f"{APP}/api", **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")
    assert json.loads(answer.body)["error"] == "login_required"
    assert "Set-Cookie" not in answer.headers
    assert "Location" not in answer.headers


def test_a_post_comes_back_to_the_page_it_came_from(visitor: Visitor) -> None:
    for referer, landing in (
        (f"{APP}/form?a=b", f"{APP}/form?a=b"),
        ("https://evil.example.com/form", f"{APP}/"),
        (f"{APP}.evil.example.com/form", f"{APP}/"),
    ):
        bounced = visitor.open(f"{APP}/save", "POST", Referer=referer)
        assert bounced.status == 303
        visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
        assert visitor.open(visitor.answer_of_control(bounced)).headers["Location"] == landing
        visitor.cookies.clear()


def test_nginx_is_never_given_a_redirect(outpost: Outpost) -> None:
    request = get(f"{PREFIX.decode()}auth/nginx", ("X-Original-URL", f"{APP}/page"), host="app.example.com")
    answer = outpost.listener.connect(PROXY).ask(request)
    assert answer.status == 401
    assert not {"Location", "Set-Cookie"} & answer.headers.keys()


def test_through_nginx_by_start(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    bounced = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd={APP}/page?x=1&y=2", **NAVIGATION)
    outpost.link.codes["code-1"] = outpost.session()
    landed = visitor.direct(visitor.answer_of_control(bounced))
    assert (landed.status, landed.headers["Location"]) == (302, f"{APP}/page?x=1&y=2")
    assert landed.headers["Set-Cookie"].startswith("__Host-authentik_proxy_")


def test_start_leads_nowhere_else(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    for wanted in ("https://evil.example.com/", "https://other.example.com/x", "//evil.example.com/"):
        bounced = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd={wanted}", **NAVIGATION)
        outpost.link.codes["code-1"] = outpost.session()
        assert visitor.direct(visitor.answer_of_control(bounced)).headers["Location"] == f"{APP}/"


@pytest.mark.parametrize(
    ("at", "wanted", "landing"),
    [
        ("login.example.org", "https://wiki.example.org/x", "https://wiki.example.org/x"),
        ("login.example.org", "https://wiki.example.org:443/x", "https://wiki.example.org/x"),
        ("login.example.org", "https://own.example.org/x", "https://own.example.org/x"),
        ("login.example.org", "https://port.example.org:8443/x", "https://port.example.org:8443/x"),
        ("login.example.org", "https://wiki.example.org:31337/x", "https://login.example.org/"),
        ("login.example.org", "https://login.example.org:31337/x", "https://login.example.org/"),
        ("login.example.org", "https://own.example.org:31337/x", "https://login.example.org/"),
        ("login.example.org", "http://wiki.example.org:443/x", "https://login.example.org/"),
        ("wiki.example.org:9443", "https://wiki.example.org:9443/x", "https://wiki.example.org:9443/x"),
        ("wiki.example.org:9443", "/x", "https://wiki.example.org:9443/x"),
        ("wiki.example.org:9443", "https://wiki.example.org:31337/x", "https://wiki.example.org:9443/"),
    ],
)
def test_below_a_domain_start_leads_to_no_port_that_nobody_has_set_up(
    outpost: Outpost, at: str, wanted: str, landing: str
) -> None:
    """Whoever can listen at a port of one host of the domain would get everybody sent there."""
    outpost.change(Put(provider(20, "https://port.example.org:8443")))
    visitor = Visitor(outpost)
    bounced = visitor.direct(f"https://{at}/outpost.goauthentik.io/start?rd={wanted}", **NAVIGATION)
    outpost.link.codes["code-1"] = outpost.session()
    assert visitor.direct(visitor.answer_of_control(bounced)).headers["Location"] == landing


@pytest.mark.parametrize("dialect", ["caddy", "traefik"])
def test_below_a_domain_an_application_at_another_port_is_come_back_to(outpost: Outpost, dialect: str) -> None:
    """The proxy has told its address, not a link."""
    landed = Visitor(outpost, dialect).sign_in("https://wiki.example.org:9443/page?x=1")
    assert landed.headers["Location"] == "https://wiki.example.org:9443/page?x=1"


@pytest.mark.parametrize(
    ("query", "landing"),
    [
        ("method=POST&rd=/save", "/form"),
        ("method=GET&rd=/page", "/page"),
        ("method=HEAD&rd=%2Fpage%3Fmethod%3DPOST&x=y", "/page?method=POST"),
        ("rd=/page?a=b&method=POST&c=d", "/page?a=b&method=POST&c=d"),
        ("method=&rd=/page", "/page"),
    ],
)
def test_start_may_be_told_that_something_was_posted(outpost: Outpost, query: str, landing: str) -> None:
    """By ingress-nginx, whose redirect has made a GET of it: back to the page with the form."""
    visitor = Visitor(outpost)
    start = f"{APP}/outpost.goauthentik.io/start?{query}"
    bounced = visitor.direct(start, **NAVIGATION, Referer=f"{APP}/form")
    outpost.link.codes["code-1"] = outpost.session()
    assert visitor.direct(visitor.answer_of_control(bounced)).headers["Location"] == f"{APP}{landing}"


def test_start_gives_a_program_no_cookie(visitor: Visitor) -> None:
    answer = visitor.direct(f"{APP}/outpost.goauthentik.io/start?rd=/favicon.ico", **{"Sec-Fetch-Mode": "no-cors"})
    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers


# --- what comes back and cannot be used ----------------------------------------------------------------------------


def test_every_tampering_with_the_state_signs_nobody_in(visitor: Visitor) -> None:
    back = visitor.answer_of_control(visitor.open(f"{APP}/page"))
    head, state, tail = back.partition("&state=")
    token, _, rest = tail.partition("&")
    for at in (0, 10, len(token) // 2, len(token) - 1):
        other = "A" if token[at] != "A" else "B"
        answer = visitor.open(f"{head}{state}{token[:at]}{other}{token[at + 1 :]}&{rest}")
        assert answer.status == 400
        assert "Set-Cookie" not in answer.headers
    assert not visitor.outpost.link.redeemed


def test_the_state_of_another_application_signs_nobody_in(visitor: Visitor) -> None:
    back = visitor.answer_of_control(visitor.open("https://other.example.com/"))
    answer = visitor.open(back.replace("other.example.com", "app.example.com"))
    assert (answer.status, "Set-Cookie" in answer.headers) == (400, False)
    assert not visitor.outpost.link.redeemed


def test_an_attackers_answer_signs_nobody_in_as_the_attacker(outpost: Outpost) -> None:
    """Login CSRF: the victim's browser is given an answer that was meant for another browser."""
    attacker, victim = Visitor(outpost), Visitor(outpost)
    back = attacker.answer_of_control(attacker.open(f"{APP}/page"))
    outpost.link.codes["code-1"] = outpost.session()
    for cookie in ({}, {"Cookie": "__Host-authentik_browser_00000000=x"}):
        answer = victim.open(back, **cookie)
        assert authorization(answer)["state"] not in back, "the victim signs in as themselves"
        assert "authentik_proxy" not in answer.headers["Set-Cookie"]
    assert not outpost.link.redeemed


def test_a_browser_without_cookies_is_told_and_not_sent_in_a_circle(visitor: Visitor) -> None:
    answer = visitor.open(f"{APP}/page")
    for _ in range(3):
        visitor.cookies.clear()
        answer = visitor.open(visitor.answer_of_control(answer))
        if answer.status == 400:
            break
        visitor.cookies.clear()
    assert (answer.status, b"cookie" in answer.body) == (400, True)


@pytest.mark.parametrize(
    ("lost", "told"),
    [("the question's cookies", b"does not hand it on"), ("the session's cookie", b"loses Set-Cookie")],
)
def test_a_sign_in_that_never_arrives_ends_in_a_page_that_says_why(visitor: Visitor, lost: str, told: bytes) -> None:
    for number in range(10):
        jar = visitor.cookies.get("app.example.com", {})
        session = {name: jar.pop(name) for name in list(jar) if "authentik_proxy" in name}
        visitor.outpost.link.codes[f"round-{number}"] = visitor.outpost.session()
        bounced = visitor.open(f"{APP}/page")
        if lost == "the question's cookies":
            visitor.cookies["app.example.com"].update(session)
        answer = visitor.open(visitor.answer_of_control(bounced, f"round-{number}"))
        if answer.status != 302:
            break
        visitor.outpost.clock.advance(1)
    assert (answer.status, told in answer.body, number) == (400, True, MOST_ROUNDS)


def test_start_comes_back_to_the_page_that_was_posted_from(visitor: Visitor) -> None:
    """nginx asks for it as the browser asked nginx: with the method of what was refused."""
    start = f"/outpost.goauthentik.io/start?rd={APP}/save"
    said = {"X-Forwarded-Proto": "https", "Referer": f"{APP}/form", **NAVIGATION}
    asked = get(start, *said.items(), host="app.example.com", method="POST")
    bounced = visitor.outpost.listener.connect(PROXY).ask(asked)
    assert bounced.status == 303
    visitor._keep("app.example.com", bounced)
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    assert visitor.open(visitor.answer_of_control(bounced)).headers["Location"] == f"{APP}/form"


def test_signing_in_every_minute_is_no_circle(visitor: Visitor) -> None:
    for number in range(10):
        visitor.outpost.link.codes[f"round-{number}"] = visitor.outpost.session()
        answer = visitor.open(visitor.answer_of_control(visitor.open(f"{APP}/page"), f"round-{number}"))
        assert answer.status == 302
        jar = visitor.cookies["app.example.com"]
        jar.pop(next(name for name in jar if "authentik_proxy" in name))
        visitor.outpost.clock.advance(60)


def test_three_tabs_that_begin_at_once_all_arrive(visitor: Visitor) -> None:
    """Each got a cookie, and the browser kept the last one."""
    bounced = []
    for tab in range(3):
        visitor.cookies.clear()
        bounced.append(visitor.open(f"{APP}/tab/{tab}"))
    for tab in (1, 2, 0):
        visitor.outpost.link.codes[f"code-{tab}"] = visitor.outpost.session()
        answer = visitor.open(visitor.answer_of_control(bounced[tab], f"code-{tab}"))
        if "authorize" in answer.headers["Location"]:
            visitor.outpost.link.codes["again"] = visitor.outpost.session()
            answer = visitor.open(visitor.answer_of_control(answer, "again"))
        assert answer.headers["Location"] == f"{APP}/tab/{tab}"


def test_a_state_ends(visitor: Visitor) -> None:
    back = visitor.answer_of_control(visitor.open(f"{APP}/page"))
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    visitor.outpost.clock.advance(3601)
    assert "authorize" in visitor.open(back).headers["Location"]
    assert not visitor.outpost.link.redeemed


def test_a_reload_of_the_answer_lands_again(visitor: Visitor) -> None:
    bounced = visitor.open(f"{APP}/page")
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    back = visitor.answer_of_control(bounced)
    for _ in range(2):
        answer = visitor.open(back)
        assert (answer.status, answer.headers["Location"]) == (302, f"{APP}/page")


def test_a_used_code_begins_anew(visitor: Visitor) -> None:
    assert "authorize" in visitor.open(visitor.answer_of_control(visitor.open(f"{APP}/page"))).headers["Location"]


@pytest.mark.parametrize(("reason", "status"), [("unknown_provider", 403), ("busy", 503), ("internal_error", 503)])
def test_what_control_refuses(visitor: Visitor, reason: str, status: int) -> None:
    bounced = visitor.open(f"{APP}/page")
    visitor.outpost.link.codes["code-1"] = reason
    answer = visitor.open(visitor.answer_of_control(bounced))
    assert (answer.status, "Set-Cookie" in answer.headers) == (status, False)
    assert visitor.outpost.telemetry.decisions["proxy", reason] == 1


def test_control_away_and_faults_deny(visitor: Visitor) -> None:
    bounced = visitor.open(f"{APP}/page")
    visitor.outpost.link.away = True
    assert visitor.open(visitor.answer_of_control(bounced)).status == 503
    visitor.outpost.link.away = False
    visitor.outpost.link.fails = RuntimeError("injected")
    answer = visitor.open(visitor.answer_of_control(bounced))
    assert (answer.status, "Set-Cookie" in answer.headers) == (500, False)
    assert visitor.outpost.telemetry.faults == ["signing in"]


@pytest.mark.parametrize("query", ["error=access_denied", "error=server_error", "code=", "code=" + "x" * 600])
def test_answers_without_a_code(visitor: Visitor, query: str) -> None:
    asked = authorization(visitor.open(f"{APP}/page"))
    answer = visitor.open(f"{asked['redirect_uri']}&{query}&state={asked['state']}")
    assert answer.status in (400, 403)
    assert not visitor.outpost.link.redeemed


def test_parameters_that_are_there_twice_are_not_there(visitor: Visitor) -> None:
    back = visitor.answer_of_control(visitor.open(f"{APP}/page"))
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    assert visitor.open(f"{back}&code=code-1").status == 400
    assert visitor.open(f"{back}&" + "&".join(f"p{n}=1" for n in range(100))).status == 400


# --- known again ---------------------------------------------------------------------------------------------------


def test_another_outpost_and_a_restart_know_the_session(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost = Outpost(link=visitor.outpost.link)
    answer = visitor.open(f"{APP}/page")
    assert (answer.status, answer.headers["X-Authentik-Username"]) == (200, "alice")
    assert len(visitor.outpost.link.redeemed) == 1


def test_known_without_control(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost.link.away = True
    assert visitor.open(f"{APP}/page").status == 200


def test_a_session_ends(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost.clock.advance(DAY - 1)
    assert visitor.open(f"{APP}/page").status == 200
    visitor.outpost.clock.advance(1)
    assert visitor.open(f"{APP}/page").status == 302


def test_cookies_that_are_none(visitor: Visitor) -> None:
    visitor.sign_in()
    ((name, value),) = [item for item in visitor.cookies["app.example.com"].items() if "_proxy_" in item[0]]
    for wrong in ("", "x", value[:-1], value + "A", "A" * 7000, value.swapcase(), "é"):
        assert visitor.open(f"{APP}/page", Cookie=f"{name}={wrong}").status == 302
    assert visitor.open(f"{APP}/page", Cookie=f"{name}=x; {name}={value}").status == 200
    assert visitor.open(f"{APP}/page", Cookie=f"{name[2:]}={value}").status == 302, "without its prefix"


def test_a_cookie_counts_for_its_application_alone(visitor: Visitor) -> None:
    visitor.sign_in()
    (value,) = [value for name, value in visitor.cookies["app.example.com"].items() if "_proxy_" in name]
    visitor.sign_in("https://other.example.com/")
    (name,) = [name for name in visitor.cookies["other.example.com"] if "_proxy_" in name]
    assert visitor.open("https://other.example.com/", Cookie=f"{name}={value}").status == 302


ENDINGS: dict[str, tuple[Callable[[], Change], int]] = {
    "the session ended": (lambda: Put(EndedSessionRecord("ab" * 32, NOW + DAY)), 302),
    "signed out everywhere": (lambda: Put(a_user(1, "alice", sessions_not_before=NOW)), 302),
    "deactivated": (lambda: Put(a_user(1, "alice", is_active=False)), 302),
    "expired": (lambda: Put(a_user(1, "alice", valid_until=NOW)), 302),
    "left the group": (lambda: Members("g-staff", removed=(1,)), 403),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_an_administrator_does_is_in_force_at_once(visitor: Visitor, ending: str) -> None:
    visitor.sign_in()
    assert visitor.open(f"{APP}/page").status == 200
    change, status = ENDINGS[ending]
    visitor.outpost.change(change())
    answer = visitor.open(f"{APP}/page")
    assert answer.status == status
    assert "X-Authentik-Username" not in answer.headers


def test_a_session_that_goes_on_after_others_ended(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost.change(Put(EndedSessionRecord("cd" * 32, NOW + DAY)))
    visitor.outpost.change(Put(a_user(1, "alice", name="Alice II", sessions_not_before=NOW - 61)))
    answer = visitor.open(f"{APP}/page")
    assert (answer.status, answer.headers["X-Authentik-Name"]) == (200, "Alice II")


def test_an_account_that_ends_while_nothing_changes(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost.change(Put(a_user(1, "alice", valid_until=NOW + 10)))
    assert visitor.open(f"{APP}/page").status == 200
    visitor.outpost.clock.advance(10)
    assert visitor.open(f"{APP}/page").status == 302


def test_whom_no_binding_lets_in(visitor: Visitor) -> None:
    visitor.sign_in(user=2)
    answer = visitor.open(f"{APP}/page")
    assert (answer.status, b"may not use App 7" in answer.body) == (403, True)
    assert visitor.outpost.telemetry.decisions["proxy", "no_binding"] == 1


def test_headers_from_attributes(visitor: Visitor) -> None:
    attributes = {"additionalHeaders": {"X-Team": "blue"}, "app_password": "secret"}
    visitor.outpost.change(Put(a_user(1, "alice", attributes=attributes)), Put(_with_basic()))
    visitor.sign_in()
    answer = visitor.open(f"{APP}/page")
    assert answer.headers["X-Team"] == "blue"
    assert answer.headers["Authorization"] == "Basic YWxpY2VAZXhhbXBsZS5jb206c2VjcmV0"
    assert visitor.outpost.telemetry.faults == []


def _with_basic() -> ProviderRecord:
    wanted = {"basic_auth_user_attribute": "app_user", "basic_auth_password_attribute": "app_password"}
    return _bound(provider(7, APP, basic_auth_enabled=True, **wanted))


# --- signing out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SIGN_OUT, "/page?X-authentik-logout=true"])
def test_signing_out(visitor: Visitor, path: str) -> None:
    visitor.sign_in()
    cookies = {host: dict(jar) for host, jar in visitor.cookies.items()}
    answer = visitor.open(f"{APP}{path}")
    assert answer.headers["Location"] == f"{CONTROL}/application/o/app-7/end-session/"
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    (ended,) = visitor.outpost.link.ended
    assert (ended.sid, ended.user, ended.provider) == ("ab" * 32, 1, 7)
    visitor.cookies = cookies
    assert visitor.open(f"{APP}/page").status == 302, "a copy of the cookie opens nothing, even before control says so"


def test_signing_out_while_control_is_away(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.outpost.link.away = True
    assert "Max-Age=0" in visitor.direct(f"{APP}{SIGN_OUT}").headers["Set-Cookie"]


def test_signing_out_without_a_session(visitor: Visitor) -> None:
    assert visitor.open(f"{APP}{SIGN_OUT}").status == 302
    assert not visitor.outpost.link.ended


# --- a whole domain (DESIGN D23) -----------------------------------------------------------------------------------


def test_one_sign_in_for_a_domain(visitor: Visitor) -> None:
    bounced = visitor.open("https://wiki.example.org/page")
    assert authorization(bounced)["redirect_uri"].startswith("https://login.example.org/outpost.goauthentik.io/")
    assert bounced.headers["Set-Cookie"].endswith("; Domain=example.org")
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    landed = visitor.direct(visitor.answer_of_control(bounced))
    assert landed.headers["Location"] == "https://wiki.example.org/page"
    assert visitor.open("https://wiki.example.org/page").headers["X-Authentik-Meta-App"] == "app-10"
    answer = visitor.open("https://own.example.org/page")
    assert (answer.status, answer.headers["X-Authentik-Meta-App"]) == (200, "app-11")


def test_an_application_below_a_domain_signs_in_for_itself_and_the_domain(visitor: Visitor) -> None:
    """Its own client asks, so that its own bindings are asked at control; the session is the domain's."""
    bounced = visitor.open("https://own.example.org/page")
    assert authorization(bounced)["client_id"] == "client-11"
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    visitor.open(visitor.answer_of_control(bounced))
    assert visitor.open("https://wiki.example.org/page").status == 200


def test_a_sign_in_may_end_at_one_application_alone(visitor: Visitor) -> None:
    """As its consent is taken back, until it is given again. The domain's session and its other applications stay."""
    visitor.open("https://own.example.org/page")
    visitor.sign_in("https://own.example.org/page")
    over = sign_in_of("ab" * 32, 11)
    visitor.outpost.change(Put(EndedSessionRecord(over, visitor.outpost.clock.now() + DAY)))
    assert authorization(visitor.open("https://own.example.org/page"))["client_id"] == "client-11"
    assert visitor.open("https://wiki.example.org/page").status == 200
    visitor.outpost.change(Remove("ended_session", over))
    assert visitor.open("https://own.example.org/page").status == 200


def test_without_tls_the_cookie_has_no_prefix(visitor: Visitor) -> None:
    bounced = visitor.open("http://plain.example.net/")
    assert bounced.headers["Set-Cookie"].startswith("authentik_browser_")
    assert "Secure" not in bounced.headers["Set-Cookie"]


# --- where browsers are sent ---------------------------------------------------------------------------------------


def test_never_to_the_host_of_the_request(outpost: Outpost) -> None:
    outpost.change(Put(OutpostRecord("o", "embedded", "any", config={"authentik_host": "https://id.example.com/"})))
    location = Visitor(outpost).open(f"{APP}/").headers["Location"]
    assert location.startswith("https://id.example.com/application/o/authorize/")
    outpost.change(Put(OutpostRecord("o", "embedded", "any")))
    location = Visitor(outpost).open(f"{APP}/").headers["Location"]
    assert location.startswith("http://localhost:9000/application/o/authorize/")
    (note,) = outpost.telemetry.notes
    assert "OUTPOST_PUBLIC_URL" in note
