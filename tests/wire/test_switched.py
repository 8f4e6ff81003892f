"""nginx as it is set up for Authelia and for oauth2-proxy, in front of us: only the upstream's address differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.wire.chromium import chromium
from tests.wire.directory import Directory
from tests.wire.fronts import RESOLVER, Front, configured, sign_in
from tests.wire.journeys import basic
from tests.wire.nginx import Backend, nginx
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

EXAMPLES = Path(__file__).parents[2] / "examples"
PORTAL = "login.example.com"


@contextmanager
def behind_nginx(
    name: str, program: Program, people: Directory, application: Backend, folder: Path, port: int
) -> Iterator[Front]:
    configuration = (EXAMPLES / name).read_text()
    for printed, real in (
        ("server 127.0.0.1:9000;", f"server {program.ports['http'][0]};"),
        ("127.0.0.1:8080", f"127.0.0.1:{application.port}"),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
    ):
        assert printed in configuration
        configuration = configuration.replace(printed, real)
    with nginx(folder, configuration, port), configured(program, people, application, port) as found:
        yield found


@pytest.fixture
def portal(program: Program, people: Directory, application: Backend, tmp_path: Path) -> Iterator[Front]:
    """With a provider for the domain, whose address is the portal's."""
    port = free_port()
    with behind_nginx("nginx-authelia.conf", program, people, application, tmp_path, port) as front:
        flow = program.api("GET", "flows/instances/default-provider-authorization-implicit-consent/")["pk"]
        domain = {
            "name": "domain",
            "mode": "forward_domain",
            "external_host": f"http://{PORTAL}:{port}",
            "cookie_domain": "example.com",
            "authorization_flow": flow,
            "invalidation_flow": program.api("GET", "flows/instances/default-provider-invalidation-flow/")["pk"],
        }
        provider = program.api("POST", "providers/proxy/", domain)["pk"]
        made = {"name": "Domain", "slug": "domain", "provider": provider}
        program.api("POST", "core/applications/", made)
        outpost = program.api("GET", "outposts/instances/", query={"name__iexact": program.outpost_name})["results"][0]
        place = f"outposts/instances/{outpost['pk']}/"
        program.api("PATCH", place, {"providers": [*outpost["providers"], provider]})
        try:
            until(lambda: PORTAL in front.ask("/").headers.get("location", ""), SOON, "the portal being known")
            yield front
        finally:
            program.api("PATCH", place, {"providers": outpost["providers"]})
            program.api("DELETE", "core/applications/domain/")
            program.api("DELETE", f"providers/proxy/{provider}/")


def test_as_with_authelia(portal: Front) -> None:
    before = len(portal.application.requests)
    assert portal.ask("/page").status_code == 302
    assert portal.ask("/page", **{"Remote-User": "alice"}).status_code == 302
    assert portal.ask_by_target().startswith("HTTP/1.1 302"), (
        "decided about as the application that nginx would take it to"
    )
    assert len(portal.application.requests) == before
    with chromium(RESOLVER) as browser:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{portal.app}/deep/page?x=1")
        sign_in(page, "bob")
        page.wait_for_url(f"{portal.app}/deep/page?x=1")
        headers = portal.last("/deep/page?x=1")
        assert (headers["remote-user"], headers["remote-groups"]) == ("bob", "engineering")
        assert (headers["remote-name"], headers["remote-email"]) == ("Bob", "bob@example.com")


def test_as_with_oauth2_proxy(program: Program, people: Directory, application: Backend, tmp_path: Path) -> None:
    with behind_nginx("nginx-oauth2-proxy.conf", program, people, application, tmp_path, free_port()) as front:
        assert front.ask("/page").status_code == 403
        assert front.ask("/page", Authorization=basic("bob", "wrong")).status_code == 403
        assert front.ask("/page", **{"X-Forwarded-Method": "a browser's own"}).status_code == 403
        with chromium(RESOLVER) as browser:
            page = browser.new_context().new_page()
            page.goto(f"{front.app}/deep/page?x=1")
            page.get_by_role("link", name="Sign in").click()
            sign_in(page, "bob")
            page.wait_for_url(f"{front.app}/deep/page?x=1")
            headers = front.last("/deep/page?x=1")
            assert (headers["x-user"], headers["x-email"]) == ("bob", "bob@example.com")
            page.goto(f"{front.app}/oauth2/sign_out")
            page.get_by_text("You have signed out").wait_for()
            page.goto(f"{front.app}/deep/page?x=1")
            page.get_by_role("link", name="Sign in").wait_for()
