"""nginx auth_request: Basic credentials reach the application as identity headers; nobody else reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.wire.directory import HOST, PASSWORDS, Directory
from tests.wire.nginx import Backend, backend, nginx
from tests.wire.program import Program

pytestmark = pytest.mark.peer

DOCUMENT = Path(__file__).parents[2] / "docs" / "proxies" / "nginx.md"


@pytest.fixture(scope="module")
def application() -> Iterator[Backend]:
    with backend() as recorded:
        yield recorded


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """nginx with the document's own snippet: only addresses differ."""
    (snippet,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "127.0.0.1:9000" in snippet
    assert "127.0.0.1:8080" in snippet
    assert "listen 80;" in snippet
    snippet = snippet.replace("127.0.0.1:9000", program.ports["http"][0])
    snippet = snippet.replace("127.0.0.1:8080", f"127.0.0.1:{application.port}")
    snippet = snippet.replace("app.example.com", HOST)
    with nginx(tmp_path_factory.mktemp("nginx"), snippet) as port:
        yield f"http://127.0.0.1:{port}"


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
    [(None, 401), (("bob", "wrong"), 401), (("nobody", "x"), 401), (("carol", PASSWORDS["carol"]), 403)],
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
