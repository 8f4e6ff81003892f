"""nginx auth_request: who has signed in, or brings credentials, reaches the application with identity headers; nobody
else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from outpost.listeners.http import BODY_TIMEOUT
from tests.ports import free_port
from tests.wire import journeys
from tests.wire.chromium import chromium
from tests.wire.directory import HOST, PASSWORDS, Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import APP, AUTH, RESOLVER, Front, dialling, sign_in
from tests.wire.nginx import Backend, nginx
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "nginx.conf"


@pytest.fixture(scope="module")
def signing_in(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """nginx with the example's own file: only addresses differ."""
    port = free_port()
    control = program.control.ports["http"][0].rpartition(":")[2]
    found = Front(program, people, application, f"http://{APP}:{port}", f"http://{AUTH}:{control}")
    configuration = dialling(
        EXAMPLE.read_text(),
        ("127.0.0.1:9000", program.ports["http"][0]),
        ("127.0.0.1:8080", f"127.0.0.1:{application.port}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
    )
    with nginx(tmp_path_factory.mktemp("nginx"), configuration, port):
        yield found


@pytest.fixture(scope="module")
def front(signing_in: Front) -> str:
    return f"http://127.0.0.1:{signing_in.port}"


def get(front: str, path: str = "/page?x=1", host: str = HOST, **kwargs: object) -> httpx.Response:
    headers = {"Host": host, **dict(kwargs.pop("headers", {}))}  # type: ignore[call-overload]
    return httpx.get(front + path, headers=headers, timeout=30, **kwargs)  # type: ignore[arg-type]


def test_basic_credentials_reach_the_application_as_identity_headers(front: str, application: Backend) -> None:
    smuggled = {"X-Authentik-Username": "admin", "X-authentik-groups": "admins"}
    answer = get(front, auth=("bob", PASSWORDS["bob"]), headers=smuggled)
    assert answer.status_code == 200, answer.text
    path, headers = application.requests[-1]
    assert path == "/page?x=1"
    assert headers["x-authentik-username"] == "bob"
    assert headers["x-authentik-groups"] == "engineering"
    assert headers["x-authentik-email"] == "bob@example.com"
    assert headers["x-authentik-name"] == "Bob"


@pytest.mark.parametrize(
    ("credentials", "status"),
    [(None, 302), (("bob", "wrong"), 401), (("nobody", "x"), 401), (("carol", PASSWORDS["carol"]), 403)],
)
def test_nobody_else_reaches_it(
    front: str, application: Backend, credentials: tuple[str, str] | None, status: int
) -> None:
    before = len(application.requests)
    assert get(front, auth=credentials).status_code == status
    assert len(application.requests) == before


def test_a_host_without_an_application_is_closed(front: str, application: Backend) -> None:
    before = len(application.requests)
    answer = get(front, host="unknown.example.com", auth=("bob", PASSWORDS["bob"]))
    assert answer.status_code in (403, 500)
    assert len(application.requests) == before


def test_a_person_signs_in_and_arrives_where_they_wanted(signing_in: Front) -> None:
    """nginx leaves the port out of `$host`, and `$request_uri` unescaped in what it asks for."""
    front = signing_in
    front.configure()
    try:
        with chromium(RESOLVER) as browser:
            page = browser.new_context().new_page()
            page.goto(f"{front.app}/deep/page?x=1&y=a%20b")
            assert page.url.startswith(f"{front.auth}/if/flow/")
            sign_in(page, "bob")
            page.wait_for_url(f"{front.app}/deep/page?x=1&y=a%20b")
            headers = front.last("/deep/page?x=1&y=a%20b")
            assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
            token = headers["x-authentik-jwt"]
            assert token.count(".") == 2
            assert front.ask("/by-token", Authorization=f"Bearer {token}").status_code == 200
            assert front.last("/by-token")["x-authentik-username"] == "bob"
            assert front.ask("/by-token", Authorization=f"Bearer {token}x").status_code == 401
            page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
            page.get_by_text("You have signed out").wait_for()
            signed_out = lambda: front.ask("/by-token", Authorization=f"Bearer {token}").status_code == 401  # noqa: E731
            until(signed_out, SOON, "the end of the token")
            page.goto(front.app)
            assert page.url.startswith(f"{front.auth}/if/flow/")
    finally:
        front.restore()


def test_a_program_is_told(signing_in: Front) -> None:
    answer = signing_in.ask("/api", Accept="application/json")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")
    assert "set-cookie" not in answer.headers


def test_a_post_comes_back_to_the_page_it_came_from(signing_in: Front) -> None:
    answer = signing_in.ask("/save?x=1", "POST", Referer=f"{signing_in.app}/form", Accept="text/html")
    assert answer.status_code == 303
    assert "/save" not in answer.headers["location"]


@contextmanager
def configured_otherwise(signing_in: Front, folder: Path, *pairs: tuple[str, str], before: str = "") -> Iterator[Front]:
    """Another nginx with the example's file, in which somebody has changed something."""
    port = free_port()
    configuration = dialling(
        EXAMPLE.read_text(),
        ("127.0.0.1:9000", signing_in.program.ports["http"][0]),
        ("127.0.0.1:8080", f"127.0.0.1:{signing_in.application.port}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        *pairs,
    )
    with nginx(folder, before + configuration, port):
        yield replace(signing_in, app=f"http://{APP}:{port}")


NO_BODY = "        # the question has no body\n        proxy_pass_request_body off;\n"
ASKS = "location = /outpost.goauthentik.io/auth/nginx {"


def test_a_proxy_that_keeps_answers_opens_nothing_else(signing_in: Front, tmp_path: Path) -> None:
    """Its key is what the browser brings, as people write it: one application's yes would be every host's."""
    keeps = f"{ASKS} proxy_cache answers; proxy_cache_key $http_authorization; proxy_cache_valid any 10m;"
    every_host = ("server_name app.example.com;", "server_name app.example.com unknown.example.com;")
    zone = f"proxy_cache_path {tmp_path}/cache keys_zone=answers:1m;\n"
    with configured_otherwise(signing_in, tmp_path, (ASKS, keeps), every_host, before=zone) as front:
        bob = journeys.basic("bob", PASSWORDS["bob"])
        assert front.ask("/kept", Authorization=bob).status_code == 200
        before = len(front.application.requests)
        assert front.ask("/kept", host="unknown.example.com", Authorization=bob).status_code == 403
        assert len(front.application.requests) == before


def test_a_body_that_never_comes_is_not_waited_for(signing_in: Front, tmp_path: Path) -> None:
    """nginx announces the browser's body to us, and sends none, where its second line about that is missing."""
    whole = f'{NO_BODY}        proxy_set_header Content-Length "";\n'
    with configured_otherwise(signing_in, tmp_path, (whole, NO_BODY)) as one:
        began = time.monotonic()
        answer = httpx.post(
            f"http://127.0.0.1:{one.port}/upload",
            content=b"seven..",
            headers={"Host": APP, "Authorization": journeys.basic("bob", PASSWORDS["bob"])},
            timeout=30,
        )
        assert answer.status_code == 200
        assert time.monotonic() - began < BODY_TIMEOUT / 2


@pytest.mark.full
@pytest.mark.parametrize("journey", journeys.OF_PEOPLE, ids=lambda journey: journey.__name__)
def test_a_journey(signing_in: Front, journey: Callable[[Front], None]) -> None:
    signing_in.configure()
    try:
        journey(signing_in)
    finally:
        signing_in.restore()


def test_every_numbered_case_holds(signing_in: Front) -> None:
    every_case_holds(signing_in)
