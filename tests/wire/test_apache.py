"""Apache asks over FastCGI, or signs in by itself: with the examples' own files, nobody else gets through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.peers import require
from tests.ports import free_port
from tests.wire import journeys, processes
from tests.wire.chromium import chromium
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import APP, RESOLVER, Front, configured, dialling, sign_in
from tests.wire.nginx import Backend, is_listening
from tests.wire.program import SOON, Program, until

pytestmark = pytest.mark.peer

EXAMPLES = Path(__file__).parents[2] / "examples"
MODULES = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "authnz_fcgi",
    "headers",
    "proxy",
    "proxy_http",
    "macro",
)


@contextmanager
def apache(folder: Path, site: str, port: int, *more: str) -> Iterator[None]:
    """Runs it with one of the examples, and with these modules beside the usual ones."""
    modules = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in (*MODULES, *more)]
    ours = [
        *modules,
        f"Listen 127.0.0.1:{port}",
        f"ServerRoot {folder}",
        f"PidFile {folder}/pid",
        f"DefaultRuntimeDir {folder}",
        f"ErrorLog {folder}/error.log",
        "ServerName localhost",
        "User nobody",
        "Group nogroup",
    ]
    (folder / "apache.conf").write_text("\n".join([*ours, site]))
    process = processes.start([require("apache2"), "-D", "FOREGROUND", "-f", str(folder / "apache.conf")])
    try:
        until(lambda: is_listening(port), SOON, "apache listening")
        yield
    finally:
        processes.stop(process)


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    port = free_port()
    site = dialling(
        (EXAMPLES / "apache-fastcgi.conf").read_text(),
        ("<VirtualHost *:80>", f"<VirtualHost 127.0.0.1:{port}>"),
        ("127.0.0.1:9003", program.ports["fastcgi"][0]),
        ("127.0.0.1:8080", f"127.0.0.1:{application.port}"),
    )
    with (
        apache(tmp_path_factory.mktemp("apache"), site, port),
        configured(program, people, application, port) as found,
    ):
        yield found


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    journeys.a_person_signs_in_and_arrives(front)


def test_nobody_else_arrives(front: Front) -> None:
    journeys.nobody_else_arrives(front)


def test_credentials(front: Front) -> None:
    journeys.credentials_open(front)
    assert "authorization" not in front.last("/basic")


def test_nobody_is_shown_what_is_meant_for_the_application(front: Front) -> None:
    assert front.ask("/page", "TRACE", Authorization=journeys.basic("bob", PASSWORDS["bob"])).status_code == 405


def test_a_host_in_the_target_counts_as_it_does_for_apache(front: Front) -> None:
    """Apache serves by the target's host; what Host says beside it is not what is decided about."""
    answer = front.ask_by_target()
    assert answer.startswith("HTTP/1.1 302"), answer


def test_apache_signs_people_in_by_itself(
    program: Program, people: Directory, application: Backend, tmp_path: Path
) -> None:
    port = free_port()
    app = f"http://{APP}:{port}"
    uris = [{"matching_mode": "strict", "url": f"{app}/oidc-callback", "redirect_uri_type": "authorization"}]
    flow = program.api("GET", "flows/instances/default-provider-authorization-implicit-consent/")["pk"]
    ends = program.api("GET", "flows/instances/default-provider-invalidation-flow/")["pk"]
    asked = {"name": "apache", "authorization_flow": flow, "invalidation_flow": ends, "redirect_uris": uris}
    provider = program.api("POST", "providers/oauth2/", asked)
    made = program.api("POST", "core/applications/", {"name": "Apache", "slug": "apache", "provider": provider["pk"]})
    staff = {"target": made["pk"], "group": people.groups["staff"], "order": 0}
    program.api("POST", "policies/bindings/", staff)
    control = program.control.ports["http"][0]
    program.api("PATCH", "admin/settings/", {"base_url": ""})  # Apache finds no name that only the browser knows
    site = dialling(
        (EXAMPLES / "apache-openidc.conf").read_text(),
        ("https://auth.example.com/application/o/app/", f"http://{control}/application/o/apache/"),
        ("client-id", provider["client_id"]),
        ("client-secret", provider["client_secret"]),
        ('"passphrase"', '"a long random text of this test"'),
        ("<VirtualHost *:80>", f"<VirtualHost 127.0.0.1:{port}>"),
        ("127.0.0.1:8080", f"127.0.0.1:{application.port}"),
    )
    front = Front(program, people, application, app, f"http://{control}")
    try:
        with apache(tmp_path, site, port, "auth_openidc"), chromium(RESOLVER) as browser:
            before = len(application.requests)
            assert front.ask("/page", Accept="text/html").status_code == 302
            assert front.ask("/page", Accept="application/json").status_code == 401
            assert len(application.requests) == before
            page = browser.new_context().new_page()
            page.goto(f"{app}/deep/page?x=1")
            sign_in(page, "bob")
            page.wait_for_url(f"{app}/deep/page?x=1")
            headers = front.last("/deep/page?x=1")
            assert (headers["remote-user"], headers["remote-email"]) == ("bob", "bob@example.com")
            assert headers["remote-groups"] == "engineering"
            stranger = browser.new_context().new_page()
            stranger.goto(f"{app}/page")
            sign_in(stranger, "carol")
            stranger.get_by_text("may not use").wait_for()
    finally:
        program.api("DELETE", "core/applications/apache/")
        program.api("DELETE", f"providers/oauth2/{provider['pk']}/")


@pytest.mark.full
@pytest.mark.parametrize("journey", journeys.OF_PEOPLE, ids=lambda journey: journey.__name__)
def test_a_journey(front: Front, journey: Callable[[Front], None]) -> None:
    journey(front)


def test_every_numbered_case_holds(front: Front) -> None:
    every_case_holds(front)
