"""What went wrong elsewhere, once, and must not here: each test is named after its lesson (the CVE, or the issue).

Those that touch deciding: who is let in, in whose name, and what makes it so. The others stand with their subjects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from control.authentication import Authentication
from control.oidc.bearing import bearer
from control.oidc.foreign import ForeignTokens
from control.proofs import proofs
from control.records import Application, Binding, Certificate, Flow, Group, Outpost, Policy, Provider, Session, Token
from control.store.interface import Query, Transaction
from control.verbs import authenticators, users
from protocols.link.messages import Authenticate, Authenticated
from rules.reasons import Outcome
from tests.control.oidc.relying import CALLBACK, PKCE, VERIFIER, Person, Relying, answered
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


@pytest.fixture
def relying(tmp_path: Path) -> Iterator[Relying]:
    made = Relying(tmp_path)
    made.user("alice")
    yield made
    made.close()


def signed_in(relying: Relying) -> Person:
    person = relying.person()
    person.sign_in("alice")
    return person


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


# --- OpenID Connect -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [CALLBACK.replace(".", "X", 1), f"{CALLBACK}x", CALLBACK.upper()])
def test_cve_2024_52289_a_redirect_uri_is_a_text_and_no_pattern(relying: Relying, elsewhere: str) -> None:
    """Elsewhere, a dot in a registered address stood for any character."""
    person = signed_in(relying)
    assert "code" in answered(person.ask())
    assert person.ask(redirect_uri=elsewhere).status_code == 400


def test_cve_2024_52289_a_pattern_has_to_match_from_the_first_letter_to_the_last(relying: Relying) -> None:
    pattern = {"matching_mode": "regex", "url": r"https://grafana\.example\.com/.*|https://other\.example\.com/"}
    relying.set_provider(redirect_uris=[pattern])
    person = signed_in(relying)
    assert "code" in answered(person.ask())
    for elsewhere in (
        "https://evil.example.com/https://grafana.example.com/",
        "https://other.example.com/.evil.example",
    ):
        assert person.ask(redirect_uri=elsewhere).status_code == 400


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "https://evil.example.com/"])
def test_cve_2024_21637_no_redirect_uri_is_learned_from_whoever_comes_first(relying: Relying, uri: str) -> None:
    """Elsewhere, a provider without any took that of the first request, and ran it, too."""
    relying.set_provider(redirect_uris=[])
    person = signed_in(relying)
    for prompt in (None, "none"):
        page = person.ask(redirect_uri=uri, prompt=prompt)
        assert (page.status_code, page.headers.get("location")) == (400, None)
    assert relying.sql.read_now(lambda tx: tx.get(Provider, relying.provider.pk)).settings["redirect_uris"] == []


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_cve_2024_21637_no_answer_is_a_script(relying: Relying, mode: str) -> None:
    """Not even where any address may be."""
    relying.set_provider(redirect_uris=[{"matching_mode": "regex", "url": "(?s).*"}])
    page = signed_in(relying).ask(redirect_uri="javascript:alert(1)", response_mode=mode)
    assert (page.status_code, page.headers.get("location")) == (400, None)
    assert 'action="javascript:' not in page.text


def test_cve_2023_48228_a_code_with_a_challenge_is_worth_nothing_without_the_verifier(relying: Relying) -> None:
    """Elsewhere, leaving the verifier out was as good as having it."""
    code = signed_in(relying).code(**PKCE)
    for verifier in (None, "", "x" * 43):
        assert relying.exchange(code, code_verifier=verifier).status_code == 400
    assert relying.exchange(code, code_verifier=VERIFIER).status_code == 200


def test_cve_2024_23647_a_challenge_that_was_taken_out_on_the_way_is_missed(relying: Relying) -> None:
    """Elsewhere, whoever took it out of the request could slip in a code of their own."""
    assert relying.exchange(signed_in(relying).code(), code_verifier=VERIFIER).status_code == 400


def test_cve_2024_47077_a_token_of_one_application_opens_no_other(relying: Relying) -> None:
    """Elsewhere, a proxy took any token that was good, whomever it was given to."""
    token = relying.exchange(signed_in(relying).code()).json()["access_token"]
    proxy = relying.add_provider("app", "proxy", external_host="https://app.example.com", mode="forward_single")
    relying.add_application("app", proxy)
    prove = bearer(relying.services.store, ForeignTokens(_nowhere, relying.clock))

    def proved(provider: Provider) -> str:
        question = Authenticate("q", provider.pk, "x", {"kind": "bearer", "token": token}, "proxy", "192.0.2.1")
        return run(prove(provider, question)).reason  # type: ignore[arg-type]

    assert proved(relying.provider) == "accepted"
    assert proved(proxy) != "accepted"


async def _nowhere(url: str) -> bytes:
    raise OSError(url)


SCRIPT = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    "name", ["state", "redirect_uri", "nonce", "scope", "client_id", "response_mode", "login_hint"]
)
def test_cve_2026_42849_no_page_repeats_what_an_application_was_made_to_send(relying: Relying, name: str) -> None:
    """Elsewhere, state and redirect_uri stood on a page of the sign-in as they came."""
    for person in (relying.person(), signed_in(relying)):
        page = person.walk(**{name: SCRIPT})
        if page.url.host != "grafana.example.com":
            assert "<script>alert" not in page.text
            assert "'unsafe-inline'" not in page.headers["content-security-policy"].partition("style-src")[0]


@pytest.mark.parametrize("name", ["next", "state", "error", "query"])
def test_cve_2026_42849_nor_what_a_link_to_a_flow_says(site: Site, name: str) -> None:
    page = site.browser().get(f"{LOGIN}?{urlencode({name: SCRIPT})}", follow=True)
    assert "<script>alert" not in page.text
    assert page.status_code < 500


@pytest.mark.parametrize("path", ["sso/binding/redirect/", "sso/binding/post/", "metadata/", "acs/"])
def test_cve_2026_47201_and_cve_2026_57580_there_is_no_saml_to_be_signed_around(relying: Relying, path: str) -> None:
    for method in ("GET", "POST"):
        assert relying.call(method, f"/application/saml/grafana/{path}").status_code == 404
        assert relying.call(method, f"/source/saml/grafana/{path}").status_code == 404


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


# --- none is missing -----------------------------------------------------------------------------------------------

LESSONS = (
    "cve_2022_23555",
    "cve_2023_48228",
    "cve_2024_21637",
    "cve_2024_23647",
    "cve_2024_42490",
    "cve_2024_47070",
    "cve_2024_47077",
    "cve_2024_52289",
    "cve_2025_29928",
    "cve_2025_53942",
    "cve_2026_25227",
    "cve_2026_25748",
    "cve_2026_42849",
    "cve_2026_47201",
    "cve_2026_57580",
)
"""What was published about authentik and touches deciding, flows or OpenID Connect."""


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_has_a_test_of_its_name(lesson: str) -> None:
    assert [name for name in globals() if name.startswith("test_") and lesson in name]
