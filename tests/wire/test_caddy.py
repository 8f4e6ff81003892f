"""Caddy with the article's block: a browser is bounced, signs in, and arrives with identity headers.

Only the dialled address differs from what the article prints.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.ports import free_port
from tests.wire import caddy as caddies
from tests.wire import journeys
from tests.wire.apart import Edge
from tests.wire.chromium import SLOW_MILLISECONDS, chromium
from tests.wire.directory import PASSWORDS, Directory, add_user, serve
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import APP, AUTH, NOTES, RESOLVER, Front, dialling, sign_in
from tests.wire.nginx import Backend
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

ARTICLE = """\
app.example.com {
    forward_auth auth.example.com {
        uri /outpost.goauthentik.io/auth/caddy
        copy_headers X-Authentik-Username X-Authentik-Groups X-Authentik-Email X-Authentik-Name
        trusted_proxies private_ranges
    }
    reverse_proxy 127.0.0.1:8080
}
auth.example.com {
    reverse_proxy 127.0.0.1:9000
}
"""

COPIED = {f"x-authentik-{name}" for name in ("username", "groups", "email", "name")}


@pytest.fixture(scope="module", params=[caddies.debian, caddies.recent], ids=["debian's", "recent"])
def front(
    request: pytest.FixtureRequest,
    program: Program,
    people: Directory,
    application: Backend,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    http_port, https_port = free_port(), free_port()
    found = Front(program, people, application, f"https://{APP}:{https_port}", f"https://{AUTH}:{https_port}")
    found.configure()
    sites = dialling(caddies.EXAMPLE.read_text(), *caddies.places(program, application))
    sites = sites.replace(f"{APP} {{", f"{APP}, {NOTES} {{")
    names = (APP, NOTES, AUTH)
    with caddies.caddy(request.param(), tmp_path_factory.mktemp("caddy"), sites, http_port, https_port, names):
        yield found
    found.restore()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(RESOLVER) as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(ignore_https_errors=True)
    made.set_default_timeout(SLOW_MILLISECONDS)
    yield made
    made.close()


def test_a_person_signs_in_and_arrives_where_they_wanted(front: Front, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{front.app}/deep/page?x=1&y=a%20b")
    assert page.url.startswith(f"{front.auth}/if/flow/")
    sign_in(page, "bob")
    page.wait_for_url(f"{front.app}/deep/page?x=1&y=a%20b")
    assert page.inner_text("body") == "hello"
    headers = front.last("/deep/page?x=1&y=a%20b")
    assert headers["x-authentik-username"] == "bob"
    assert headers["x-authentik-groups"] == "engineering"
    assert headers["x-authentik-email"] == "bob@example.com"
    assert headers["x-authentik-name"] == "Bob"


def test_the_cookie_is_bound_to_its_host(front: Front, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(front.app)
    sign_in(page, "bob")
    page.wait_for_url(f"{front.app}/")
    (cookie,) = [c for c in context.cookies() if c.get("name", "").startswith("__Host-authentik_proxy_")]
    assert (cookie.get("httpOnly"), cookie.get("secure"), cookie.get("sameSite")) == (True, True, "Lax")
    assert cookie.get("domain") == APP


def test_three_tabs_finish_in_any_order(front: Front, context: BrowserContext) -> None:
    journeys.tabs_finish_in_any_order(front, context)


def test_a_program_is_told_without_a_cookie(front: Front) -> None:
    for headers in (
        {"Accept": "application/json"},
        {"X-Requested-With": "XMLHttpRequest"},
        {"Sec-Fetch-Mode": "cors", "Accept": "*/*"},
    ):
        answer = front.ask("/api/things", **headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
        assert "set-cookie" not in answer.headers
        assert answer.json()["error"] == "login_required"


def test_nobody_gets_in_with_headers_of_their_own(front: Front, context: BrowserContext) -> None:
    before = len(front.application.requests)
    forged = {"X-Authentik-Username": "alice", "X-Forwarded-Uri": "/public", "X-Forwarded-Method": "OPTIONS"}
    assert front.ask("/", **forged).status_code == 302
    assert front.ask("/", **{"X-Forwarded-Host": "other.example.com"}).status_code == 302
    assert len(front.application.requests) == before
    _, cookie = front.signed_in(context)
    forged |= {"X-Authentik-Groups": "admins", "X-Authentik-Uid": "1", **dict.fromkeys(journeys.LOOK_ALIKES, "alice")}
    assert front.ask("/forged", Cookie=cookie, **forged).status_code == 200
    headers = front.last("/forged")
    assert {name for name in headers if "authentik" in name} == COPIED
    assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
    journeys.nothing_is_taken_away_by_naming_it(front, cookie)


def test_whom_no_binding_lets_in_is_told_by_control(front: Front, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(front.app)
    sign_in(page, "carol")
    page.get_by_text("may not use").wait_for()
    assert page.url.startswith(front.auth)


def test_signing_out_ends_the_session_here_and_at_control(front: Front, context: BrowserContext) -> None:
    page, cookie = front.signed_in(context)
    page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
    page.get_by_text("You have signed out").wait_for()
    assert front.ask("/", Cookie=cookie).status_code == 302, "a copy of the cookie opens nothing"
    page.goto(front.app)
    assert page.url.startswith(f"{front.auth}/if/flow/")


def test_signing_out_at_control_ends_it_within_a_second(front: Front, context: BrowserContext) -> None:
    page, cookie = front.signed_in(context)
    assert front.ask("/", Cookie=cookie).status_code == 200
    page.goto(f"{front.auth}/if/user/")
    page.get_by_role("button", name=re.compile("sign out", re.IGNORECASE)).click()
    until(lambda: front.ask("/", Cookie=cookie).status_code == 302, SOON, "the end of the session")


def test_disabling_and_a_removed_group_end_access_within_a_second(front: Front, context: BrowserContext) -> None:
    staff = front.people.groups["staff"]
    PASSWORDS.setdefault("dora", "dora-password-4444")
    user = add_user(front.program, "dora", PASSWORDS["dora"], group=staff)
    try:
        _, cookie = front.signed_in(context, "dora")
        assert front.ask("/", Cookie=cookie).status_code == 200
        front.program.api("POST", f"core/groups/{staff}/remove_user/", {"pk": user})
        until(lambda: front.ask("/", Cookie=cookie).status_code == 403, SOON, "the refusal")
        front.program.api("POST", f"core/groups/{staff}/add_user/", {"pk": user})
        until(lambda: front.ask("/", Cookie=cookie).status_code == 200, SOON, "the return")
        front.program.api("PATCH", f"core/users/{user}/", {"is_active": False})
        until(lambda: front.ask("/", Cookie=cookie).status_code == 302, SOON, "the end of access")
    finally:
        front.program.api("DELETE", f"core/users/{user}/")
        del PASSWORDS["dora"]


def test_a_restart_and_another_outpost_know_the_session(front: Front, context: BrowserContext, tmp_path: Path) -> None:
    """Both outposts know the keys from control, and nothing else is needed."""
    _, cookie = front.signed_in(context)
    other = Edge(tmp_path, front.program.control, "beside")
    serve(front.program, "beside", front.people)
    other.start()
    try:
        until(lambda: front.forwarded(other).status_code == 302, SOON, "the other outpost serving it")
        for _ in range(2):
            answer = front.forwarded(other, Cookie=cookie)
            assert answer.status_code == 200
            assert answer.headers["x-authentik-username"] == "bob"
            other.stop()
            other.start_again()
    finally:
        other.stop()


def test_a_session_ends_at_every_outpost_and_at_one_that_was_away(
    front: Front, context: BrowserContext, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Signed out at control, at the proxy and by an administrator; the other outpost hears of each by itself."""
    other = Edge(tmp_path, front.program.control, "beside")
    serve(front.program, "beside", front.people)
    other.start()
    seconds = []
    try:
        until(lambda: front.forwarded(other).status_code == 302, SOON, "the other outpost serving it")
        for end in (leave_at_the_proxy, leave_at_control, end_all_sessions):
            page, cookie = front.signed_in(context)
            assert front.forwarded(other, Cookie=cookie).status_code == 200
            end(front, page)
            began = time.monotonic()
            until(lambda cookie=cookie: front.forwarded(other, Cookie=cookie).status_code == 302, SOON, "the end there")  # type: ignore[misc]
            seconds.append(time.monotonic() - began)
        page, cookie = front.signed_in(context)
        other.stop()
        leave_at_the_proxy(front, page)
        other.start_again()
        until(lambda: front.forwarded(other, Cookie=cookie).status_code == 302, SOON, "the end that it missed")
    finally:
        other.stop()
    with capsys.disabled():
        print(f"\nended at another outpost after {', '.join(f'{one * 1000:.0f}' for one in seconds)} ms")


def leave_at_the_proxy(front: Front, page: Page) -> None:
    page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
    page.get_by_text("You have signed out").wait_for()


def leave_at_control(front: Front, page: Page) -> None:
    page.goto(f"{front.auth}/if/user/")
    page.get_by_role("button", name=re.compile("sign out", re.IGNORECASE)).click()
    page.wait_for_load_state()


def end_all_sessions(front: Front, page: Page) -> None:
    sessions = front.program.api("GET", "core/authenticated_sessions/", query={"user__username": "bob"})["results"]
    assert sessions
    for session in sessions:
        front.program.api("DELETE", f"core/authenticated_sessions/{session['uuid']}/")


def test_the_articles_block_serves_when_it_dials_the_outpost(
    front: Front, context: BrowserContext, tmp_path: Path
) -> None:
    """And its trusted_proxies, which lets a neighbour set X-Forwarded-Host: Host still says where the request goes."""
    http_port, https_port = free_port(), free_port()
    article = ARTICLE.replace("forward_auth auth.example.com", "forward_auth 127.0.0.1:9000")
    sites = dialling(article, *caddies.places(front.program, front.application))
    found = replace(front, app=f"https://{APP}:{https_port}", auth=f"https://{AUTH}:{https_port}")
    with caddies.caddy(caddies.recent(), tmp_path, sites, http_port, https_port, (APP, AUTH)):
        found.configure()
        try:
            _, cookie = found.signed_in(context)
            assert found.ask("/article", Cookie=cookie).status_code == 200
            assert found.last("/article")["x-authentik-username"] == "bob"
            assert found.ask("/", **{"X-Forwarded-Host": "other.example.com"}).status_code == 400
        finally:
            front.configure()


def test_the_articles_caddyfile_as_printed_lets_nobody_in(front: Front, application: Backend, tmp_path: Path) -> None:
    """It dials port 80 of its own host name. With the name leading to Caddy itself, that is a circle."""
    http_port, https_port = free_port(), free_port()
    dialled = ARTICLE.replace("127.0.0.1:8080", f"127.0.0.1:{application.port}")
    before = len(application.requests)
    front = replace(front, app=f"https://{APP}:{https_port}")
    with caddies.caddy(caddies.recent(), tmp_path, dialled, http_port, https_port, (APP, AUTH)):
        assert front.ask().status_code >= 300
    assert len(application.requests) == before


@pytest.mark.full
@pytest.mark.parametrize("journey", journeys.OF_PEOPLE, ids=lambda journey: journey.__name__)
def test_a_journey(front: Front, journey: Callable[[Front], None]) -> None:
    journey(front)


def test_every_numbered_case_holds(front: Front) -> None:
    every_case_holds(front)
