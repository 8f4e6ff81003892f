"""Callers that are set up for Authelia or oauth2-proxy, and change nothing."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from outpost.directory.draft import whole
from outpost.directory.snapshot import Touched
from protocols.link.messages import AccessRule, GroupRecord, IdentityRecord
from protocols.proxy.conventions import keeps_out
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Answer, get
from tests.outpost.listeners.test_forward_auth import ALICE, IDENTITY_HEADERS, PROXY, STRANGER, Door, basic
from tests.outpost.listeners.test_sign_in import APP, NAVIGATION, Outpost, Visitor, records

REMOTE = {"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email"}
AUTH_REQUEST = {
    "X-Auth-Request-User",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
}
PORTAL = "https://login.example.org"
GRAFANA = "https://grafana.example.org"


def ask(target: str, *headers: tuple[str, str], host: str = "app.example.com", door: Door | None = None) -> Answer:
    return (door or Door()).visit().ask(get(target, *headers, host=host))


# --- Authelia ------------------------------------------------------------------------------------------------------

AUTH_REQUEST_AT = "/api/authz/auth-request"
FORWARD_AUTH_AT = "/api/authz/forward-auth"
EXT_AUTHZ_AT = "/api/authz/ext-authz"
ORIGINAL = (("X-Original-URL", "https://app.example.com/page"), ("X-Original-Method", "GET"))
FORWARDED = (
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "app.example.com"),
    ("X-Forwarded-Method", "GET"),
)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (AUTH_REQUEST_AT, ORIGINAL),
        (FORWARD_AUTH_AT, (*FORWARDED, ("X-Forwarded-Uri", "/page"))),
        (FORWARD_AUTH_AT, FORWARDED),
        (f"{EXT_AUTHZ_AT}/page", (("X-Forwarded-Proto", "https"),)),
        (f"{EXT_AUTHZ_AT}//page", (("X-Forwarded-Proto", "https"),)),
    ],
)
def test_authelias_headers_and_no_others(target: str, said: tuple[tuple[str, str], ...]) -> None:
    answer = ask(target, *said, ALICE)
    assert answer.status == 200
    assert {name: answer.headers[name] for name in REMOTE} == {
        "Remote-User": "alice",
        "Remote-Groups": "staff,wifi",
        "Remote-Name": "Alice",
        "Remote-Email": "alice@example.com",
    }
    assert not (IDENTITY_HEADERS | AUTH_REQUEST) & answer.headers.keys()


@pytest.mark.parametrize("missing", ["X-Original-URL", "X-Original-Method"])
def test_auth_request_needs_both_headers(missing: str) -> None:
    said = [header for header in ORIGINAL if header[0] != missing]
    answer = ask(AUTH_REQUEST_AT, *said, ALICE)
    assert (answer.status, missing.encode() in answer.body) == (400, True)


@pytest.mark.parametrize("missing", ["X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Method"])
def test_forward_auth_needs_its_headers(missing: str) -> None:
    said = [header for header in FORWARDED if header[0] != missing]
    assert ask(FORWARD_AUTH_AT, *said, *ORIGINAL, ALICE).status == 400


def test_no_dialect_reads_anothers_headers() -> None:
    assert ask(FORWARD_AUTH_AT, *ORIGINAL, ALICE).status == 400
    assert ask(AUTH_REQUEST_AT, *FORWARDED, ("X-Forwarded-Uri", "/page"), ALICE).status == 400


def test_auth_request_is_told_where_to_sign_in() -> None:
    answer = ask(AUTH_REQUEST_AT, ("X-Original-URL", "https://app.example.com/a?b=c"), ("X-Original-Method", "GET"))
    assert answer.status == 401
    where = urlsplit(answer.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == "https://app.example.com/outpost.goauthentik.io/start"
    assert parse_qs(where.query) == {"rd": ["https://app.example.com/a?b=c"]}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ((("Referer", "https://app.example.com/form?x=1"),), "https://app.example.com/form?x=1"),
        ((("Referer", "https://evil.example/form"),), "https://app.example.com/"),
        ((), "https://app.example.com/"),
    ],
)
def test_a_post_comes_back_to_the_page_that_it_came_from(referer: tuple[tuple[str, str], ...], back: str) -> None:
    said = (("X-Original-URL", "https://app.example.com/save"), ("X-Original-Method", "POST"))
    where = urlsplit(ask(AUTH_REQUEST_AT, *said, *referer).headers["Location"])
    assert parse_qs(where.query) == {"rd": [back]}


def test_the_portal_of_a_domain_is_where_to_sign_in(outpost: Outpost) -> None:
    """The proxy of the application only asks; nothing else of it leads to us."""
    visitor = Visitor(outpost)
    said = {"X-Original-URL": f"{GRAFANA}/d/1?x=2", "X-Original-Method": "GET"}
    asked = outpost.listener.connect(PROXY).ask(get(AUTH_REQUEST_AT, *said.items(), host="outpost"))
    assert asked.headers["Location"].startswith(f"{PORTAL}/outpost.goauthentik.io/start?")
    bounced = visitor.direct(asked.headers["Location"], **NAVIGATION)
    outpost.link.codes["code-1"] = outpost.session()
    landed = visitor.direct(visitor.answer_of_control(bounced))
    assert landed.headers["Location"] == f"{GRAFANA}/d/1?x=2"
    cookie = visitor.cookies["example.org"]
    pairs = "; ".join(f"{name}={value}" for name, value in cookie.items())
    answer = outpost.listener.connect(PROXY).ask(get(AUTH_REQUEST_AT, *said.items(), ("Cookie", pairs), host="outpost"))
    assert (answer.status, answer.headers["Remote-User"]) == (200, "alice")


def test_forward_auth_sends_people_to_sign_in_and_programs_nowhere(outpost: Outpost) -> None:
    said = (*FORWARDED, ("X-Forwarded-Uri", "/page"))
    for method, status in (("GET", 302), ("HEAD", 302), ("OPTIONS", 302), ("POST", 303), ("DELETE", 303)):
        headers = [(name, method if name == "X-Forwarded-Method" else value) for name, value in said]
        answer = outpost.listener.connect(PROXY).ask(get(FORWARD_AUTH_AT, *headers, *NAVIGATION.items()))
        assert answer.status == status
    program = outpost.listener.connect(PROXY).ask(get(FORWARD_AUTH_AT, *said, ("Accept", "application/json")))
    assert program.status == 401


@pytest.mark.parametrize("method", ["M-SEARCH", "A_B", "get", "GE T"])
def test_a_method_is_letters_alone_as_authelia_reads_it(method: str) -> None:
    originally = [(name, method if name == "X-Original-Method" else value) for name, value in ORIGINAL]
    assert ask(AUTH_REQUEST_AT, *originally).status == 400
    said = [(name, method if name == "X-Forwarded-Method" else value) for name, value in FORWARDED]
    for uri in ([], [("X-Forwarded-Uri", "/page")]):
        assert ask(FORWARD_AUTH_AT, *said, *uri).status == 400
    if " " not in method:
        sent = get(f"{EXT_AUTHZ_AT}/page", ("X-Forwarded-Proto", "https"), host="app.example.com", method=method)
        assert Door().visit().ask(sent).status == 400


def test_a_target_that_is_not_told_skips_nothing() -> None:
    door = Door(provider(7, APP, skip_path_regex="^/?$\n^/public"))
    assert ask(FORWARD_AUTH_AT, *FORWARDED, door=door).status in (302, 401)
    skipped = ask(FORWARD_AUTH_AT, *FORWARDED, ("X-Forwarded-Uri", "/public/x"), door=door)
    assert skipped.status == 200
    assert {skipped.headers[name] for name in REMOTE} == {""}


def test_a_comma_in_a_groups_name_makes_no_second_group(outpost: Outpost) -> None:
    changed = [replace(one, name="staff,admins") if isinstance(one, GroupRecord) else one for one in records()]
    outpost.directory.publish(whole(2, changed), Touched(everything=True))
    visitor = Visitor(outpost)
    visitor.sign_in(f"{APP}/")
    cookie = visitor._cookie("app.example.com")
    answer = outpost.listener.connect(PROXY).ask(get(AUTH_REQUEST_AT, *ORIGINAL, *cookie.items()))
    assert answer.headers["Remote-Groups"] == "staff%2Cadmins"


# --- oauth2-proxy --------------------------------------------------------------------------------------------------

AUTH_AT = "/oauth2/auth"
URI = ("X-Forwarded-Uri", "/page")


@pytest.fixture
def outpost() -> Outpost:
    return Outpost()


def test_auth_answers_202_with_its_own_headers() -> None:
    answer = ask(AUTH_AT, URI, ALICE)
    assert answer.status == 202
    assert {name: answer.headers[name] for name in AUTH_REQUEST} == {
        "X-Auth-Request-User": "alice",
        "X-Auth-Request-Preferred-Username": "alice",
        "X-Auth-Request-Email": "alice@example.com",
        "X-Auth-Request-Groups": "staff,wifi",
    }
    assert not (IDENTITY_HEADERS | REMOTE) & answer.headers.keys()


def test_auth_never_redirects() -> None:
    answer = ask(AUTH_AT, URI, *NAVIGATION.items())
    assert answer.status == 401
    assert not {"Location", "Set-Cookie"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("target", "said"),
    [(AUTH_AT, (URI,)), (AUTH_REQUEST_AT, ORIGINAL), ("/outpost.goauthentik.io/auth/nginx", ORIGINAL)],
)
def test_a_program_is_told_so_in_its_language(target: str, said: tuple[tuple[str, str], ...]) -> None:
    """By callers that pass on no redirect, too: some show the body."""
    answer = ask(target, *said, ("Accept", "application/json"))
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")
    assert "Set-Cookie" not in answer.headers


def test_auth_needs_to_know_the_path() -> None:
    answer = ask(AUTH_AT, ALICE)
    assert (answer.status, b"X-Forwarded-Uri" in answer.body) == (400, True)


def test_as_ingress_nginx_asks() -> None:
    assert ask(AUTH_AT, ("X-Original-URL", "https://app.example.com/page"), ALICE, host="oauth2-proxy").status == 202
    both = ask(AUTH_AT, ("X-Original-URL", "https://app.example.com/page"), ("X-Forwarded-Uri", "/public"), ALICE)
    assert both.status == 400


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ((("X-Real-IP", "203.0.113.7"),), 202),
        ((("X-Real-IP", "198.51.100.7"), ("X-Forwarded-For", "203.0.113.7")), 401),
        ((("X-Real-IP", "203.0.113.7"), ("X-Forwarded-For", "nonsense")), 202),
        ((("X-Forwarded-For", "203.0.113.7"),), 202),
        ((("X-Real-IP", ""), ("X-Forwarded-For", "203.0.113.7")), 202),
        ((("X-Real-IP", "203.0.113.7"), ("X-Real-IP", "203.0.113.7")), 400),
        ((("X-Real-IP", "203.0.113.7, 203.0.113.8"),), 400),
        ((("X-Real-IP", "fe80::1%eth0"),), 400),
    ],
)
def test_the_address_is_the_one_that_oauth2_proxy_goes_by(said: tuple[tuple[str, str], ...], status: int) -> None:
    """Its configurations set X-Real-IP, and leave X-Forwarded-For to the browser."""
    rules = (AccessRule("bypass", networks=("203.0.113.0/24",)),)
    door = Door(provider(7, "https://app.example.com", access_rules=rules))
    assert ask(AUTH_AT, URI, *said, door=door).status == status


def test_no_other_dialect_goes_by_it() -> None:
    rules = (AccessRule("bypass", networks=("203.0.113.0/24",)),)
    door = Door(provider(7, "https://app.example.com", access_rules=rules))
    said = ("X-Real-IP", "203.0.113.7"), ("X-Forwarded-For", "198.51.100.7")
    for target in (AUTH_REQUEST_AT, "/outpost.goauthentik.io/auth/nginx"):
        assert ask(target, *ORIGINAL, *said, door=door).status == 401


def test_a_browser_cannot_name_another_host_below_the_domain() -> None:
    """nginx says Host and X-Forwarded-Uri, and hands on what a browser says in X-Original-URL."""
    door = Door(
        provider(7, GRAFANA, skip_path_regex="^/"),
        provider(10, PORTAL, mode="forward_domain", cookie_domain="example.org"),
    )
    assert ask(AUTH_AT, URI, host="grafana.example.org", door=door).status == 202
    assert ask(AUTH_AT, URI, host="wiki.example.org", door=door).status == 401
    named = ("X-Original-URL", f"{GRAFANA}/page")
    assert ask(AUTH_AT, URI, named, host="wiki.example.org", door=door).status == 400
    assert ask(AUTH_AT, URI, named, host="grafana.example.org", door=door).status == 202


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("allowed_groups=staff", 202),
        ("allowed_groups=admins,staff", 202),
        ("allowed_groups=admins", 403),
        ("allowed_groups=Staff", 403),
        ("allowed_groups=", 202),
        ("allowed_emails=ALICE@example.com", 202),
        ("allowed_emails=bob@example.com", 403),
        ("allowed_email_domains=example.com", 202),
        ("allowed_email_domains=*.example.com", 403),
        ("allowed_email_domains=example.org,*", 202),
        ("allowed_email_domains=ample.com", 403),
        ("allowed_groups=staff&allowed_emails=bob@example.com", 403),
        ("&".join(["a=b"] * 60), 403),
    ],
)
def test_the_address_may_restrict_who_may_in(query: str, status: int, outpost: Outpost) -> None:
    assert ask(f"{AUTH_AT}?{query}", URI, ALICE).status == status
    assert ask(f"{AUTH_AT}?{query}", URI, basic("alice", "wrong")).status == 401


@pytest.mark.parametrize("query", ["allowed_emails=alice@example.com", "allowed_email_domains=*"])
def test_whoever_has_no_confirmed_address_is_kept_out(query: str) -> None:
    """Control tells outposts of no other."""
    alice = IdentityRecord(1, "uuid", "uid", "alice", "Alice", "", 1)
    assert keeps_out(query, alice)
    assert not keeps_out(query, replace(alice, email="alice@example.com"))


def test_the_restriction_holds_for_sessions(outpost: Outpost) -> None:
    visitor = Visitor(outpost)
    visitor.sign_in(f"{APP}/")
    cookie = visitor._cookie("app.example.com")
    for query, status in (("allowed_groups=staff", 202), ("allowed_groups=admins", 403), ("allowed_groups=staff", 202)):
        answer = outpost.listener.connect(PROXY).ask(
            get(f"{AUTH_AT}?{query}", URI, *cookie.items(), host="app.example.com")
        )
        assert answer.status == status


def test_signing_in_by_its_addresses_alone(outpost: Outpost) -> None:
    """nginx shows /oauth2/sign_in for a 401; everything else happens below /oauth2/."""
    visitor = Visitor(outpost)
    offer = visitor.direct(f"{APP}/oauth2/sign_in", **NAVIGATION, **{"X-Auth-Request-Redirect": "/page?x=1"})
    assert offer.status == 200
    assert b'href="/oauth2/start?rd=%2Fpage%3Fx%3D1"' in offer.body
    bounced = visitor.direct(f"{APP}/oauth2/start?rd=%2Fpage%3Fx%3D1", **NAVIGATION)
    assert bounced.status == 302
    asked = parse_qs(urlsplit(bounced.headers["Location"]).query)
    assert asked["redirect_uri"] == [f"{APP}/oauth2/callback"]
    outpost.link.codes["code-1"] = outpost.session()
    landed = visitor.direct(f"{APP}/oauth2/callback?code=code-1&state={asked['state'][0]}")
    assert (landed.status, landed.headers["Location"]) == (302, f"{APP}/page?x=1")
    assert outpost.link.redeemed[-1].redirect_uri == f"{APP}/oauth2/callback"
    cookie = visitor._cookie("app.example.com")
    assert outpost.listener.connect(PROXY).ask(get(AUTH_AT, URI, *cookie.items(), host="app.example.com")).status == 202
    visitor.direct(f"{APP}/oauth2/sign_out")
    assert outpost.listener.connect(PROXY).ask(get(AUTH_AT, URI, *cookie.items(), host="app.example.com")).status == 401


def test_its_addresses_behind_us_are_the_applications(outpost: Outpost) -> None:
    """Seen in what a proxy forwards, they are pages like any other."""
    visitor = Visitor(outpost)
    visitor.sign_in(f"{APP}/")
    answer = visitor.open(f"{APP}/oauth2/callback?code=x&state=y")
    assert (answer.status, answer.headers["X-Authentik-Username"]) == (200, "alice")


@pytest.mark.parametrize("target", [AUTH_REQUEST_AT, FORWARD_AUTH_AT, f"{EXT_AUTHZ_AT}/", AUTH_AT])
def test_a_stranger_is_refused_at_every_address(target: str) -> None:
    answer = Door().visit(STRANGER).ask(get(target, *ORIGINAL, *FORWARDED, URI, ALICE))
    assert answer.status == 403
