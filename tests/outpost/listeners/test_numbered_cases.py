"""Cases of the field by their numbers (`tests/test_field_cases.py`), on the listener."""

from __future__ import annotations

from itertools import permutations

import pytest

from outpost.browsers.sessions import SESSION
from protocols.link.messages import AccessRule, GroupRecord, Put
from protocols.proxy.cookies import MAX_SAME_NAME
from protocols.proxy.login_state import BrowserSession
from protocols.proxy.trust import TrustedPeers
from settings.read import load
from tests.outpost.listeners.forward_auth_door import provider
from tests.outpost.listeners.http_connections import Answer, get
from tests.outpost.listeners.proxied import HOST, Proxied
from tests.outpost.listeners.test_forward_auth import ALICE as PASSWORD
from tests.outpost.listeners.test_forward_auth import IDENTITY_HEADERS, Door
from tests.outpost.listeners.test_sign_in import APP, NAVIGATION, STAFF, Outpost, Visitor, a_user

PAGE = f"{APP}/page"
START = f"{APP}/outpost.goauthentik.io/start"
ABOUT_PEOPLE = sorted(name for name in IDENTITY_HEADERS if "-Meta-" not in name)


@pytest.fixture
def outpost() -> Outpost:
    return Outpost()


@pytest.fixture
def visitor(outpost: Outpost) -> Visitor:
    return Visitor(outpost)


def is_session(answer: Answer) -> bool:
    return "authentik_proxy_" in answer.headers.get("Set-Cookie", "")


@pytest.mark.parametrize("said", [{}, {"OUTPOST_LISTEN__TRUSTED_PROXY_CIDRS": ""}])
def test_t02_who_names_no_trusted_proxies_trusts_this_machine_alone(said: dict[str, str]) -> None:
    """CVE-2026-76835: not everybody."""
    networks = load(said).listen.trusted_proxy_cidrs
    assert all(network.is_loopback for network in networks)
    assert not TrustedPeers(networks).is_trusted("203.0.113.9")
    door = Door()
    for peer in ("203.0.113.9", "127.0.0.1"):  # of which this one trusts neither
        answer = door.ask(PASSWORD, peer=peer)
        assert (answer.status, IDENTITY_HEADERS & answer.headers.keys()) == (403, set())


@pytest.mark.parametrize(("said", "status"), [("10.0.0.1, 198.51.100.7", 401), ("198.51.100.7, 10.0.0.1", 200)])
def test_t04_a_network_is_that_of_the_last_address(said: str, status: int) -> None:
    door = Door(provider(7, APP, access_rules=(AccessRule("bypass", networks=("10.0.0.0/8",)),)))
    assert door.ask(("X-Forwarded-For", said)).status == status


@pytest.mark.parametrize("said", ["a", "1.2.3.4:80", "::1%eth0", "," * 5000])
def test_t05_an_address_that_cannot_be_read_opens_nothing(said: str) -> None:
    door = Door(provider(7, APP, access_rules=(AccessRule("bypass", networks=("0.0.0.0/0", "::/0")),)))
    assert door.ask(("X-Forwarded-For", said)).status == 400


@pytest.mark.parametrize("name", ["Al\r\nRemote-Groups: admins", "nul\0", "del\x7f", "é"])
def test_t31_a_claim_is_one_header(visitor: Visitor, name: str) -> None:
    visitor.outpost.change(Put(a_user(1, "alice", name=name)))
    answer = visitor.sign_in() and visitor.open(PAGE)
    assert answer.status == 200
    assert "Remote-Groups" not in answer.headers
    assert answer.headers["X-Authentik-Name"].isprintable()
    assert answer.headers["X-Authentik-Groups"] == "staff"


def test_t31_a_claim_of_10_kb_is_not_cut(visitor: Visitor) -> None:
    visitor.outpost.change(Put(a_user(1, "alice", name="x" * 10_000)))
    visitor.sign_in()
    answer = visitor.open(PAGE)
    assert (answer.status // 100, IDENTITY_HEADERS & answer.headers.keys()) != (2, IDENTITY_HEADERS)
    assert answer.status >= 400


@pytest.mark.parametrize(
    ("target", "header", "joint"),
    [
        ("/outpost.goauthentik.io/auth/caddy", "X-Authentik-Groups", "|"),
        ("/api/authz/forward-auth", "Remote-Groups", ","),
        ("/oauth2/auth", "X-Auth-Request-Groups", ","),
    ],
)
def test_t32_one_group_does_not_become_two(visitor: Visitor, target: str, header: str, joint: str) -> None:
    one = GroupRecord(STAFF.pk, "staff,admins|admins", is_superuser=False, ordinal=1, members=(1,))
    visitor.outpost.change(Put(one))
    visitor.sign_in()
    _, host, said = visitor._question(PAGE, "GET", {})
    answer = visitor._ask(target, host, said)
    assert answer.status in (200, 202)
    (only,) = answer.headers[header].split(joint)
    assert "staff" in only


def test_t34_an_assertion_of_ones_own_is_overwritten() -> None:
    door = Door(provider(7, APP, assertion_header="X-App-Assertion", skip_path_regex="^/public/"))
    answer = door.ask(("X-App-Assertion", "forged"), url=f"{APP}/public/x")
    assert (answer.status, answer.headers["X-App-Assertion"]) == (200, "")


def test_t34_where_we_are_the_proxy_too() -> None:
    proxied = Proxied(assertion_header="X-App-Assertion", skip_path_regex="^/public/")
    proxied.visit().send(get("/public/x", ("X-App-Assertion", "forged"), ("X_App_Assertion", "forged"), host=HOST))
    assert {name: value for name, value in proxied.application.fields if "assertion" in name} == {"x-app-assertion": ""}


def test_t35_our_cookie_stays_here() -> None:
    proxied = Proxied()
    others = 'a=b=c==; theme="dark"; empty='
    proxied.visit().send(get("/", ("Cookie", f"{others}; {proxied.cookie()}"), host=HOST))
    assert proxied.application.headers["cookie"] == others


ELSEWHERE = [
    *("https://evil.com/?x=app.example.com", "https://app.example.com.evil.com", "https://app.example.com:444/"),
    *("https://app.example.com:443@evil/", "https://[::1]", "//evil.com", "/\\evil.com", "/%09/evil.com"),
    *("https:%5c%5cevil.com", "%2f%2fevil.com", "https%3A%2F%2Fevil.com", "javascript:alert(1)", "\thttps://evil.com"),
    *("https://other.example.com/page", "https://app.example.com%40evil.com/", "http://app.example.com.evil.com/"),
]
"""The last but two is another application's: its own sign-in leads there (T38)."""


@pytest.mark.parametrize("wanted", [one for one in ELSEWHERE if "\t" not in one])
def test_t37_t38_a_sign_in_ends_at_its_own_application(visitor: Visitor, wanted: str) -> None:
    bounced = visitor.direct(f"{START}?rd={wanted}", **NAVIGATION)
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    landed = visitor.open(visitor.answer_of_control(bounced))
    assert landed.headers["Location"].startswith(f"{APP}/")
    assert is_session(landed)


def test_t40_a_changed_state_ends_the_sign_in(visitor: Visitor) -> None:
    url = visitor.answer_of_control(visitor.open(PAGE))
    visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
    before, mark, state = url.partition("state=")
    for at in (0, 15, 30, len(state) // 2):
        other = "A" if state[at] != "A" else "B"
        answer = visitor.open(f"{before}{mark}{state[:at]}{other}{state[at + 1 :]}")
        assert (answer.status, is_session(answer)) == (400, False)
    assert is_session(visitor.open(url)), "as it was, it is good"


def test_t41_an_attackers_answer_makes_no_session(outpost: Outpost) -> None:
    attacker, victim = Visitor(outpost), Visitor(outpost)
    url = attacker.answer_of_control(attacker.open(PAGE))
    outpost.link.codes["code-1"] = outpost.session()
    assert not is_session(victim.open(url))
    assert "code-1" in outpost.link.codes, "nor is the code used"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_t43_three_tabs_finish_in_any_order(visitor: Visitor, order: tuple[int, ...]) -> None:
    begun = [visitor.open(f"{APP}/{tab}") for tab in range(3)]
    assert len(visitor.cookies["app.example.com"]) == 1
    for tab in order:
        visitor.outpost.link.codes["code-1"] = visitor.outpost.session()
        landed = visitor.open(visitor.answer_of_control(begun[tab]))
        assert (landed.status, landed.headers["Location"]) == (302, f"{APP}/{tab}")
    assert visitor.open(PAGE).status == 200


@pytest.mark.parametrize(
    "headers", [{"Accept": "application/json"}, {"X-Requested-With": "XMLHttpRequest"}, {"Sec-Fetch-Mode": "cors"}]
)
def test_t44_fifty_calls_leave_nothing_behind(visitor: Visitor, headers: dict[str, str]) -> None:
    for _ in range(50):
        answer = visitor.open(PAGE, **headers)
        assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")
        assert not {"Set-Cookie", "Location"} & answer.headers.keys()
    assert not visitor.cookies


def sealed(outpost: Outpost, host: str = "app.example.com", **fields: float) -> tuple[str, str]:
    """A session's cookie for this host: name and value."""
    site = outpost.route.table.find(host)
    realm = outpost.route.table.realm(site) if site is not None else None
    assert realm is not None
    now = outpost.clock.now()
    session = BrowserSession(bytes(32), 1, fields.get("signed_in", now - 60), fields.get("expires", now + 60))
    return realm.jar.session.decode(), realm.sealer.seal(SESSION, session.packed(), bytes(12)).decode()


def test_t46_a_cookie_that_is_no_session(outpost: Outpost) -> None:
    name, good = sealed(outpost)
    _, other = sealed(outpost, "other.example.com")
    _, old = sealed(outpost, expires=outpost.clock.now() - 1)
    visitor = Visitor(outpost)
    assert visitor.open(PAGE, Cookie=f"{name}={good}").status == 200
    for wrong in ("", "=", "x", '"', good[:-1], good[: len(good) // 2], f"{good}A", other, old, good.swapcase(), "%00"):
        answer = visitor.open(PAGE, Cookie=f"{name}={wrong}")
        assert (answer.status, IDENTITY_HEADERS & answer.headers.keys()) == (302, set())


def test_t46_control_away_or_failing_lets_nobody_new_in(outpost: Outpost) -> None:
    door = Door()
    door.link.away = True
    assert door.ask(PASSWORD).status == 503
    door.link.away, door.link.fails = False, TimeoutError("injected")
    assert door.ask(PASSWORD).status in (500, 503)
    assert door.telemetry.faults, "it is counted and told"


@pytest.mark.parametrize(
    "cookie",
    [
        "; ".join(f"sess_{at}=x" for at in range(2000)),
        "sess_chunks=99999999; sess_0=x",
        ";;;=" * 2000,
        "{name}=x; " * 500,
        "{name}=" + "A" * 20_000,
        "; ".join(f"{{name}}_{at}=A" for at in range(500)),
    ],
)
def test_t47_cookies_by_the_thousand_are_no_session(
    outpost: Outpost, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = sealed(outpost)
    opened: list[bytes] = []
    site = outpost.route.table.find("app.example.com")
    realm = outpost.route.table.realm(site) if site is not None else None
    assert realm is not None
    monkeypatch.setattr(type(realm.sealer), "open", lambda _, purpose, value: opened.append(value))
    answer = Visitor(outpost).open(PAGE, Cookie=cookie.replace("{name}", name))
    assert answer.status == 302
    assert len(opened) <= MAX_SAME_NAME


def test_t47_more_than_a_head_may_hold_is_refused(outpost: Outpost) -> None:
    connection = outpost.listener.connect("192.0.2.10")
    connection.send(get("/outpost.goauthentik.io/auth/caddy", ("Cookie", "sess_1=x; " * 5000)))
    assert connection.received.startswith(b"HTTP/1.1 431")
