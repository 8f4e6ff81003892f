from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError, TimeoutError

from outpost.kept.credential_cache import still_admitted
from outpost.listeners.asking import Asking
from outpost.listeners.http import STREAM_TIMEOUT
from outpost.listeners.upstream import (
    ANSWER_TIMEOUT,
    FRESH_SECONDS,
    IDLE_SECONDS,
    MAX_IDLE,
    TAKE_TIMEOUT,
)
from outpost.listeners.upstream_metrics import UpstreamMetrics
from outpost.listeners.upstreams import MAX_OVERRIDES
from protocols.link.messages import (
    AccessSaid,
    Authenticate,
    Authenticated,
    BindingRecord,
    Configuration,
    EndedSessionRecord,
    Members,
    ProxySettings,
    Put,
    Reuse,
)
from protocols.proxy.canonical import canonical_path
from tests.fakes import FakeLink, an_identity
from tests.outpost.listeners.http_connections import DATE, Visitor, get
from tests.outpost.listeners.proxied import HOST, SID, STRANGER, Proxied
from tests.outpost.listeners.test_forward_auth import ALICE as ALICES_CREDENTIALS
from tests.outpost.listeners.test_forward_auth import IDENTITY_HEADERS
from tests.outpost.listeners.test_sign_in import ALICE, NAVIGATION, a_user

PROXY = "192.0.2.10"
PIECES = [
    "public",
    "/",
    "//",
    "..",
    ".",
    "%2e",
    "%2F",
    "%252f",
    ";",
    "\\",
    "admin",
    "?",
    "#",
    "%00",
    "%",
    "%41",
    "\xe9",
]
UPGRADE = (("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x"))
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n"


def is_cut(visitor: Visitor) -> bool:
    return bool(visitor.wire.disconnected)


@pytest.fixture
def proxied() -> Proxied:
    return Proxied()


# --- who may pass --------------------------------------------------------------------------------------------------


def test_somebody_signed_in_reaches_the_application(proxied: Proxied) -> None:
    visitor = proxied.ask("/page?x=1%20", ("Accept", "*/*"), ("X-Custom", "kept"))
    application = proxied.application
    assert (application.place.host, application.place.port) == ("backend", 8080)
    assert application.head.startswith("GET /page?x=1%20 HTTP/1.1\r\nHost: proxied.example.com\r\n")
    assert application.headers["x-custom"] == "kept"
    assert {name.title() for name in application.headers} >= IDENTITY_HEADERS
    assert application.headers["x-authentik-username"] == "alice"
    assert application.headers["x-authentik-groups"] == "staff"
    application.answer(b"hello", "200 OK", "X-Answer: yes", "Set-Cookie: a=b", "Set-Cookie: c=d")
    assert (
        visitor.received
        == (
            f"HTTP/1.1 200 OK\r\nDate: {DATE}\r\nX-Answer: yes\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
            "Content-Length: 5\r\n\r\nhello"
        ).encode()
    )


def test_nobody_else_does(proxied: Proxied) -> None:
    bounced = proxied.anonymous("/page", *NAVIGATION.items())
    assert bounced.status == 302
    assert bounced.headers["Location"].startswith("https://auth.example.com/application/o/authorize/?")
    assert proxied.anonymous("/api", ("Accept", "application/json")).status == 401
    assert proxied.anonymous("/", ("Authorization", "Basic YWxpY2U6d3Jvbmc=")).status == 401
    visitor = proxied.visit()
    assert visitor.ask(get("/", ("Cookie", proxied.cookie(user=2)), host=HOST)).status == 403
    assert proxied.applications == []


def test_the_whole_sign_in_happens_on_the_applications_own_host(proxied: Proxied) -> None:
    bounced = proxied.anonymous("/outpost.goauthentik.io/start?rd=/page", *NAVIGATION.items())
    assert bounced.status == 302
    assert proxied.anonymous("/outpost.goauthentik.io/sign_out").status == 302
    assert proxied.anonymous("/outpost.goauthentik.io/ping").status == 204
    assert proxied.anonymous("/?X-authentik-auth-callback=true&code=x&state=y").status == 400
    assert proxied.applications == []


def test_every_path_but_that_of_signing_in_is_the_applications(proxied: Proxied) -> None:
    for target in ("/-/health/live/", "/api/authz/forward-auth", "/oauth2/auth", "/if/admin/", "/ping"):
        proxied.ask(target)
    seen = [application.head.split(" ")[1] for application in proxied.applications]
    assert seen == ["/-/health/live/", "/api/authz/forward-auth", "/oauth2/auth", "/if/admin/", "/ping"]


def test_credentials_let_in_and_go_no_further(proxied: Proxied) -> None:
    proxied.visit().send(get("/", ALICES_CREDENTIALS, host=HOST))
    assert proxied.application.headers["x-authentik-username"] == "alice"
    assert "authorization" not in proxied.application.headers


def test_credentials_of_somebody_signed_in_are_the_applications(proxied: Proxied) -> None:
    proxied.ask("/", ("Authorization", "Bearer of-the-application"))
    assert proxied.application.headers["authorization"] == "Bearer of-the-application"


def test_where_no_sign_in_is_needed_everybody_is_nobody() -> None:
    proxied = Proxied(skip_path_regex="^/public/")
    smuggled = ("X-Authentik-Username", "admin"), ("x_authentik_groups", "admins"), ("X.Authentik.Email", "a@b")
    proxied.visit().send(get("/public/a", *smuggled, ("Authorization", "Bearer x"), host=HOST))
    headers = proxied.application.headers
    assert {headers[name.lower()] for name in IDENTITY_HEADERS if "Meta" not in name} == {""}
    assert not [name for name in headers if "_" in name or "." in name]
    assert headers["authorization"] == "Bearer x"
    for ambiguous in ("/public/..%2fadmin", "/public/../admin", "/admin", "/public/%2e%2e/admin", "/public;/x"):
        assert proxied.anonymous(ambiguous).status == 302, ambiguous
    assert len(proxied.applications) == 1


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Uri", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X_Forwarded_Uri"]
)
@pytest.mark.parametrize("peer", [STRANGER, PROXY])
def test_no_header_says_that_another_path_was_asked_for(name: str, peer: str) -> None:
    proxied = Proxied(skip_path_regex="^/public/")
    said = (name, "/public/x"), ("X_Forwarded_Host", "other.example.com"), ("X.Forwarded.Host", "other.example.com")
    assert proxied.visit(peer).ask(get("/secret", *said, host=HOST)).status == 302
    assert proxied.applications == []


@pytest.mark.parametrize("target", ["/a#b", "/%zz", "/%00", "/\xe9", "*"])
def test_ambiguous_targets_are_refused(proxied: Proxied, target: str) -> None:
    visitor = proxied.ask(target)
    assert visitor.answers()[0].status == 400
    assert proxied.applications == []


@example("public/a%2e/b?x=..")
@example("public/..%2fadmin")
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_what_was_decided_about_is_what_the_application_gets(rest: str) -> None:
    """Whoever reaches it without a sign-in does so on the open path, by the octets that it is given."""
    proxied = Proxied(skip_path_regex="^/public/")
    proxied.visit().send(get(f"/{rest}", host=HOST))
    for application in proxied.applications:
        target = application.head.split(" ")[1]
        assert target == f"/{rest}"
        canonical = canonical_path(target.partition("?")[0])
        assert canonical is not None
        assert canonical.startswith("/public/")


def test_a_fault_in_deciding_lets_nobody_in(proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("injected")

    request = get("/", ("Cookie", proxied.cookie()), host=HOST)
    for place, name in (
        (proxied.sessions, "find"),
        (proxied.door.table, "realm"),
        (proxied.watch, "add"),
        (proxied.upstreams, "of"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, fails)
            assert proxied.visit().ask(request).status == 500, name
    assert proxied.applications == []


@pytest.mark.parametrize("status", [200, 202, 204, 302])
def test_no_page_is_taken_for_a_yes(proxied: Proxied, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """Whatever deciding may answer one day: only the answer that lets in leads to the application."""

    def answered(asking: Asking) -> None:
        asking.exchange.respond(status, b"", b"a page")

    monkeypatch.setattr(proxied.door, "ask", answered)
    assert proxied.visit().ask(get("/", host=HOST)).status == status
    assert proxied.applications == []


def test_a_host_that_nobody_knows_is_a_knock(proxied: Proxied) -> None:
    assert proxied.anonymous("/", host="nobody.example.com").status == 404
    assert proxied.telemetry.decisions["proxy", "unknown_host"] == 1
    assert proxied.telemetry.knocks.open
    assert proxied.anonymous("/", host="app.example.com").status == 404
    assert proxied.telemetry.decisions["proxy", "unknown_host"] == 1
    assert proxied.anonymous("/", host="not a host").status == 400


def test_another_host_is_not_proxied(proxied: Proxied) -> None:
    assert proxied.anonymous("/", host="app.example.com").status == 404
    assert proxied.anonymous("/", host="nobody.example.com").status == 404
    assert proxied.applications == []


# --- what the application is given ---------------------------------------------------------------------------------


def test_no_look_alike_survives(proxied: Proxied) -> None:
    names = [
        "X-Authentik-Username",
        "x-authentik-anything",
        "X_Authentik_Username",
        "X-Authentik_Username",
        "X.Authentik.Username",
        "x~authentik~username",
        "X-Forwarded-User",
        "X_Forwarded_Proto",
        "X.Forwarded.For",
        "Forwarded",
        "X-Real-IP",
        "X_Real_IP",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Remote-User",
        "Remote_User",
        "X-Auth-Request-Email",
        "Proxy",
    ]
    proxied.ask("/", *((name, "smuggled") for name in names))
    assert "smuggled" not in proxied.application.head


def test_a_header_that_somebody_elses_attributes_add_is_nobodys_own(proxied: Proxied) -> None:
    blue = {"additionalHeaders": {"X-Team": "blue"}}
    proxied.change(Put(a_user(2, "carol", attributes=blue)))
    proxied.ask("/", ("X-Team", "blue"), ("X_Team", "blue"), ("x.team", "blue"))
    assert [(name, value) for name, value in proxied.application.fields if "team" in name] == [("x-team", "")]


def test_identity_headers_cannot_be_removed_through_connection(proxied: Proxied) -> None:
    proxied.ask(
        "/", ("Connection", "close, X-Authentik-Username, X-Forwarded-For, X-Private"), ("X-Private", "of this hop")
    )
    headers = proxied.application.headers
    assert headers["x-authentik-username"] == "alice"
    assert headers["x-forwarded-for"] == STRANGER
    assert not {"x-private", "connection"} & headers.keys()


def test_hop_by_hop_headers_stay(proxied: Proxied) -> None:
    sent = ("Keep-Alive", "TE", "Trailer", "Proxy-Authorization", "Proxy-Connection", "HTTP2-Settings")
    proxied.ask("/", *((name, "smuggled") for name in sent), ("Connection", "Upgrade"), ("Upgrade", "h2c"))
    assert "smuggled" not in proxied.application.head
    assert "upgrade" not in proxied.application.headers


def test_where_the_request_came_from(proxied: Proxied) -> None:
    lies = ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "other.example.com")
    proxied.ask("/", *lies, host="Proxied.Example.com.")
    headers = proxied.application.headers
    assert headers["host"] == headers["x-forwarded-host"] == HOST
    assert (headers["x-forwarded-for"], headers["x-real-ip"]) == (STRANGER, STRANGER)
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "80")


def test_a_trusted_proxy_in_front_is_believed(proxied: Proxied) -> None:
    said = ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", HOST)
    proxied.ask("/", *said, peer=PROXY, host="inner.example.com")
    headers = proxied.application.headers
    assert (headers["host"], headers["x-forwarded-proto"], headers["x-forwarded-port"]) == (HOST, "https", "443")
    assert (headers["x-forwarded-for"], headers["x-real-ip"]) == (f"203.0.113.9, {PROXY}", "203.0.113.9")


# --- where a mapping sends somebody ----------------------------------------------------------------------------------


def sent(**said: object) -> Proxied:
    """A mapping says that of alice alone."""
    proxied = Proxied(mapped=True)
    proxied.change(Put(a_user(1, "alice", mapped={"9": {"ak_proxy": said}})), Put(a_user(2, "carol")))
    proxied.change(Members("g-staff", added=(2,)))
    return proxied


def test_a_mapping_says_what_the_application_hears_as_host() -> None:
    proxied = sent(host_header="Inner.example.com:81")
    proxied.ask("/")
    headers = proxied.application.headers
    assert (headers["host"], headers["x-forwarded-host"]) == ("Inner.example.com:81", HOST)
    assert proxied.application.place.host == "backend"
    proxied.visit().send(get("/", ("Cookie", proxied.cookie(user=2)), host=HOST))
    assert proxied.applications[1].headers["host"] == HOST


def test_a_mapping_sends_somebody_to_another_place() -> None:
    proxied = sent(backend_override="https://theirs:8443/ignored")
    proxied.ask("/page?x=1")
    application = proxied.application
    assert application.place == replace(proxied.upstreams._places[9], scheme="https", host="theirs", port=8443), (
        "with the provider's settings for TLS"
    )
    assert application.head.startswith(f"GET /page?x=1 HTTP/1.1\r\nHost: {HOST}\r\n")
    application.answer()
    proxied.ask("/again")
    assert len(proxied.applications) == 1, "its connection is kept"
    proxied.visit().send(get("/", ("Cookie", proxied.cookie(user=2)), host=HOST))
    assert proxied.applications[1].place.host == "backend"


def test_a_mapping_that_says_it_no_more_is_followed() -> None:
    proxied = sent(backend_override="http://theirs", host_header="theirs")
    proxied.ask("/")
    proxied.change(Put(a_user(1, "alice")))
    proxied.ask("/")
    assert [(one.place.host, one.headers["host"]) for one in proxied.applications] == [
        ("theirs", "theirs"),
        ("backend", HOST),
    ]


def test_what_credentials_were_told_ends_with_the_mapping() -> None:
    proxied = Proxied(mapped=True)
    identity = replace(an_identity("alice", groups=("staff",)), host_header="theirs", backend_override="http://theirs")
    proxied.link = FakeLink({"alice": "secret"}, {"alice": identity})
    told = still_admitted(identity, 9, proxied.directory.current)
    assert told is not None
    assert (told.host_header, told.backend_override) == ("", "")


def test_where_no_sign_in_is_needed_nobody_is_sent_elsewhere() -> None:
    proxied = Proxied(mapped=True, skip_path_regex="^/public/")
    proxied.change(Put(a_user(1, "alice", mapped={"9": {"ak_proxy": {"backend_override": "http://theirs"}}})))
    proxied.visit().send(get("/public/a", host=HOST))
    assert proxied.application.place.host == "backend"


@pytest.mark.parametrize(
    "said",
    [
        {"backend_override": "theirs:8080"},
        {"backend_override": ["http://theirs"]},
        {"backend_override": "http://theirs", "host_header": "a\r\nX-Evil: b"},
        {"host_header": "a b"},
        {"host_header": 5},
        {"host_header": False},
    ],
)
def test_who_is_led_nowhere_goes_nowhere(said: dict[str, object]) -> None:
    proxied = sent(**said)
    visitor = proxied.ask("/")
    (answer,) = visitor.answers()
    assert answer.status == 403
    assert proxied.applications == []
    assert proxied.telemetry.decisions["proxy", "misdirected"] == 1
    (note,) = proxied.telemetry.notes
    assert "of provider 'Provider 9' leads nowhere" in note
    assert "ak_proxy." in note
    proxied.ask("/")
    assert len(proxied.telemetry.notes) == 1, "once"
    proxied.visit().send(get("/", ("Cookie", proxied.cookie(user=2)), host=HOST))
    assert proxied.application.place.host == "backend", "nobody else is kept out"


def test_places_that_mappings_name_are_bounded_and_no_part_of_the_providers_health() -> None:
    proxied = sent()
    for number in range(MAX_OVERRIDES + 5):
        said = {"ak_proxy": {"backend_override": f"http://theirs-{number}"}}
        proxied.change(Put(a_user(1, "alice", mapped={"9": said})))
        proxied.ask("/")
        proxied.applications[-1].answer()
    assert len(proxied.upstreams._overrides) == MAX_OVERRIDES
    left = [application.left for application in proxied.applications]
    assert left == [True] * 5 + [False] * MAX_OVERRIDES, "who goes leaves no connection"
    assert [(name, upstream.name) for name, upstream in proxied.upstreams] == [("Provider 9", "http://backend:8080")]
    proxied.unreachable = ConnectionRefusedError()
    proxied.change(Put(a_user(1, "alice", mapped={"9": {"ak_proxy": {"backend_override": "http://gone"}}})))
    (answer,) = proxied.ask("/").answers()
    assert answer.status == 502
    own = proxied.upstreams.of(9)
    assert own is not None
    assert (own.failing, own.failures.total()) == ("", 0)
    assert "The application at http://gone:80 does not answer: nobody listens" in proxied.telemetry.notes[-1]


def test_another_configuration_forgets_places_that_mappings_name() -> None:
    proxied = sent(backend_override="https://theirs")
    proxied.ask("/")
    proxied.application.answer()
    changed = proxied.directory.current.providers[9]
    assert isinstance(changed.settings, ProxySettings)
    proxied.change(Put(replace(changed, settings=replace(changed.settings, internal_host_ssl_validation=False))))
    assert proxied.application.left
    proxied.ask("/")
    assert [one.place.verified for one in proxied.applications] == [True, False]


def test_our_cookies_stay_and_every_other_octet_goes_on(proxied: Proxied) -> None:
    visitor = proxied.visit()
    said = f'a="b=c"; {proxied.cookie()};d=%3D== ; authentik_session=control'
    visitor.send(get("/", ("Cookie", said), host=HOST))
    assert proxied.application.headers["cookie"] == 'a="b=c";d=%3D== '


def test_the_application_cannot_set_our_cookies(proxied: Proxied) -> None:
    name = proxied.cookie().partition("=")[0]
    visitor = proxied.ask()
    proxied.application.answer(b"", "200 OK", f"Set-Cookie: {name}=x; Path=/", "Set-Cookie: own=y")
    assert visitor.answers()[0].headers["Set-Cookie"] == "own=y"


def test_the_application_gets_credentials_of_its_own() -> None:
    attributes = {"app_name": "al", "app_password": "pw"}
    proxied = Proxied(
        basic_auth_enabled=True, basic_auth_user_attribute="app_name", basic_auth_password_attribute="app_password"
    )
    proxied.ask("/", ("Authorization", "Basic of-the-visitor"))
    assert "authorization" not in proxied.application.headers
    proxied.change(Put(a_user(1, "alice", attributes=attributes)))
    proxied.ask("/", ("Authorization", "Basic of-the-visitor"))
    assert proxied.applications[1].headers["authorization"] == "Basic YWw6cHc="


# --- bodies and answers --------------------------------------------------------------------------------------------


def test_a_body_of_known_length(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Content-Length", "6"), method="POST")
    application = proxied.application
    assert application.headers["content-length"] == "6"
    visitor.send(b"abc", b"def")
    assert application.received.endswith(b"\r\n\r\nabcdef")
    application.answer()
    assert visitor.answers()[0].body == b"hello"


def test_a_body_in_chunks_without_its_trailers(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Transfer-Encoding", "chunked"), method="PUT")
    visitor.send(b"3\r\nabc\r\n", b"0\r\nX-Authentik-Username: admin\r\n\r\n")
    assert proxied.application.headers["transfer-encoding"] == "chunked"
    assert proxied.application.received.endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_a_body_is_not_read_before_somebody_takes_it(proxied: Proxied) -> None:
    proxied.waiting = []
    visitor = proxied.ask("/", ("Content-Length", "3"), method="POST")
    visitor.send(b"abc")
    assert not visitor.reads()
    proxied.waiting[0][1]()
    assert visitor.reads()
    assert proxied.application.received.endswith(b"\r\n\r\nabc")


def test_nobody_who_may_not_pass_is_asked_for_a_body(proxied: Proxied) -> None:
    answer = proxied.anonymous("/", ("Expect", "100-continue"), ("Content-Length", "3"), method="POST")
    assert answer.status == 303


def test_the_application_is_the_one_that_asks_for_a_body(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Expect", "100-continue"), ("Content-Length", "3"), method="POST")
    assert proxied.application.headers["expect"] == "100-continue"
    assert visitor.received == b""
    proxied.application.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert visitor.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    visitor.send(b"abc")
    assert proxied.application.received.endswith(b"\r\n\r\nabc")


def test_an_answer_streams_as_it_comes(proxied: Proxied) -> None:
    visitor = proxied.ask()
    application = proxied.application
    application.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
    assert visitor.received.endswith(b"\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    application.say(b"9\r\ndata: 1\n\n\r\n")
    assert visitor.received.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")
    proxied.pass_time(ANSWER_TIMEOUT + 10)
    proxied.listener.pass_time(STREAM_TIMEOUT + 10)
    application.say(b"1\r\nx\r\n0\r\nTrailer: dropped\r\n\r\n")
    assert visitor.received.endswith(b"1\n\n\r\n1\r\nx\r\n0\r\n\r\n")
    assert not visitor.closed


def test_an_answer_whose_end_is_the_connections(proxied: Proxied) -> None:
    visitor = proxied.ask()
    proxied.application.say(b"HTTP/1.0 200 OK\r\n\r\nabc")
    proxied.application.close()
    assert visitor.received.endswith(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_an_answer_without_a_body(proxied: Proxied) -> None:
    visitor = proxied.ask(method="HEAD")
    proxied.application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nDate: then\r\n\r\n")
    assert visitor.received == b"HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 1000\r\n\r\n"


def test_hop_by_hop_headers_of_answers_stay(proxied: Proxied) -> None:
    visitor = proxied.ask()
    proxied.application.answer(b"", "200 OK", "Connection: close, X-Hop", "X-Hop: 1", "Keep-Alive: 1", "Upgrade: h2")
    assert visitor.answers()[0].headers == {"Date": DATE, "Content-Length": "0"}
    assert not visitor.closed


def test_a_slow_visitor_slows_the_application(proxied: Proxied) -> None:
    visitor = proxied.ask()
    application = proxied.application
    application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
    visitor.connection.pauseProducing()
    assert not application.hears()
    visitor.connection.resumeProducing()
    assert application.hears()
    application.say(b"def")
    assert visitor.received.endswith(b"abcdef")


def test_a_slow_application_slows_the_visitor(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Content-Length", "6"), method="POST")
    proxied.application.protocol.pauseProducing()
    assert not visitor.reads()
    proxied.application.protocol.resumeProducing()
    assert visitor.reads()


def test_an_answer_before_the_end_of_the_request(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Content-Length", "6"), method="POST")
    visitor.send(b"abc")
    proxied.application.answer(b"no", "413 Content Too Large")
    assert visitor.answers()[0].status == 413
    assert visitor.closed
    assert proxied.application.left


# --- connections that are kept -------------------------------------------------------------------------------------


def test_a_connection_serves_one_request_after_another(proxied: Proxied) -> None:
    for number in range(3):
        visitor = proxied.ask(f"/{number}")
        proxied.application.answer(b"%d" % number)
        assert visitor.answers()[0].body == b"%d" % number
    assert [line for line in proxied.application.received.split(b"\r\n") if line.startswith(b"GET")] == [
        b"GET /0 HTTP/1.1",
        b"GET /1 HTTP/1.1",
        b"GET /2 HTTP/1.1",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["closes", "an answer too many", "old"],
)
def test_what_cannot_be_trusted_with_another_request_is_not_kept(proxied: Proxied, answer: bytes) -> None:
    proxied.ask()
    proxied.applications[0].say(answer)
    assert proxied.applications[0].left
    assert proxied.applications[0].wire.producer is None, "TLS would wait for it, and not say farewell"
    visitor = proxied.ask()
    proxied.applications[1].answer(b"right")
    assert visitor.answers()[0].body == b"right"


def test_who_speaks_without_being_asked_is_left(proxied: Proxied) -> None:
    proxied.ask()
    proxied.application.answer()
    proxied.application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    assert proxied.application.left
    proxied.ask()
    assert len(proxied.applications) == 2


def test_a_request_that_met_a_closing_connection_is_repeated(proxied: Proxied) -> None:
    proxied.ask()
    proxied.applications[0].answer()
    visitor = proxied.ask("/again")
    proxied.applications[0].close()
    assert proxied.applications[1].head.startswith("GET /again ")
    proxied.applications[1].answer(b"second")
    assert visitor.answers()[0].body == b"second"


def test_but_never_one_that_changes_something(proxied: Proxied) -> None:
    proxied.ask()
    proxied.applications[0].answer()
    visitor = proxied.ask("/", ("Content-Length", "0"), method="POST")
    proxied.applications[0].close()
    assert visitor.answers()[0].status == 502
    assert len(proxied.applications) == 1


def test_which_goes_over_a_connection_that_is_surely_open(proxied: Proxied) -> None:
    proxied.ask()
    proxied.applications[0].answer()
    proxied.pass_time(FRESH_SECONDS + 0.1)
    proxied.ask("/", ("Content-Length", "0"), method="POST")
    assert proxied.applications[1].head.startswith("POST / ")


def test_connections_wait_for_a_while_and_not_too_many_of_them(proxied: Proxied) -> None:
    for _ in range(MAX_IDLE + 1):
        proxied.ask()
    for application in proxied.applications:
        application.answer()
    assert [application.left for application in proxied.applications] == [False] * MAX_IDLE + [True]
    proxied.pass_time(IDLE_SECONDS + 2)
    assert all(application.left for application in proxied.applications)


def test_another_address_of_the_application_is_used_at_once(proxied: Proxied) -> None:
    proxied.ask()
    proxied.applications[0].answer()
    record = proxied.directory.current.providers[9]
    assert isinstance(record.settings, ProxySettings)
    elsewhere = replace(record, settings=replace(record.settings, internal_host="http://other:81"))
    proxied.change(Configuration((elsewhere,)))
    assert proxied.applications[0].left
    proxied.ask()
    assert (proxied.applications[1].place.host, proxied.applications[1].place.port) == ("other", 81)


# --- an application that does not answer ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        (ConnectionRefusedError(), 502, "refused"),
        (DNSLookupError(), 502, "not_found"),
        (TimeoutError(), 504, "slow_connect"),
        (OSError(), 502, "unreachable"),
    ],
)
def test_one_that_cannot_be_reached(proxied: Proxied, error: Exception, status: int, failure: str) -> None:
    proxied.unreachable = error
    answer = proxied.ask("/", *NAVIGATION.items()).answers()[0]
    assert answer.status == status
    assert b"App 9" in answer.body
    ((name, upstream),) = proxied.upstreams
    assert (name, dict(upstream.failures), upstream.failing) == ("Provider 9", {failure: 1}, failure)
    proxied.ask()
    assert len([note for note in proxied.telemetry.notes if "http://backend:8080" in note]) == 1
    proxied.unreachable = None
    proxied.ask()
    proxied.application.answer()
    assert upstream.failing == ""
    assert "answers again" in proxied.telemetry.notes[-1]


def test_prometheus_is_told_how_applications_do(proxied: Proxied) -> None:
    def told() -> dict[tuple[str, ...], float]:
        families = UpstreamMetrics(proxied.upstreams, proxied.watch).collect()
        return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}

    assert ("outpost_application_up", "Provider 9") not in told()
    proxied.ask()
    assert (told()["outpost_proxied_requests_open",], told()["outpost_application_connections",]) == (1, 1)
    proxied.application.answer()
    assert told()["outpost_application_up", "Provider 9"] == 1
    assert told()["outpost_application_answers_total", "Provider 9"] == 1
    assert told()["outpost_proxied_requests_open",] == 0
    proxied.application.close()
    proxied.unreachable = ConnectionRefusedError()
    proxied.ask()
    assert told()["outpost_application_up", "Provider 9"] == 0
    assert told()["outpost_application_failures_total", "Provider 9", "refused"] == 1


def test_one_that_closes_without_a_word(proxied: Proxied) -> None:
    visitor = proxied.ask()
    proxied.application.close(ConnectionLost())
    assert visitor.answers()[0].status == 502


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"HTTP/2 "]
)
def test_one_that_speaks_something_else(proxied: Proxied, said: bytes) -> None:
    visitor = proxied.ask()
    proxied.application.say(said)
    assert visitor.answers()[0].status == 502
    assert proxied.application.left


def test_one_that_breaks_off(proxied: Proxied) -> None:
    for reason in (None, ConnectionLost()):
        proxied = Proxied()
        visitor = proxied.ask()
        proxied.application.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        proxied.application.close(reason)
        assert visitor.received.endswith(b"abc")
        assert visitor.closed


def test_one_that_never_answers(proxied: Proxied) -> None:
    visitor = proxied.ask()
    proxied.pass_time(ANSWER_TIMEOUT + 2)
    assert visitor.answers()[0].status == 504
    assert proxied.application.left


def test_one_that_does_not_take_a_body(proxied: Proxied) -> None:
    visitor = proxied.ask("/", ("Content-Length", "6"), method="POST")
    proxied.application.protocol.pauseProducing()
    proxied.pass_time(TAKE_TIMEOUT + 2)
    assert visitor.answers()[0].status == 504


def test_a_visitor_who_leaves_takes_the_request_along(proxied: Proxied) -> None:
    visitor = proxied.ask()
    visitor.leave()
    assert proxied.application.left
    assert len(proxied.watch) == 0
    proxied.waiting = []
    proxied.ask().leave()
    made, _ = proxied.waiting[0]
    assert made.called, "it is still being connected"
    assert len(proxied.watch) == 0


def test_one_who_leaves_before_it_is_decided_asks_the_application_nothing(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is nobody who has to be watched for as long as they could be let in."""
    answered, decided = proxied.link.ask, Deferred[None]()

    async def later(question: Authenticate) -> Authenticated:
        await decided
        return await answered(question)

    monkeypatch.setattr(proxied.link, "ask", later)
    visitor = proxied.visit()
    visitor.send(get("/report", ALICES_CREDENTIALS, host=HOST))
    visitor.leave()
    decided.callback(None)
    assert proxied.telemetry.decisions == {("proxy", "accepted"): 1}
    assert (proxied.applications, len(proxied.watch)) == ([], 0)


# --- WebSockets, and what ends them --------------------------------------------------------------------------------


def test_a_websocket_carries_octets_both_ways(proxied: Proxied) -> None:
    visitor = proxied.ask("/ws", *UPGRADE)
    application = proxied.application
    assert application.headers["connection"] == "Upgrade"
    assert application.headers["upgrade"] == "websocket"
    assert application.headers["sec-websocket-key"] == "x"
    assert application.headers["x-authentik-username"] == "alice"
    application.say(SWITCHED + b"\x81\x01a")
    assert visitor.received == (
        b"HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x01a"
    )
    visitor.send(b"\x81\x81abcde", b"GET / HTTP/1.1\r\n\r\n")
    assert application.received.endswith(b"\r\n\r\n\x81\x81abcdeGET / HTTP/1.1\r\n\r\n")
    proxied.pass_time(1000)
    proxied.listener.pass_time(1000)
    application.say(b"\x88\x00")
    application.close()
    assert visitor.received.endswith(b"\x88\x00")
    assert visitor.closed
    assert len(proxied.watch) == 0


def test_a_websocket_is_refused_like_everything_else(proxied: Proxied) -> None:
    answer = proxied.anonymous("/ws", *UPGRADE, ("Sec-Fetch-Mode", "websocket"))
    assert answer.status == 401
    assert proxied.applications == []


def test_the_application_may_refuse_a_websocket(proxied: Proxied) -> None:
    visitor = proxied.ask("/ws", *UPGRADE)
    proxied.application.answer(b"no", "400 Bad Request")
    assert visitor.answers()[0].status == 400
    assert not visitor.closed


def test_nobody_switches_protocols_unasked(proxied: Proxied) -> None:
    visitor = proxied.ask("/")
    proxied.application.say(SWITCHED)
    assert visitor.answers()[0].status == 502


@pytest.mark.parametrize("instead", [b"h2c", b"websocket, h2c", b"websocket\r\nUpgrade: h2c"])
def test_an_application_switches_to_nothing_else(proxied: Proxied, instead: bytes) -> None:
    visitor = proxied.ask("/ws", *UPGRADE)
    proxied.application.say(SWITCHED.replace(b"websocket", instead), b"PRI * HTTP/2.0\r\n\r\n")
    assert visitor.answers()[0].status == 502
    assert proxied.application.left


def test_the_last_words_of_a_websocket_get_there(proxied: Proxied) -> None:
    visitor = proxied.ask("/ws", *UPGRADE)
    proxied.application.say(SWITCHED)
    visitor.send(b"\x88\x00")
    visitor.leave()
    assert proxied.application.wire.disconnecting


@pytest.mark.parametrize(
    "ends",
    [
        lambda proxied: proxied.change(Put(EndedSessionRecord(SID, proxied.clock.now() + 3600))),
        lambda proxied: proxied.change(Put(a_user(1, "alice", is_active=False))),
        lambda proxied: proxied.change(Put(a_user(1, "alice", sessions_not_before=proxied.clock.now()))),
        lambda proxied: proxied.change(Members("g-staff", removed=(1,))),
        lambda proxied: proxied.change(Configuration(())),
        lambda proxied: proxied.clock.advance(3601),
    ],
    ids=["signed out", "disabled", "password changed", "removed from the group", "no application", "expired"],
)
def test_what_is_open_ends_with_the_session_within_a_second(proxied: Proxied, ends: object) -> None:
    websocket = proxied.ask("/ws", *UPGRADE)
    proxied.applications[0].say(SWITCHED)
    stream = proxied.ask("/events")
    proxied.applications[1].say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    waiting = proxied.ask("/slow")
    proxied.pass_time(5)
    assert not is_cut(websocket)
    assert not is_cut(stream)
    ends(proxied)  # type: ignore[operator]
    proxied.pass_time(1)
    assert is_cut(websocket)
    assert is_cut(stream)
    assert waiting.answers()[0].status == 401
    assert all(application.left for application in proxied.applications)
    assert len(proxied.watch) == 0


def with_secrets(proxied: Proxied, secret: str, previous: str) -> None:
    record = proxied.directory.current.providers[9]
    assert isinstance(record.settings, ProxySettings)
    settings = replace(record.settings, cookie_secret=secret, cookie_secret_previous=previous)
    proxied.change(Configuration((replace(record, settings=settings),)))


def test_another_cookie_secret_cuts_what_the_old_one_has_opened(proxied: Proxied) -> None:
    """Rotation keeps the one before, and with it everybody; one that is set by hand keeps nobody."""
    websocket = proxied.ask("/ws", *UPGRADE)
    proxied.application.say(SWITCHED)
    with_secrets(proxied, "the next one", "secret of 9, and of nobody else")
    proxied.pass_time(1)
    assert not is_cut(websocket)
    with_secrets(proxied, "set by hand", "")
    proxied.pass_time(1)
    assert is_cut(websocket)


def test_signing_out_here_ends_what_is_open(proxied: Proxied) -> None:
    websocket = proxied.ask("/ws", *UPGRADE)
    proxied.application.say(SWITCHED)
    assert proxied.ask("/outpost.goauthentik.io/sign_out").answers()[0].status == 302
    proxied.pass_time(1)
    assert is_cut(websocket)


def test_what_credentials_opened_ends_with_the_account(proxied: Proxied) -> None:
    visitor = proxied.visit()
    visitor.send(get("/ws", ALICES_CREDENTIALS, *UPGRADE, host=HOST))
    proxied.application.say(SWITCHED)
    proxied.pass_time(2)
    assert not is_cut(visitor)
    proxied.change(Put(replace(ALICE, credential_version=2)))
    proxied.pass_time(1)
    assert is_cut(visitor)


def test_what_policies_let_in_ends_with_the_session_too(proxied: Proxied) -> None:
    record = replace(proxied.directory.current.providers[9], bindings=(BindingRecord("bp", 1, policy="p"),))
    proxied.change(Configuration((record,)))
    proxied.link.access_said = AccessSaid("", "accepted", Reuse(600.0))
    visitor = proxied.ask("/ws", ("Authorization", "Bearer of-the-application"), *UPGRADE)
    assert proxied.application.headers["authorization"] == "Bearer of-the-application"
    proxied.application.say(SWITCHED)
    proxied.change(Put(a_user(2, "carol", is_active=False)))
    proxied.pass_time(2)
    assert not is_cut(visitor)
    proxied.change(Put(EndedSessionRecord(SID, proxied.clock.now() + 3600)))
    proxied.pass_time(1)
    assert is_cut(visitor)


def test_who_cannot_be_decided_about_does_not_go_on(proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = [proxied.ask("/ws", *UPGRADE) for _ in range(3)]
    for application in proxied.applications:
        application.say(SWITCHED)

    def fails(*_: object) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr(proxied.sessions, "still_counts", fails)
    proxied.pass_time(1)
    assert all(is_cut(visitor) for visitor in visitors)
    assert proxied.telemetry.faults == ["watch"] * 3


def test_other_peoples_stay_open(proxied: Proxied) -> None:
    visitor = proxied.ask("/ws", *UPGRADE)
    proxied.application.say(SWITCHED)
    proxied.change(Put(a_user(2, "carol", is_active=False)))
    proxied.change(Put(EndedSessionRecord("cd" * 32, proxied.clock.now() + 3600)))
    proxied.pass_time(3)
    assert not is_cut(visitor)


def test_the_page_shows_the_file_that_the_tests_run() -> None:
    root = Path(__file__).parents[3]
    configuration = (root / "examples/reverse-proxy.yml").read_text()
    assert f"```yaml\n{configuration}```" in (root / "docs/proxies/reverse-proxy.md").read_text()
