"""Envoy ext_authz over HTTP, with the example's own file: a person signs in, and nobody else gets through."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire import processes
from tests.wire.chromium import chromium
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.fronts import APP, AUTH, RESOLVER, Front
from tests.wire.nginx import Backend, backend, free_port, is_listening
from tests.wire.program import Program, until

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "envoy.yaml"


@pytest.fixture(scope="module")
def application() -> Iterator[Backend]:
    with backend() as recorded:
        yield recorded


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    port = free_port()
    control = program.control.place("http")[1]
    sites = EXAMPLE.read_text()
    for printed, real in ((8000, port), (9000, program.place("http")[1]), (8080, application.port)):
        assert sites.count(f"port_value: {printed}") == 1
        sites = sites.replace(f"port_value: {printed}", f"port_value: {real}")
    folder = tmp_path_factory.mktemp("envoy")
    (folder / "envoy.yaml").write_text(sites)
    command = [str(Path(sys.executable).parent / "envoy"), "--use-dynamic-base-id", "--log-level", "warn"]
    with (folder / "log").open("wb") as log:
        process = processes.start([*command, "-c", str(folder / "envoy.yaml")], stdout=log, stderr=log)
    found = Front(program, people, application, f"http://{APP}:{port}", f"http://{AUTH}:{control}")
    found.configure()
    try:
        until(lambda: is_listening(port), 20, "envoy listening")
        yield found
    finally:
        processes.stop(process)
        found.restore()


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    with chromium(RESOLVER) as browser:
        context = browser.new_context()
        page, cookie = front.signed_in(context)
        page.goto(f"{front.app}/deep/page?x=1")
        headers = front.last("/deep/page?x=1")
        assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
        forged = {"X-Authentik-Username": "alice", "X-Authentik-Entitlements": "all", "X_Authentik_Username": "alice"}
        assert front.ask("/forged", Cookie=cookie, **forged).status_code == 200
        headers = front.last("/forged")
        assert (headers["x-authentik-username"], headers["x-authentik-entitlements"]) == ("bob", "")
        assert "x_authentik_username" not in headers
        page.goto(f"{front.app}/outpost.goauthentik.io/sign_out")
        page.get_by_text("You have signed out").wait_for()
        assert front.ask("/", Cookie=cookie).status_code == 302


def test_nobody_else_arrives(front: Front) -> None:
    before = len(front.application.requests)
    forged = {"X-Authentik-Username": "bob", "X-Forwarded-Uri": "/public", "X-Original-URL": f"{front.app}/public"}
    assert front.ask("/page", **forged).status_code == 302
    assert front.ask("/page", Accept="application/json").status_code == 401
    assert front.ask("/page", "POST").status_code == 303
    assert front.ask("/", host="unknown.example.com").status_code == 403
    assert len(front.application.requests) == before


def test_credentials(front: Front) -> None:
    assert front.ask("/basic", Authorization=_basic("bob", PASSWORDS["bob"])).status_code == 200
    assert front.last("/basic")["x-authentik-username"] == "bob"
    assert front.ask("/basic", Authorization=_basic("bob", "wrong")).status_code == 401


def _basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
