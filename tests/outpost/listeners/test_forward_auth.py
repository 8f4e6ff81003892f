from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outpost.authentication import Authentication
from outpost.directory.draft import changed, whole
from outpost.directory.snapshot import Directory, Touched
from outpost.listeners import asking, identity_lines
from outpost.listeners import forward_auth as forward_auth_module
from outpost.listeners.forward_auth import PREFIXES
from outpost.outcome import Bearer, Circumstances, Decision
from protocols.link.messages import Configuration, LdapSettings, OutpostRecord, ProviderRecord, Record
from protocols.proxy.conventions import CONVENTIONS
from rules.reasons import REASONS, Outcome, Reason
from tests.deliveries import deliveries
from tests.fakes import FakeLink, an_identity
from tests.outpost.listeners.forward_auth_door import forward_auth, provider
from tests.outpost.listeners.http_connections import Answer, Listener, RecordingTelemetry, Visitor, get

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/proxy/nginx.json").read_text())
TARGET = "/outpost.goauthentik.io/auth/nginx"
PROXY = "192.0.2.10"
STRANGER = "198.51.100.7"
IDENTITY_HEADERS = {
    "X-Authentik-Username",
    "X-Authentik-Groups",
    "X-Authentik-Entitlements",
    "X-Authentik-Email",
    "X-Authentik-Name",
    "X-Authentik-Uid",
    "X-Authentik-Jwt",
    "X-Authentik-Meta-Jwks",
    "X-Authentik-Meta-Outpost",
    "X-Authentik-Meta-Provider",
    "X-Authentik-Meta-App",
    "X-Authentik-Meta-Version",
}


RECORDS: tuple[Record, ...] = (
    OutpostRecord("o", "embedded", "any", config={"authentik_host": "https://auth.example.com/"}),
    provider(7, "https://app.example.com"),
    provider(8, "https://own-login.example.com", intercept_header_auth=False),
    provider(9, "https://proxied.example.com", mode="proxy"),
    provider(10, "https://auth.example.org", mode="forward_domain", cookie_domain="example.org"),
)


class Door:
    """The forward-auth door of an outpost with `RECORDS`, whose control is a `FakeLink`."""

    def __init__(self, *records: Record) -> None:
        self.link = FakeLink({"alice": "secret"}, {"alice": an_identity("alice", groups=("staff", "wifi"))})
        self.telemetry = RecordingTelemetry()
        self.directory = Directory()
        self.directory.publish(whole(1, records or RECORDS), Touched(everything=True))
        self.authentication = Authentication(self.link, lambda: "q1", self.telemetry.fault)
        self.route = forward_auth(self.link, self.directory, self.authentication, self.telemetry)
        self.listener = Listener(
            [(prefix, self.route) for prefix in PREFIXES],
            telemetry=self.telemetry,
            repeated=self.route.repeated.answer,
        )

    def visit(self, peer: str = PROXY) -> Visitor:
        return self.listener.connect(peer)

    def ask(
        self, *headers: tuple[str, str], url: str = "https://app.example.com/page?x=1", peer: str = PROXY, **how: Any
    ) -> Answer:
        return self.visit(peer).ask(get(TARGET, ("X-Original-URL", url), *headers, **how))


def basic(username: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + b64encode(f"{username}:{password}".encode()).decode()


ALICE = basic("alice", "secret")


def test_right_credentials_and_every_identity_header() -> None:
    door = Door()
    answer = door.ask(ALICE)
    assert answer.status == 200
    assert {name: value for name, value in answer.headers.items() if name in IDENTITY_HEADERS} == {
        "X-Authentik-Username": "alice",
        "X-Authentik-Groups": "staff|wifi",
        "X-Authentik-Entitlements": "",
        "X-Authentik-Email": "alice@example.com",
        "X-Authentik-Name": "Alice",
        "X-Authentik-Uid": an_identity("alice").uid,
        "X-Authentik-Jwt": "",
        "X-Authentik-Meta-Jwks": "https://auth.example.com/application/o/app-7/jwks/",
        "X-Authentik-Meta-Outpost": "embedded",
        "X-Authentik-Meta-Provider": "Provider 7",
        "X-Authentik-Meta-App": "app-7",
        "X-Authentik-Meta-Version": "outpost/1.2.3",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == "0"


def test_control_is_asked_once_and_told_the_circumstances() -> None:
    door = Door()
    door.ask(ALICE, ("X-Original-Method", "POST"), ("X-Forwarded-For", f"{STRANGER}, 192.0.2.11"))
    (question,) = door.link.questions
    assert (question.provider, question.username, question.protocol, question.peer) == (7, "alice", "proxy", STRANGER)
    assert question.attributes == {"host": "app.example.com", "path": "/page", "method": "POST"}
    assert door.telemetry.decisions == {("proxy", "accepted"): 1}


def test_nobody_has_signed_in() -> None:
    door = Door()
    answer = door.ask()
    assert (answer.status, answer.body) == (401, b"Sign in to use this application.\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "WWW-Authenticate" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert not door.link.questions
    assert door.telemetry.decisions == {("proxy", "no_credentials"): 1}


def test_wrong_credentials_are_asked_for_again() -> None:
    door = Door()
    for wrong in (basic("alice", "wrong"), basic("nobody", "secret"), basic("alice", "")):
        answer = door.ask(wrong)
        assert (answer.status, answer.body) == (401, b"Name or password is wrong. (q1)\n")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_unreadable_credentials_are_never_sent_on() -> None:
    door = Door()
    for headers in (
        [("Authorization", "Basic ????")],
        [("Authorization", "Bearer to ken")],
        [("Authorization", "Bearer " + "x" * 9000)],
        [ALICE, ALICE],
        [("Authorization", "")],
    ):
        answer = door.ask(*headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert not door.link.questions
    assert door.telemetry.decisions == {("proxy", "unreadable_credentials"): 5}


def test_an_access_token_is_shown_to_control_and_remembered_for_a_moment() -> None:
    door = Door()
    token = Bearer("good.token")
    door.link.verdicts[token.username] = "accepted"
    door.link.identities[token.username] = an_identity("alice")
    for header in (("Authorization", "Bearer good.token"), basic("goauthentik.io/token", "good.token")):
        answer = door.ask(header)
        assert (answer.status, answer.headers["X-Authentik-Username"]) == (200, "alice")
    assert door.link.questions[0].proof == {"kind": "bearer", "token": "good.token"}
    refused = door.ask(("Authorization", "Bearer bad.token"))
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


def test_credentials_for_the_application_behind_are_not_looked_at() -> None:
    door = Door()
    assert door.ask(ALICE, url="https://own-login.example.com/").status == 401
    assert not door.link.questions


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.BAD_CREDENTIALS, 401),
        (Outcome.CHALLENGED, 401),
        (Outcome.NOT_ALLOWED, 403),
        (Outcome.THROTTLED, 403),
        (Outcome.UNAVAILABLE, 503),
    ],
)
def test_statuses_that_nginx_understands(outcome: Outcome, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REASONS, "test", Reason("test", outcome, "A reason for this test."))
    door = Door()
    door.link.verdicts["alice"] = "test"
    answer = door.ask(ALICE)
    assert answer.status == status
    assert not IDENTITY_HEADERS & answer.headers.keys()
    assert door.telemetry.decisions == {("proxy", "test"): 1}


def test_control_away() -> None:
    door = Door()
    door.link.away = True
    assert door.ask(ALICE).status == 503


OURS = "https://app.example.com/outpost.goauthentik.io"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (TARGET, f"{OURS}/auth/nginx"),
        (TARGET, f"{OURS}/auth/envoy/page"),
        (TARGET, f"{OURS}/%61uth/envoy/page"),
        ("/outpost.goauthentik.io/auth/envoy/page", f"{OURS}/auth/envoy/page"),
        (
            "/outpost.goauthentik.io/auth/envoy/page",
            "https://app.example.com/%6futpost.goauthentik.io//auth/envoy/page",
        ),
        ("/outpost.goauthentik.io/auth/envoy/outpost.goauthentik.io/auth/caddy", None),
    ],
)
def test_browsers_do_not_ask(target: str, url: str | None) -> None:
    """A proxy hands on everything below our path, and tells in X-Original-URL what was asked for, as authentik's
    example for nginx does; or it asks about such a path, as about any other."""
    door = Door()
    told = [("X-Original-URL", url)] if url is not None else []
    browser = [ALICE, ("X-Forwarded-Proto", "https")]
    answer = door.visit(PROXY).ask(get(target, *told, *browser, host="app.example.com"))
    assert (answer.status, answer.headers.keys() & IDENTITY_HEADERS) == (400, set()), answer
    assert b"A browser asks what proxies ask" in answer.body


def test_a_browsers_original_url_is_nothing_to_envoy() -> None:
    door = Door()
    spoofed = ("X-Original-URL", "https://other.example.com/public?rd=/start")
    question = get(
        "/outpost.goauthentik.io/auth/envoy/page",
        spoofed,
        ALICE,
        ("X-Forwarded-Proto", "https"),
        host="app.example.com",
    )
    assert door.visit(PROXY).ask(question).status == 200


def test_an_untrusted_peer_is_refused_whatever_it_says() -> None:
    door = Door()
    answer = door.ask(ALICE, peer=STRANGER)
    assert answer.status == 403
    answer = door.ask(ALICE, ("X-Forwarded-For", PROXY), url="nonsense", peer=STRANGER)
    assert answer.status == 403
    assert not door.link.questions
    assert door.telemetry.decisions == {("proxy", "untrusted_proxy"): 2}


@pytest.mark.parametrize(
    "url", ["https://nobody.invalid/", "https://evilexample.org/", "https://app.example.com:8443/"]
)
def test_an_unknown_host_is_closed(url: str) -> None:
    door = Door()
    assert door.ask(ALICE, url=url).status == 403
    assert not door.link.questions


def test_a_host_in_proxy_mode_is_closed() -> None:
    door = Door()
    assert door.ask(ALICE, url="https://proxied.example.com/").status == 403
    assert not door.link.questions


def test_a_single_site_answers_for_no_other_host() -> None:
    door = Door(provider(7, "https://app.example.com"))
    assert door.ask(ALICE, url="https://other.example.com/").status == 403


def test_a_domain_decides_for_hosts_without_an_application() -> None:
    door = Door()
    answer = door.ask(ALICE, url="https://anything.example.org/")
    assert (answer.status, answer.headers["X-Authentik-Meta-App"]) == (200, "app-10")


def test_the_browser_cannot_choose_the_host() -> None:
    """nginx with $http_host: the server block is app.example.com's, the URL says otherwise."""
    door = Door()
    answer = door.ask(ALICE, url="https://own-login.example.com/", host="app.example.com")
    assert (answer.status, b"$host" in answer.body) == (400, True)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    served = vector.get("request", {"scheme": "https", "host": "app.example.com"})
    records = [provider(1, f"{served['scheme']}://{served['host']}")]
    request = get(TARGET, *vector["headers"], ALICE, host=vector["host"])
    for delivery in deliveries(request):
        door = Door(*records)
        visitor = door.visit()
        visitor.send(*delivery.pieces)
        answer = visitor.answers()[0]
        if "refused" in vector:
            assert answer.status == 400, delivery.name
            assert not door.link.questions
            assert answer.body.startswith(vector["refused"].encode())
        else:
            assert answer.status == 200, delivery.name
            (question,) = door.link.questions
            assert question.attributes == {
                "host": vector["request"]["host"],
                "path": vector["request"]["target"].partition("?")[0],
                "method": vector["request"]["method"],
            }


def test_the_operator_is_told_of_a_proxy_set_up_wrongly_once() -> None:
    door = Door()
    for _ in range(3):
        assert door.visit().ask(get(TARGET)).status == 400
    assert len(door.telemetry.notes) == 1
    assert "X-Original-URL is missing: add proxy_set_header" in door.telemetry.notes[0]
    assert door.telemetry.discards["proxy", "bad_forwarding"] == 3


def test_an_unreadable_client_address_is_refused() -> None:
    door = Door()
    assert door.ask(ALICE, ("X-Forwarded-For", "a")).status == 400
    assert not door.link.questions


@pytest.mark.parametrize(
    "target",
    [
        "/outpost.goauthentik.io/",
        "/outpost.goauthentik.io/auth/",
        "/outpost.goauthentik.io/auth/caddy/",
        "/outpost.goauthentik.io/auth/envoyage",
        "/outpost.goauthentik.io/auth/nginx/",
        "/outpost.goauthentik.io/auth/nginx%20",
        "/outpost.goauthentik.io/auth/NGINX",
        "/outpost.goauthentik.io/start",
        "/outpost.goauthentik.io/callback",
        "/outpost.goauthentik.io/sign_out",
    ],
)
def test_what_is_not_there_is_404(target: str) -> None:
    door = Door()
    answer = door.visit().ask(get(target, ("X-Original-URL", "https://app.example.com/"), ALICE))
    assert answer.status == 404
    assert not door.link.questions


def test_ping_for_everybody() -> None:
    answer = Door().visit(STRANGER).ask(get("/outpost.goauthentik.io/ping", ("User-Agent", "kube-probe/1.0")))
    assert (answer.status, answer.body) == (204, b"")


def test_no_path_and_no_agent_opens_anything() -> None:
    door = Door()
    for url in ("https://app.example.com/outpost.goauthentik.io/ping", "https://app.example.com/-/health/live/"):
        assert door.ask(("User-Agent", "kube-probe/1.0"), url=url).status == 401
    assert door.ask(("X-Original-Method", "OPTIONS"), ("Origin", "https://x")).status == 401


def test_skip_path_regex_opens_what_it_says_and_nothing_is_said_of_anybody() -> None:
    door = Door(RECORDS[0], provider(7, "https://app.example.com", skip_path_regex="^/public/"))
    answer = door.ask(("X-Authentik-Username", "admin"), url="https://app.example.com/public/x?y")
    assert (answer.status, answer.headers["X-Authentik-Username"]) == (200, "")
    assert answer.headers["X-Authentik-Meta-App"] == "app-7"
    assert answer.headers.keys() >= IDENTITY_HEADERS
    assert door.ask(url="https://app.example.com/private").status == 401
    assert door.telemetry.decisions["proxy", "skipped_path"] == 1


def test_credentials_for_the_application_are_injected_and_the_browsers_own_never_pass() -> None:
    wanted = {"basic_auth_user_attribute": "u", "basic_auth_password_attribute": "p", "skip_path_regex": "^/public/"}
    door = Door(RECORDS[0], provider(7, "https://app.example.com", basic_auth_enabled=True, **wanted))
    door.link.identities["alice"] = an_identity("alice", attributes={"u": "root", "p": "x"})
    assert door.ask(ALICE).headers["Authorization"] == "Basic cm9vdDp4"
    assert door.ask(ALICE, url="https://app.example.com/public/x").headers["Authorization"] == ""


def test_patterns_that_may_be_mistakes_are_told() -> None:
    door = Door(RECORDS[0], provider(7, "https://app.example.com", skip_path_regex="/public\n(unclosed"))
    faulty, unanchored = door.telemetry.notes
    assert "'(unclosed'" in faulty
    assert "matches anywhere" in unanchored


def test_changes_are_in_force_at_once() -> None:
    door = Door()

    def configure(*records: Record) -> None:
        door.directory.publish(*changed(door.directory.current, 2, [Configuration(records)]))

    assert door.ask(ALICE, url="https://new.example.com/").status == 403
    configure(*RECORDS, provider(11, "https://new.example.com"))
    assert door.ask(ALICE, url="https://new.example.com/").status == 200
    configure(OutpostRecord("o", "renamed", "any", config={}), provider(11, "https://new.example.com"))
    answer = door.ask(ALICE, url="https://new.example.com/")
    assert (answer.headers["X-Authentik-Meta-Outpost"], answer.headers["X-Authentik-Meta-Jwks"]) == (
        "renamed",
        "http://localhost:9000/application/o/app-11/jwks/",
    )
    configure(*RECORDS)
    assert door.ask(ALICE, url="https://new.example.com/").status == 403


def test_other_providers_and_broken_hosts_disturb_nobody() -> None:
    ldap = ProviderRecord(1, "LDAP", "ldap", "a", "A", "a", "any", LdapSettings())
    door = Door(RECORDS[0], ldap, provider(2, "not a URL"), provider(7, "https://app.example.com"))
    assert door.ask(ALICE).status == 200
    assert door.telemetry.notes == [
        "The external host or cookie domain of provider 'Provider 2' is no host: correct it."
    ]


def test_an_identity_that_does_not_fit_is_refused_and_not_cut() -> None:
    door = Door()
    door.link.identities["alice"] = an_identity("alice", groups=tuple(f"group {n}" for n in range(5000)))
    assert door.ask(ALICE).status == 403
    assert door.telemetry.decisions == {("proxy", "identity_too_long"): 1}


def test_a_value_cannot_write_headers_of_its_own() -> None:
    door = Door()
    door.link.identities["alice"] = an_identity("alice", name="Al\r\nX-Authentik-Groups: admins")
    answer = door.ask(ALICE)
    assert answer.headers["X-Authentik-Name"] == "Al%0D%0AX-Authentik-Groups: admins"
    assert answer.headers["X-Authentik-Groups"] == ""


def test_a_body_is_not_waited_for() -> None:
    """nginx without Content-Length "" announces a body that never comes."""
    for length in ("7", "1000000000000"):
        assert Door().ask(ALICE, ("Content-Length", length)).status == 200


def test_an_upgrade_is_never_accepted() -> None:
    """Caddy hands the browser's WebSocket handshake on to us."""
    answer = Door().ask(ALICE, ("Connection", "Upgrade"), ("Upgrade", "websocket"))
    assert answer.status == 200


def test_a_proxy_that_leaves_meanwhile() -> None:
    door = Door()

    async def leave(*_: object) -> Decision:
        visitor.leave()
        return Decision("accepted", an_identity("alice"))

    door.authentication.authenticate = leave  # type: ignore[assignment, method-assign]
    visitor = door.visit()
    visitor.send(get(TARGET, ("X-Original-URL", "https://app.example.com/"), ALICE))
    assert visitor.received == b""
    assert door.telemetry.faults == []


# --- a fault at each step denies ---


def raising(*_: object, **__: object) -> Any:
    raise RuntimeError("injected")


async def raising_later(*_: object) -> Decision:
    raise RuntimeError("injected")


Step = Callable[[Door, pytest.MonkeyPatch], None]


def dialect(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONVENTIONS, TARGET, replace(CONVENTIONS[TARGET], dialect=raising))


def identity(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONVENTIONS, TARGET, replace(CONVENTIONS[TARGET], identity=raising))


def module_step(name: str, module: ModuleType = forward_auth_module) -> Step:
    def inject(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, name, raising)

    return inject


def door_step(path: str, broken: Callable[..., Any] = raising) -> Step:
    def inject(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        *owners, name = path.split(".")
        owner: Any = door
        for step in owners:
            owner = getattr(owner, step)
        monkeypatch.setattr(owner, name, broken)

    return inject


def link_failure(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.link.fails = RuntimeError("injected")


STEPS: dict[str, Step] = {
    "is the peer trusted": door_step("route._trusted.is_trusted"),
    "read the dialect": dialect,
    "find the client": door_step("route._trusted.client"),
    "find the site": door_step("route.table.find"),
    "choose the site": module_step("site_for"),
    "look for credentials": module_step("credentials_in"),
    "look at the rules": door_step("route._rules.level"),
    "circumstances": module_step("Circumstances", asking),
    "make credentials": module_step("Password"),
    "authenticate": door_step("authentication.authenticate", raising_later),
    "authenticate, not even begun": door_step("authentication.authenticate"),
    "ask the link": link_failure,
    "write the identity": identity,
    "write about the provider": module_step("meta_fields", identity_lines),
    "render headers": module_step("field_lines", identity_lines),
    "tell": door_step("telemetry.decided"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_any_step_denies(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    STEPS[step](door, monkeypatch)
    answer = door.ask(ALICE)
    assert answer.status in (500, 503)
    assert not IDENTITY_HEADERS & answer.headers.keys()
    assert len(door.telemetry.faults) == 1


@pytest.mark.parametrize("headers", [[ALICE], [], [basic("alice", "wrong")]], ids=["accepted", "anonymous", "wrong"])
def test_a_fault_in_the_answer_itself_breaks_off(
    headers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door()
    visitor = door.visit()
    monkeypatch.setattr(visitor.connection.http, "respond", raising)
    visitor.send(get(TARGET, ("X-Original-URL", "https://app.example.com/"), *headers))
    assert visitor.received == b""
    assert visitor.closed
    assert door.telemetry.faults == ["forward_auth"]


def test_a_fault_without_credentials_or_with_wrong_ones_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    monkeypatch.setattr(door.telemetry, "decided", raising)
    for headers, url in (([basic("alice", "wrong")], "https://app.example.com/"), ([], "https://nobody.invalid/")):
        assert door.ask(*headers, url=url).status == 500


def test_circumstances_of_a_refusal_name_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Circumstances, Decision]] = []
    door = Door()
    monkeypatch.setattr(door.telemetry, "decided", lambda *said: seen.append(said))
    door.ask(basic("alice", "hunter2"))
    assert "hunter2" not in repr(seen)
    assert seen[0][0] == "alice"


def test_the_documented_configuration_is_the_tested_file_and_copies_every_header() -> None:
    root = Path(__file__).parents[3]
    configuration = (root / "examples/nginx.conf").read_text()
    assert f"```nginx\n{configuration}```\n" in (root / "docs/proxies/nginx.md").read_text()
    for name in IDENTITY_HEADERS:
        variable = name.lower().replace("-", "_")
        assert f"$upstream_http_{variable};" in configuration
        copied = "$" + variable.removeprefix("x_")
        assert any(line.split() == ["proxy_set_header", name, f"{copied};"] for line in configuration.splitlines())


# --- knocks ---


def test_a_host_without_an_application_and_an_untrusted_proxy_knock_until_they_are_known() -> None:
    door = Door()
    reports: list[tuple[str, dict[str, Any]]] = []
    door.telemetry.report = lambda kind, body: reports.append((kind, body))
    door.ask(ALICE, url="https://new.example.com/")
    door.ask(ALICE, url="https://new.example.com/", peer=STRANGER)
    assert reports == [
        ("knock", {"kind": "host", "what": "new.example.com", "count": 1, "peer": PROXY}),
        ("knock", {"kind": "proxy", "what": STRANGER, "count": 1, "peer": STRANGER}),
    ]
    door.directory.publish(whole(2, (*RECORDS, provider(11, "https://new.example.com"))), Touched(everything=True))
    door.ask(url="https://new.example.com/")
    assert reports[2:] == [("knock_answered", {"kind": "host", "what": "new.example.com"})]
