"""The pages as a browser without JavaScript sees them, on a real store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from control import sessions
from control.records import Application, Binding, Flow, Group, Provider, Stage, StageBinding, User
from control.store.interface import Query, Transaction
from control.web.browser import COOKIE
from control.web.console import SHELVES
from control.web.pages.assets import versioned
from control.web.pages.forms import MOST_FIELDS, MOST_FORM_BYTES
from tests.control.web.browsing import HOST, LOGIN, PASSWORD, SETUP, SIGN_OUT, USER, Browser, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()


# --- the first start -----------------------------------------------------------------------------------------------


def set_up(browser: Browser, code: str, **fields: str) -> httpx.Response:
    browser.get(SETUP)
    chosen: dict[str, Any] = {"email": "me@example.com", "password": PASSWORD, "password_repeat": PASSWORD, **fields}
    return browser.submit(code=code, **chosen)


def test_a_new_installation_leads_to_the_setup_and_in(site: Site, browser: Browser) -> None:
    assert browser.get("/").headers["location"] == SETUP
    browser.get(f"{SETUP}?code={site.code}")
    assert f'value="{site.code}"' in browser.page.text
    page = browser.submit(code=site.code, email="me@example.com", password=PASSWORD, password_repeat=PASSWORD)
    assert page.url.path == USER
    administrator = site.sql.read_now(lambda tx: tx.find(User, username="akadmin"))
    assert administrator is not None
    assert administrator.email == "me@example.com"
    assert site.passwords.verify_now(administrator.password, PASSWORD).ok
    assert [event.context["auth_method"] for event in site.events("login")] == ["setup_code"]
    assert browser.get("/").headers["location"] == USER


def test_the_code_may_be_typed_with_blanks_and_capitals(site: Site, browser: Browser) -> None:
    spelled = f" {site.code[:12].upper()} {site.code[12:]} "
    assert set_up(browser, spelled).url.path == USER


@pytest.mark.parametrize("code", ["", "wrong", "x" * 24, "ü"])
def test_without_the_code_nothing_is_set_up(site: Site, browser: Browser, code: str) -> None:
    page = set_up(browser, code)
    assert page.url.path == SETUP
    assert 'id="code-error-1"' in page.text
    assert site.sql.read_now(lambda tx: tx.find(User, username="akadmin")).password is None  # type: ignore[union-attr]
    assert PASSWORD not in page.text


def test_wrong_codes_are_counted_and_told(site: Site, browser: Browser) -> None:
    browser.get(SETUP)
    for _ in range(4):
        assert browser.submit(code="wrong", password="x").status_code == 200
    assert browser.submit(code="wrong").status_code == 403
    assert {event.context["reason"] for event in site.events("login_failed")} == {"wrong_code"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 260 + "@example.com"}, "email"),
        ({"password": "short", "password_repeat": "short"}, "password"),
        ({"password": "a" * 1025, "password_repeat": "a" * 1025}, "password"),
        ({"password_repeat": "another one"}, "password_repeat"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    site: Site, browser: Browser, fields: dict[str, str], wrong: str
) -> None:
    page = set_up(browser, site.code, **fields)
    assert f'<a href="#{wrong}">' in page.text
    assert f'aria-describedby="{wrong}-error-1' in page.text
    assert 'role="alert"' in page.text
    assert "<title>Error: " in page.text
    assert set_up(browser, site.code).url.path == USER


def test_the_setup_works_once(site: Site, browser: Browser) -> None:
    late = site.browser()
    late.get(SETUP)
    set_up(browser, site.code)
    page = late.submit(code=site.code, email="e@example.com", password="another one", password_repeat="another one")
    assert (page.status_code, late.heading) == (403, "Access denied")
    assert "done already" in late.text
    assert late.get(f"{SETUP}?code={site.code}").status_code == 403
    assert late.get("/").headers["location"] != SETUP
    stored = site.sql.read_now(lambda tx: tx.find(User, username="akadmin"))
    assert stored is not None
    assert site.passwords.verify_now(stored.password, PASSWORD).ok


def test_the_setup_is_over_when_akadmin_got_a_password_elsewhere(site: Site, browser: Browser) -> None:
    browser.get(SETUP)
    site.administrator()
    page = browser.submit(code=site.code, email="e@example.com", password="another one", password_repeat="another one")
    assert page.status_code == 403


# --- signing in ----------------------------------------------------------------------------------------------------


def test_sign_in(site: Site, browser: Browser) -> None:
    user = site.user("alice")
    site.administrator()
    assert browser.get("/", follow=True).url.path == LOGIN
    page = browser.sign_in("alice")
    assert page.url.path == USER
    assert "Alice" in page.text
    [event] = site.events("login")
    assert (event.user["username"], event.client_ip) == ("alice", "192.0.2.7")
    [session] = [session for session in site.sessions() if session.user == user.pk]
    assert session.pk == sessions.key_of(browser.cookie or "")
    assert browser.cookie not in (session.pk, session.csrf)


def test_wrong_unknown_and_disabled_read_the_same(site: Site) -> None:
    site.user("alice")
    site.user("disabled", is_active=False)
    site.user("empty", password=None)
    read = set()
    for name, password in (("alice", "no"), ("nosuch", PASSWORD), ("disabled", PASSWORD), ("empty", PASSWORD)):
        browser = site.browser()
        page = browser.sign_in(name, password)
        assert page.status_code == 200
        assert browser.get(USER).status_code == 303
        page = browser.get(LOGIN)
        browser.submit(password=password)
        read.add(browser.text.replace(name, "NAME"))
    assert len(read) == 1
    assert "The name or the password is wrong." in read.pop()
    reasons = {event.context["username"]: event.context["reason"] for event in site.events("login_failed")}
    assert reasons == {
        "alice": "wrong_password",
        "nosuch": "unknown_user",
        "disabled": "inactive",
        "empty": "no_password",
    }


def test_a_password_is_never_shown_again(site: Site, browser: Browser) -> None:
    site.user("alice")
    assert "secret-guess" not in browser.sign_in("alice", "secret-guess").text


def test_what_people_type_is_escaped(site: Site, browser: Browser) -> None:
    browser.get(LOGIN)
    page = browser.submit(uid_field="<script>alert(1)</script>\"'")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    page = browser.get(f'{SETUP}?code="><script>')
    assert "<script" not in page.text


def test_not_you_begins_again(site: Site, browser: Browser) -> None:
    site.user("alice")
    site.user("bob")
    browser.get(f"{LOGIN}?next=/if/admin/")
    browser.submit(uid_field="alice")
    assert "alice" in browser.text
    browser.get(
        "/flows/-/cancel/?next=%2Fif%2Fflow%2Fdefault-authentication-flow%2F%3Fnext%3D%2Fif%2Fadmin%2F", follow=True
    )
    assert 'name="uid_field"' in browser.page.text
    browser.submit(uid_field="bob")
    browser.submit(password=PASSWORD, follow=False)
    assert browser.page.headers["location"] == "/if/admin/"


def test_a_skipped_stage_is_not_skipped(site: Site, browser: Browser) -> None:
    """A password sent instead of a name, or both at once, is only ever an answer to what was asked."""
    site.user("alice")
    browser.get(LOGIN)
    browser.submit(password=PASSWORD)
    assert 'name="uid_field"' in browser.page.text
    browser.submit(uid_field="alice", password=PASSWORD)
    assert 'name="password"' in browser.page.text
    assert browser.get(USER).status_code == 303


def test_a_running_flow_survives_leaving_and_coming_back(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.get(LOGIN)
    browser.submit(uid_field="alice")
    assert 'name="password"' in browser.get(LOGIN).text
    assert 'name="uid_field"' in browser.get("/flows/-/default/authentication/", follow=True).text


def test_who_is_signed_in_need_not_sign_in(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.sign_in("alice")
    assert browser.get(f"{LOGIN}?next=/if/admin/").headers["location"] == "/if/admin/"


# --- sessions ------------------------------------------------------------------------------------------------------


def test_the_cookie_changes_at_sign_in_and_the_old_one_opens_nothing(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.get(LOGIN)
    planted = browser.cookie
    browser.sign_in("alice")
    assert planted is not None
    assert browser.cookie not in (None, planted)
    attacker = site.browser()
    attacker.client.cookies.set(COOKIE, planted, domain=HOST)
    assert attacker.get(USER).headers["location"].startswith("/flows/-/default/authentication/")


def test_a_made_up_cookie_is_not_taken_over(site: Site, browser: Browser) -> None:
    browser.client.cookies.set(COOKIE, "chosen-by-somebody-else", domain=HOST)
    browser.get(LOGIN)
    assert "chosen-by-somebody-else" not in browser.page.headers.get("set-cookie", "chosen-by-somebody-else")


def test_cookie_attributes(site: Site) -> None:
    cookie = site.browser().get(LOGIN).headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age" not in cookie
    forwarded = {"X-Forwarded-Proto": "https"}
    assert "Secure" in site.browser(peer="127.0.0.1").get(LOGIN, headers=forwarded).headers["set-cookie"]
    assert "Secure" not in site.browser(peer="192.0.2.7").get(LOGIN, headers=forwarded).headers["set-cookie"]


def test_disabled_means_out_at_once(site: Site, browser: Browser) -> None:
    user = site.user("alice")
    browser.sign_in("alice")
    assert browser.get(USER).status_code == 200
    site.change(user.pk, is_active=False)
    assert browser.get(USER).status_code == 303


def test_sign_out_by_the_button(site: Site, browser: Browser) -> None:
    site.user("alice")
    site.administrator()
    browser.sign_in("alice")
    old = browser.cookie
    assert browser.submit(to=SIGN_OUT).url.path == LOGIN
    assert browser.cookie != old
    assert [session.user for session in site.sessions()] == [None]
    assert [event.user["username"] for event in site.events("logout")] == ["alice"]


def test_a_link_asks_before_it_signs_out(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.sign_in("alice")
    page = browser.get(SIGN_OUT, follow=True)
    assert page.url.path == "/if/flow/default-invalidation-flow/"
    assert browser.heading == "Sign out?"
    assert browser.get(USER).status_code == 200
    browser.get(SIGN_OUT, follow=True)
    browser.submit(follow=False)
    assert browser.page.headers["location"] == "/"
    assert browser.get(USER).status_code == 303


def test_signing_out_while_nobody_is_signed_in(site: Site, browser: Browser) -> None:
    assert browser.get("/if/flow/default-invalidation-flow/").headers["location"] == "/"


# --- forms that are not ours ---------------------------------------------------------------------------------------


def test_a_form_needs_the_sessions_token(site: Site, browser: Browser) -> None:
    site.user("alice")
    other = site.browser()
    other.get(LOGIN)
    browser.get(LOGIN)
    for token in ("", "x" * 43, other.token, "ü"):
        for fields in ({"csrf_token": token}, {}):
            page = browser.post(LOGIN, False, uid_field="alice", **fields)
            assert (page.status_code, page.headers["location"]) == (303, f"{LOGIN}?lost=1")
        assert 'name="uid_field"' in browser.get(LOGIN).text
    assert browser.submit(uid_field="alice").status_code == 200


def test_a_form_without_a_session(site: Site, browser: Browser) -> None:
    assert browser.post(LOGIN, uid_field="alice", csrf_token="x").status_code == 403


def test_sign_out_needs_the_token(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.sign_in("alice")
    for token in ("", "x"):
        page = browser.post(SIGN_OUT, False, csrf_token=token)
        assert page.headers["location"] == "/if/flow/default-invalidation-flow/?lost=1"
        assert browser.get(USER).status_code == 200
    elsewhere = {"Origin": "http://evil.example"}
    assert browser.request("POST", SIGN_OUT, data={"csrf_token": "x"}, headers=elsewhere).status_code == 403
    assert browser.get(USER).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": f"http://{HOST}"}, 303),
        ({"Origin": f"https://{HOST}"}, 303),
        ({"Origin": f"http://{HOST}:80"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://{HOST}.evil.example"}, 403),
        ({"Origin": f"http://{HOST}:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "nonsense"}, 403),
    ],
)
def test_who_sent_the_form(site: Site, browser: Browser, headers: dict[str, str], status: int) -> None:
    browser.get(LOGIN)
    fields = {"csrf_token": browser.token, "uid_field": "alice"}
    assert browser.request("POST", LOGIN, data=fields, headers=headers).status_code == status


# --- where people end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next", "location"),
    [
        ("/if/admin/", "/if/admin/"),
        ("/application/o/authorize/?a=b&c=%2F", "/application/o/authorize/?a=b&c=%2F"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil", "/"),
        ("/a\r\nX: y", "/"),
        ("", "/"),
    ],
)
def test_next_leads_only_to_paths_here(site: Site, browser: Browser, next: str, location: str) -> None:
    site.user("alice")
    browser.get(str(httpx.URL(LOGIN, params={"next": next})))
    browser.submit(uid_field="alice")
    assert browser.submit(follow=False, password=PASSWORD).headers["location"] == location
    for path in ("/flows/-/cancel/", LOGIN):
        assert browser.get(str(httpx.URL(path, params={"next": next}))).headers["location"] == location


def test_pages_for_people_send_strangers_to_sign_in_and_back(site: Site, browser: Browser) -> None:
    site.administrator()
    site.user("alice")
    browser.get(USER, follow=True)
    assert browser.page.url.path == LOGIN
    browser.submit(uid_field="alice")
    assert browser.submit(password=PASSWORD).url.path == USER


# --- the launcher --------------------------------------------------------------------------------------------------


def test_the_launcher_shows_what_one_may_use(site: Site, browser: Browser) -> None:
    alice = site.user("alice")

    def verb(tx: Transaction) -> None:
        staff = tx.insert(Group(name="staff"))
        inner = tx.insert(Group(name="inner", parents=(staff.pk,)))
        tx.add_members(inner.pk, [alice.pk])
        proxy = tx.insert(Provider("wiki", "proxy", settings={"external_host": "https://wiki.example.com"}))
        ldap = tx.insert(Provider("mail", "ldap"))
        wiki = tx.insert(Application("Wiki", "wiki", provider=proxy.pk, group="Work"))
        tx.insert(Binding(wiki.pk, group=staff.pk))
        admins = tx.insert(Application("Vault", "vault", meta_launch_url="https://vault.example.com"))
        tx.insert(Binding(admins.pk, user=tx.find(User, username="akadmin").pk))  # type: ignore[union-attr]
        tx.insert(Application("Mail", "mail", provider=ldap.pk))
        tx.insert(Application("Hidden", "hidden", meta_launch_url="https://h.example.com", meta_hide=True))
        tx.insert(Application("Blank", "blank", meta_launch_url="blank://blank"))
        tx.insert(Application("Script", "script", meta_launch_url="javascript:alert(1)"))
        tx.insert(Application("Mine", "mine", meta_launch_url="https://x.example.com/%(username)s"))

    site.sql.write_now(verb)
    page = browser.sign_in("alice")
    assert 'href="https://wiki.example.com"' in page.text
    assert 'href="https://x.example.com/alice"' in page.text
    assert "Work" in browser.text
    assert "It asks for your name and password itself." in browser.text
    for absent in ("Vault", "Hidden", "Blank", "javascript:"):
        assert absent not in page.text


def test_the_launcher_says_so_when_empty(site: Site, browser: Browser) -> None:
    site.user("alice")
    browser.sign_in("alice")
    assert "There is nothing here yet." in browser.text
    assert "/if/admin/" not in browser.page.text


def test_administration_is_for_administrators(site: Site, browser: Browser) -> None:
    site.administrator()
    site.user("alice")
    other = site.browser()
    other.sign_in("alice")
    assert other.get("/if/admin/").status_code == 403
    browser.sign_in("akadmin")
    page = browser.get("/if/admin/")
    assert page.status_code == 200
    assert "Overview" in page.text


# --- flows that are not for everybody ------------------------------------------------------------------------------


def a_flow(site: Site, slug: str, *kinds: str, **fields: str) -> Flow:
    def verb(tx: Transaction) -> Flow:
        flow = tx.insert(Flow(slug, slug, slug, fields.pop("designation", "authorization"), **fields))  # type: ignore[arg-type]
        for order, kind in enumerate(kinds):
            stage = tx.insert(Stage(f"{slug}-{order}", kind, settings={"target_static": "https://other.example/x"}))
            tx.insert(StageBinding(flow.pk, stage.pk, order))
        return flow

    return site.sql.write_now(verb)


def test_requirements(site: Site, browser: Browser) -> None:
    site.administrator()
    site.user("alice")
    for requirement in ("require_authenticated", "require_unauthenticated", "require_superuser", "require_outpost"):
        a_flow(site, requirement, "redirect", authentication=requirement)

    def statuses(seen: Browser) -> list[int]:
        return [
            seen.get(f"/if/flow/{name}/").status_code
            for name in ("require_authenticated", "require_unauthenticated", "require_superuser", "require_outpost")
        ]

    assert statuses(browser) == [303, 303, 403, 403]
    assert browser.get("/if/flow/require_authenticated/").headers["location"].startswith("/flows/-/default/")
    browser.sign_in("alice")
    assert statuses(browser) == [303, 403, 403, 403]
    administrator = site.browser()
    administrator.sign_in("akadmin")
    assert statuses(administrator) == [303, 403, 303, 403]


def test_bindings_of_a_flow_count(site: Site, browser: Browser) -> None:
    alice = site.user("alice")
    flow = a_flow(site, "bound", "redirect")
    site.sql.write_now(lambda tx: tx.insert(Binding(flow.pk, user=alice.pk)))
    assert browser.get("/if/flow/bound/").status_code == 403
    browser.sign_in("alice")
    assert browser.get("/if/flow/bound/").status_code == 303


def test_a_stage_is_walked_through_by_whom_its_bindings_let(site: Site, browser: Browser) -> None:
    alice = site.user("alice")
    flow = a_flow(site, "bound", "redirect")

    def bind(tx: Transaction) -> None:
        [line] = tx.select(StageBinding, Query(equal={"flow": flow.pk}))
        tx.insert(Binding(line.pk, user=alice.pk))

    site.sql.write_now(bind)
    assert browser.get("/if/flow/bound/").headers["location"] == "/"
    browser.sign_in("alice")
    assert browser.get("/if/flow/bound/").headers["location"] == "https://other.example/x"


def test_a_form_may_lead_to_where_the_flow_redirects(site: Site, browser: Browser) -> None:
    a_flow(site, "ask", "identification", "redirect")
    policy = browser.get("/if/flow/ask/").headers["content-security-policy"]
    assert "form-action 'self' https://other.example;" in policy
    assert browser.submit(follow=False, uid_field="x").headers["location"] == "https://other.example/x"


def test_a_flow_that_signs_in_unproved_does_not(site: Site, browser: Browser) -> None:
    site.user("alice")
    a_flow(site, "unproved", "identification", "user_login")
    browser.get("/if/flow/unproved/")
    assert browser.submit(uid_field="alice").status_code == 403
    assert browser.get(USER).status_code == 303


# --- bounds, headers, faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"a=" + b"b" * MOST_FORM_BYTES, 413),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=" % n for n in range(MOST_FIELDS + 1)), 400),
        ("application/x-www-form-urlencoded", b"a=1&a=2", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"a=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=%00", 400),
        ("application/json", b"{}", 415),
        ("text/plain", b"a=b", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
    ],
)
def test_what_is_not_a_form(site: Site, browser: Browser, content_type: str, body: bytes, status: int) -> None:
    browser.get(LOGIN)
    answer = browser.request("POST", LOGIN, content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    check_headers(answer)


def check_headers(answer: httpx.Response) -> None:
    headers = answer.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert policy.get("script-src", "'self'") == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    if headers.get("content-type", "").startswith("text/html"):
        assert set(re.findall(r"<script[^>]*", answer.text)) <= {SCRIPT}
        assert " style=" not in answer.text


SCRIPT = f'<script type="module" src="{versioned("console.js")}"'
"""The only one, of the console's pages."""

PATHS = (
    "/",
    LOGIN,
    LOGIN.rstrip("/"),
    SETUP,
    SETUP.rstrip("/"),
    "/if/flow/no-such-flow/",
    "/if/flow/default-invalidation-flow/",
    "/if/flow/default-provider-authorization-explicit-consent/",
    "/flows/-/default/authentication/",
    "/flows/-/default/invalidation/",
    "/flows/-/default/recovery/",
    "/flows/-/cancel/",
    "/recovery/use-token/nobodys/",
    "/recovery/use-token/nobodys",
    USER,
    USER.rstrip("/"),
    *(line.url for shelf in SHELVES for line in shelf.places),
)


@pytest.mark.parametrize("path", PATHS)
def test_strict_headers_everywhere(site: Site, browser: Browser, path: str) -> None:
    check_headers(browser.get(path))
    check_headers(browser.get(path, follow=True))
    site.administrator()
    signed_in = site.browser()
    signed_in.sign_in("akadmin")
    check_headers(signed_in.get(path))
    check_headers(signed_in.request("HEAD", path))


def test_every_route_is_among_the_paths(site: Site) -> None:
    for route in site.pages:
        if route.path.startswith("/if/admin/"):  # type: ignore[attr-defined]
            continue  # tests/control/web/console asks for every one of those
        spelled = route.path_regex  # type: ignore[attr-defined]
        assert any(
            spelled.match(path)
            for path in (
                *PATHS,
                "/static/outpost.css",
                "/media/wiki.png",
                "/brands/0.css",
                "/if/user/confirmed",
                "/if/user/confirmed/",
                "/if/user/settings",
                "/if/user/settings/",
                "/if/user/settings/sessions",
                "/if/user/settings/sessions/",
                "/flows/-/cancel",
                "/if/admin",
                "/flows/-/default/authentication",
            )
        ), route


def test_a_fault_of_ours_denies_with_a_page(
    site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(tx: Transaction, cookie: str, address: str = "") -> None:
        raise RuntimeError("the store is on fire")

    site.user("alice")
    browser.sign_in("alice")
    monkeypatch.setattr(sessions, "find", broken)
    answer = browser.get(USER)
    assert answer.status_code == 500
    assert "on fire" not in answer.text
    assert "on fire" in caplog.text
    check_headers(answer)


def test_a_proxy_that_cannot_be_understood(site: Site) -> None:
    answer = site.browser(peer="127.0.0.1").get(LOGIN, headers={"X-Forwarded-Proto": "gopher"})
    assert answer.status_code == 400
    check_headers(answer)


def test_static_files(site: Site, browser: Browser) -> None:
    page = browser.get(LOGIN)
    [link] = [part for part in page.text.split('"') if part.startswith("/static/outpost.css")]
    style = browser.get(link)
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    assert style.headers["x-content-type-options"] == "nosniff"
    again = browser.get("/static/outpost.css", headers={"If-None-Match": style.headers["etag"]})
    assert again.status_code == 304
    assert "immutable" not in again.headers["cache-control"]
    for missing in ("/static/", "/static/none.css", "/static/../pages/flow.py", "/static/%2e%2e/templates/base.html"):
        assert browser.get(missing).status_code == 404
