"""What went wrong elsewhere, once, and must not here: each test is named after its lesson (the CVE, or the issue).

Those that touch deciding: who is let in, in whose name, and what makes it so. The others stand with their subjects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Authentication
from control.proofs import proofs
from control.records import Application, Binding, Certificate, Flow, Group, Outpost, Policy, Provider, Session, Token
from control.store.interface import Query, Transaction
from control.verbs import authenticators, users
from protocols.link.messages import Authenticate, Authenticated
from rules.reasons import Outcome
from tests.control.web.api import Api
from tests.control.web.browsing import LOGIN, PASSWORD, USER, Site
from tests.outpost.listeners.test_forward_auth import Door
from tests.stores import run


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.administrator()
    yield made
    made.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    made = Api(tmp_path)
    yield made
    made.close()


class House:
    """An application behind an LDAP provider, and the question whether alice gets in."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.alice = site.user("alice").pk
        self.door = Authentication(site.services.store, proofs(site.services), site.clock)

        def verb(tx: Transaction) -> tuple[int, str]:
            provider = tx.insert(Provider("p", "ldap"))
            application = tx.insert(Application("App", "app", provider=provider.pk))
            tx.insert(Outpost("o", "any", pk="o", providers=(provider.pk,)))
            return provider.pk, application.pk

        self.provider, self.application = site.sql.write_now(verb)

    def ask(self, peer: str = "192.0.2.9", **proof: str) -> Authenticated:
        shown: dict[str, Any] = proof or {"kind": "password", "password": PASSWORD}
        question = Authenticate("q", self.provider, "alice", shown, "ldap", peer)
        return run(self.door.answer("o", question))


@pytest.fixture
def house(site: Site) -> House:
    return House(site)


# --- half signed in ------------------------------------------------------------------------------------------------


def test_cve_2025_53942_somebody_deactivated_halfway_through_is_not_signed_in(site: Site) -> None:
    """Between the password and the second factor."""
    alice = site.user("alice")

    def list_of_codes(tx: Transaction) -> list[str]:
        authenticators.begin_static(tx, alice.pk, site.services.random)
        confirmed = authenticators.confirm_static(tx, alice.pk)
        return list(confirmed.secrets["codes"]) if confirmed is not None else []

    codes = site.sql.write_now(list_of_codes)
    browser = site.browser()
    browser.sign_in("alice")
    assert 'name="code"' in browser.page.text
    site.change(alice.pk, is_active=False)
    browser.submit(code=codes[0])
    assert browser.get(USER, follow=True).url.path != USER
    assert [session.user for session in site.sessions() if session.user == alice.pk] == []


def test_cve_2025_29928_sessions_and_tokens_end_with_their_user(site: Site) -> None:
    alice = site.user("alice")
    browser = site.browser()
    browser.sign_in("alice")
    assert browser.get(USER).status_code == 200
    site.sql.write_now(lambda tx: users.delete(tx, alice.pk))
    assert browser.get(USER, follow=True).url.path != USER
    mine = Query(equal={"user": alice.pk})
    assert site.sql.read_now(lambda tx: (tx.count(Session, mine), tx.count(Token, mine))) == (0, 0)


def test_issue_18639_a_new_password_leads_around_no_second_factor(site: Site) -> None:
    """Elsewhere, recovering a password signed in without one."""
    alice = site.user("alice")
    site.sql.write_now(lambda tx: authenticators.begin_static(tx, alice.pk, site.services.random))
    site.sql.write_now(lambda tx: authenticators.confirm_static(tx, alice.pk))
    browser = site.browser()
    browser.get("/if/flow/default-password-change/")
    browser.submit(uid_field="alice")
    browser.submit(password=PASSWORD)
    assert 'name="code"' in browser.page.text
    assert 'name="password_repeat"' not in browser.page.text


# --- in another flow, for another provider -------------------------------------------------------------------------


def test_cve_2022_23555_what_was_begun_in_one_flow_is_worth_nothing_in_another(site: Site) -> None:
    """Elsewhere, an invitation to one flow opened another."""
    site.user("alice")
    browser = site.browser()
    browser.get("/if/flow/default-password-change/")
    browser.submit(uid_field="alice")
    page = browser.submit(to=LOGIN, password=PASSWORD)
    assert browser.get(USER, follow=True).url.path != USER
    assert 'name="uid_field"' in page.text
    assert [session.user for session in site.sessions() if session.user is not None] == []


def test_a_flow_that_authorizes_proves_nothing(house: House) -> None:
    """Elsewhere, an LDAP provider with the implicit-consent flow, which has no stages, let everybody in."""

    def verb(tx: Transaction) -> None:
        flow = next(one for one in tx.select(Flow) if one.slug.endswith("implicit-consent"))
        tx.update(replace(tx.get(Provider, house.provider), authorization_flow=flow.pk, authentication_flow=flow.pk))

    assert house.ask().outcome is Outcome.ACCEPTED
    house.site.sql.write_now(verb)
    assert house.ask().outcome is not Outcome.ACCEPTED
    assert house.ask(kind="password", password="wrong").outcome is not Outcome.ACCEPTED


# --- what fails must not let in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["", "unknown", "192.0.2.9, 198.51.100.7", "[::1", "1" * 5000])
def test_cve_2024_47070_an_address_that_cannot_be_read_lets_nobody_past_a_policy(house: House, peer: str) -> None:
    """Elsewhere, an X-Forwarded-For that could not be parsed made a policy fail, and a failing one let in."""

    def bind(tx: Transaction) -> None:
        networks = {"networks": ["192.0.2.0/24"]}
        policy = tx.insert(Policy("office", "network", settings=networks))
        tx.insert(Binding(house.application, policy=policy.pk))

    house.site.sql.write_now(bind)
    assert house.ask("192.0.2.9").outcome is Outcome.ACCEPTED
    assert house.ask(peer).outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("address", ["unknown", "192.0.2.9:", "a, b", "::ffff:", "%00"])
def test_cve_2024_47070_nor_past_the_password(site: Site, address: str) -> None:
    site.user("alice")
    browser = site.browser(peer="127.0.0.1")
    browser.client.headers["X-Forwarded-For"] = address
    page = browser.get(LOGIN)
    assert page.status_code == 400
    assert "X-Forwarded-For holds something that is no IP address" in page.text
    assert browser.get(USER, follow=True).url.path != USER


MARK = hashlib.sha256(b"client-7").hexdigest()[:8]
SESSION = f"__Host-authentik_proxy_{MARK}"
"""The name of the cookie that this very application has."""
COOKIES = ["", "x", "=", "\xff", f"{SESSION}=", f"{SESSION}=.", f'{SESSION}="', f"{SESSION}={'A' * 3000}", "a=b;" * 50]


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("dialect", ["nginx", "caddy", "traefik", "envoy"])
def test_cve_2026_25748_a_malformed_cookie_is_no_session(dialect: str, cookie: str) -> None:
    """Elsewhere, it ended in 200 without identity headers, and the application took the visitor's own."""
    door = Door()
    headers = [
        ("Cookie", cookie),
        ("X-Original-URL", "https://app.example.com/"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "app.example.com"),
        ("X-Forwarded-Uri", "/"),
        ("X-Forwarded-Method", "GET"),
        ("X-Authentik-Username", "alice"),
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    target = f"/outpost.goauthentik.io/auth/{dialect}"
    request = f"GET {target} HTTP/1.1\r\nHost: app.example.com\r\n{lines}\r\n"
    answer = door.visit().ask(request.encode("latin-1"))
    assert answer.status >= 300
    assert "X-Authentik-Username" not in answer.headers


def test_a_panic_is_no_success(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, a bind that ran into a recovered panic answered with success."""

    def broken(*_: object) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr("control.authentication.admit", broken)
    assert house.ask().outcome is Outcome.UNAVAILABLE


# --- who may -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "let_in"), [("any", True), ("all", False)])
def test_issue_17484_all_means_all_groups_too(house: House, mode: str, let_in: bool) -> None:
    """Elsewhere, groups and users counted as one binding, of which any was enough."""

    def verb(tx: Transaction) -> None:
        groups = [tx.insert(Group(name)) for name in ("one", "two")]
        tx.add_members(groups[0].pk, [house.alice])
        for group in groups:
            tx.insert(Binding(house.application, group=group.pk))
        tx.update(replace(tx.get(Application, house.application), policy_engine_mode=mode))

    house.site.sql.write_now(verb)
    assert (house.ask().outcome is Outcome.ACCEPTED) is let_in


def test_cve_2024_42490_a_private_key_is_for_whoever_may_see_it(api: Api) -> None:
    alice = api.user("alice")
    token = api.token(alice)
    pair = api.sql.write_now(lambda tx: tx.insert(Certificate("web", "PEM", key_data="-- PRIVATE KEY --")))
    path = f"/crypto/certificatekeypairs/{pair.pk}/view_private_key/"
    assert "PRIVATE KEY" in str(api.get(path))
    answer = api.call("GET", path, token=token)
    assert answer.status in (403, 404)
    assert b"PRIVATE KEY" not in answer.text
    assert api.call("GET", path, token=None).status in (401, 403)


ESCAPES = [
    "return __import__('os').getpid()",
    "return ().__class__.__bases__[0].__subclasses__()",
    "return '{0.__class__}'.format(request)",
    "return open('/etc/passwd').read()",
    "return eval('1')",
    "return [one for one in (1).__class__.__mro__]",
]
"""Each gives something true where it works, and so would let in."""


@pytest.mark.parametrize("source", ESCAPES)
def test_cve_2026_25227_an_expression_reaches_nothing_but_what_it_is_given(house: House, source: str) -> None:
    """Elsewhere, whoever could view a policy could run any code by its test. Here it stands in the store already."""

    def bind(tx: Transaction, expression: str) -> str:
        policy = tx.insert(Policy(f"{expression}!", "expression", settings={"expression": expression}))
        return tx.insert(Binding(house.application, policy=policy.pk)).pk

    binding = house.site.sql.write_now(lambda tx: bind(tx, "return 1"))
    assert house.ask().outcome is Outcome.ACCEPTED
    house.site.sql.write_now(lambda tx: tx.delete(tx.get(Binding, binding)))
    house.site.sql.write_now(lambda tx: bind(tx, source))
    assert house.ask().reason == "policy_failed"


def test_cve_2026_25227_nobody_writes_or_tries_expressions_without_the_right(api: Api) -> None:
    token = api.token(api.user("alice"))
    for path in ("/policies/expression/", "/propertymappings/provider/scope/"):
        body = {"name": "x", "expression": "return True", "scope_name": "x"}
        assert api.call("POST", path, body, token=token).status == 403
        assert api.call("POST", path, body, token=None).status == 403
    made = api.post("/propertymappings/provider/scope/", {"name": "x", "expression": "return {}", "scope_name": "x"})
    path = f"/propertymappings/all/{made['pk']}/test/"
    assert api.call("POST", path, {}, token=token).status in (403, 404)
