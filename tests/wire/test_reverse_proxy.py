"""The outpost as the reverse proxy, set up by the example's own file."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from playwright.sync_api import Page

from tests.certificates import Issued, issue
from tests.ports import free_port
from tests.wire import processes
from tests.wire.apart import Apart
from tests.wire.application import application
from tests.wire.chromium import chromium
from tests.wire.clients import Answer, run
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.fronts import AUTH, RESOLVER, sign_in
from tests.wire.journeys import WEBSOCKET
from tests.wire.nginx import Backend
from tests.wire.program import ANSWER_SECONDS, Program, until

pytestmark = pytest.mark.peer

EXAMPLE = Path(__file__).parents[2] / "examples" / "reverse-proxy.yml"
NAME = "wiki.example.com"
CUT_SECONDS = 30
"""A second is promised; this machine is shared."""
UPLOAD = b"0123456789abcdef" * 512 * 1024


@dataclass
class Proxied:
    program: Program
    people: Directory
    behind: Backend
    scheme: str = "http"
    options: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        return self.program.place(self.scheme)[1]

    @property
    def url(self) -> str:
        return f"{self.scheme}://{NAME}:{self.port}"

    def curl(self, path: str, *options: str, who: str = "bob", stdin: str = "") -> Answer:
        return run(*self.command(path, who), *options, stdin=stdin)

    def command(self, path: str, who: str) -> list[str]:
        credentials = ["-u", f"{who}:{PASSWORDS[who]}"] if who else []
        resolve = ["--resolve", f"{NAME}:{self.port}:127.0.0.1"]
        return ["curl", "-s", "--path-as-is", *self.options, *resolve, *credentials, self.url + path]

    def status(self, path: str, *options: str, who: str = "bob") -> int:
        return int(self.curl(path, "-o", "/dev/null", "-w", "%{http_code}", *options, who=who).text)


@pytest.fixture(scope="module")
def proxied(program: Program, people: Directory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    with application() as behind:
        text = EXAMPLE.read_text()
        port = program.place("http")[1]
        for printed, real in (
            (f"{NAME}:9000", f"{NAME}:{port}"),
            ("127.0.0.1:8080", f"127.0.0.1:{behind.port}"),
            ("  embedded:\n", _adopted(program)),
        ):
            assert text.count(printed) == 1, printed
            text = text.replace(printed, real)
        file = tmp_path_factory.mktemp("proxied") / "reverse-proxy.yml"
        file.write_text(text)
        done = program.control.command("apply", str(file))
        assert done.returncode == 0, done.stderr
        made = Proxied(program, people, behind)
        _serve_the_others_too(program, people)
        until(lambda: made.status("/", who="") == 302, CUT_SECONDS, "the outpost hearing of it")
        yield made
        program.api("DELETE", "core/applications/wiki-behind-us/")
        (provider,) = program.api("GET", "providers/proxy/", query={"name__iexact": "wiki-behind-us"})["results"]
        program.api("DELETE", f"providers/proxy/{provider['pk']}/")


def _adopted(program: Program) -> str:
    """The line of the outpost. One elsewhere was made by hand before, and the file takes it over."""
    return f"  {program.outpost_name}:\n    adopt: true\n" if isinstance(program, Apart) else "  embedded:\n"


def _serve_the_others_too(program: Program, people: Directory) -> None:
    found = program.api("GET", "outposts/instances/", query={"name__iexact": program.outpost_name})["results"][0]
    providers = sorted({*found["providers"], *people.providers.values()})
    program.api("PATCH", f"outposts/instances/{found['pk']}/", {"providers": providers})


@pytest.fixture
def reachable(proxied: Proxied) -> Iterator[Proxied]:
    """For browsers: control has a name of its own."""
    control = proxied.program.control.place("http")[1]
    proxied.program.api("PATCH", "admin/settings/", {"base_url": f"http://{AUTH}:{control}"})
    try:
        yield proxied
    finally:
        proxied.program.api("PATCH", "admin/settings/", {"base_url": ""})


def test_who_may_in_reaches_the_application(proxied: Proxied) -> None:
    smuggled = ("-H", "X-Authentik-Username: admin", "-H", "X_Authentik_Groups: admins", "-H", "X.Forwarded.For: a")
    assert "The application" in proxied.curl("/a%2Fb/../c?x=1&y=%20", "-H", "Cookie: a=b; c=d==", *smuggled).text
    path, headers = proxied.behind.requests[-1]
    assert path == "/a%2Fb/../c?x=1&y=%20"
    assert (headers["x-authentik-username"], headers["x-authentik-groups"]) == ("bob", "engineering")
    assert (headers["host"], headers["x-forwarded-for"]) == (f"{NAME}:{proxied.port}", "127.0.0.1")
    assert headers["cookie"] == "a=b; c=d=="
    assert not {"authorization", "x_authentik_groups", "x.forwarded.for"} & headers.keys()


def test_a_scope_mapping_sends_one_person_to_another_place(proxied: Proxied) -> None:
    program = proxied.program
    (provider,) = program.api("GET", "providers/proxy/", query={"name__iexact": "wiki-behind-us"})["results"]
    with application() as theirs:
        said = {"host_header": "theirs.internal:81", "backend_override": f"http://127.0.0.1:{theirs.port}/ignored"}
        expression = f"return {{'ak_proxy': {said!r}}} if user.username == 'bob' else None"
        fields = {"name": "wire elsewhere", "scope_name": "elsewhere", "expression": expression}
        mapping = program.api("POST", "propertymappings/provider/scope/", fields)["pk"]
        path = f"propertymappings/provider/scope/{mapping}/"
        mappings = [*provider["property_mappings"], mapping]
        program.api("PATCH", f"providers/proxy/{provider['pk']}/", {"property_mappings": mappings})
        try:

            def sent() -> bool:
                assert proxied.status("/elsewhere") == 200
                return bool(theirs.requests)

            until(sent, CUT_SECONDS, "the outpost hearing of the mapping")
            headers = theirs.requests[-1][1]
            assert (headers["host"], headers["x-forwarded-host"]) == ("theirs.internal:81", f"{NAME}:{proxied.port}")
            assert headers["x-authentik-username"] == "bob"
            assert proxied.status("/public/own", who="") == 200
            assert proxied.behind.requests[-1][0] == "/public/own", "nobody else is sent there"
            before = len(proxied.behind.requests)
            program.api("PATCH", path, {"expression": "return {'ak_proxy': {'backend_override': '127.0.0.1'}}"})
            until(lambda: proxied.status("/") == 403, CUT_SECONDS, "the refusal")
            assert (proxied.status("/"), len(proxied.behind.requests)) == (403, before), "nor anywhere else"
        finally:
            program.api("DELETE", f"propertymappings/all/{mapping}/")
    until(lambda: proxied.status("/") == 200, CUT_SECONDS, "the mapping's end")


def test_nobody_else_does(proxied: Proxied) -> None:
    before = len(proxied.behind.requests)
    assert proxied.status("/", who="carol") == 403
    assert proxied.status("/", "-u", "bob:wrong", who="") == 401
    assert proxied.status("/", who="") == 302
    assert proxied.status("/", "-H", "Accept: application/json", who="") == 401
    for target in ("/public/..%2fadmin", "/public/%2e%2e/admin", "/public/../admin", "/publicity"):
        assert proxied.status(target, who="") == 302, target
    assert proxied.status("/%00", who="bob") == 400
    assert len(proxied.behind.requests) == before


def test_where_no_sign_in_is_needed_nobody_is_said_to_have_come(proxied: Proxied) -> None:
    assert proxied.status("/public/a", "-H", "X-Authentik-Username: admin", who="") == 200
    path, headers = proxied.behind.requests[-1]
    assert (path, headers["x-authentik-username"]) == ("/public/a", "")


@pytest.mark.parametrize("framing", [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]])
def test_long_bodies_go_both_ways(proxied: Proxied, framing: list[str], tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_bytes(UPLOAD)
    assert proxied.curl("/upload", *framing, "--data-binary", f"@{file}").text == hashlib.sha256(UPLOAD).hexdigest()
    got = tmp_path / "download"
    assert proxied.status(f"/bytes/{len(UPLOAD)}") == 200
    proxied.curl(f"/bytes/{len(UPLOAD)}", "-o", str(got))
    assert got.stat().st_size == len(UPLOAD)


def test_a_stream_ends_with_the_account(proxied: Proxied, tmp_path: Path) -> None:
    program, bob, got = proxied.program, proxied.people.users["bob"], tmp_path / "events"
    stream = processes.start([*proxied.command("/events", "bob"), "-N", "-o", str(got)])
    try:
        until(lambda: got.exists() and got.read_bytes().startswith(b"data: tick\n\n"), CUT_SECONDS, "an event")
        program.api("PATCH", f"core/users/{bob}/", {"is_active": False})
        until(lambda: stream.poll() is not None, CUT_SECONDS, "the stream being cut")
    finally:
        program.api("PATCH", f"core/users/{bob}/", {"is_active": True})
        processes.stop(stream)
    until(lambda: proxied.status("/") == 200, CUT_SECONDS, "bob being let in again")


def test_an_application_that_is_gone_is_said_to_be(proxied: Proxied) -> None:
    program = proxied.program
    (made,) = program.api("GET", "providers/proxy/", query={"name__iexact": "wiki-behind-us"})["results"]
    place = f"providers/proxy/{made['pk']}/"
    program.api("PATCH", place, {"internal_host": f"http://127.0.0.1:{free_port()}"})
    try:
        until(lambda: proxied.status("/") == 502, CUT_SECONDS, "the other address being used")
        assert "nobody listens at its address" in proxied.curl("/").text
        metrics = httpx.get(f"http://{program.ports['metrics'][0]}/metrics", timeout=ANSWER_SECONDS).text
        assert 'outpost_application_up{provider="wiki-behind-us"} 0.0' in metrics
    finally:
        program.api("PATCH", place, {"internal_host": made["internal_host"]})
    until(lambda: proxied.status("/") == 200, CUT_SECONDS, "the application being reached again")


def test_tls_on_both_sides(proxied: Proxied, tmp_path: Path) -> None:
    """A certificate of its own for the host, and an application that trusts the outpost's certificate alone."""
    program = proxied.program
    authority = issue("Inner CA", authority=True)
    own, front = issue("outpost", authority), issue(NAME, authority, names=[x509.DNSName(NAME)])
    pks = {name: _keypair(program, name, one) for name, one in (("inner", authority), ("us", own), ("front", front))}
    (before,) = program.api("GET", "providers/proxy/", query={"name__iexact": "wiki-behind-us"})["results"]
    place = f"providers/proxy/{before['pk']}/"
    file = tmp_path / "authority.pem"
    file.write_text(authority.pem)
    https = Proxied(program, proxied.people, proxied.behind, "https", ("--cacert", str(file)))
    with application(_server_tls(authority, tmp_path)) as behind:
        inside = {"internal_host": f"https://127.0.0.1:{behind.port}", "internal_host_authorities": [pks["inner"]]}
        changed = {"external_host": https.url, "certificate": pks["front"], **inside}
        try:
            program.api("PATCH", place, {**changed, "internal_host_authorities": []})
            until(lambda: https.status("/") == 502, CUT_SECONDS, "the application's certificate being doubted")
            assert "no TLS connection" in https.curl("/").text
            program.api("PATCH", place, {**changed, "internal_host_certificate": pks["us"]})
            until(lambda: https.status("/") == 200, CUT_SECONDS, "both being believed")
            assert behind.requests[-1][1]["x-forwarded-proto"] == "https"
            long = https.curl(f"/bytes/{len(UPLOAD)}").text
            assert len(long) == len(UPLOAD)
        finally:
            program.api("PATCH", place, {name: before[name] for name in (*changed, "internal_host_certificate")})
            for pk in pks.values():
                program.api("DELETE", f"crypto/certificatekeypairs/{pk}/")
    until(lambda: proxied.status("/") == 200, CUT_SECONDS, "everything being as before")


def _keypair(program: Program, name: str, issued: Issued) -> str:
    body = {"name": name, "certificate_data": issued.pem, "key_data": issued.key_pem}
    pk: str = program.api("POST", "crypto/certificatekeypairs/", body)["pk"]
    return pk


def _server_tls(authority: Issued, folder: Path) -> ssl.SSLContext:
    """The application's, which asks for a certificate."""
    shown = issue("inner", authority, names=[x509.IPAddress(ip_address("127.0.0.1"))])
    file = folder / "inner.pem"
    file.write_text(shown.pem + shown.key_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.pem)
    context.load_cert_chain(file)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_person_signs_in_and_out_with_a_websocket_open(reachable: Proxied) -> None:
    with chromium(RESOLVER) as browser:
        page: Page = browser.new_context().new_page()
        page.goto(f"{reachable.url}/page?x=1&y=a%20b")
        sign_in(page, "bob")
        page.wait_for_url(f"{reachable.url}/page?x=1&y=a%20b")
        headers = dict(reachable.behind.requests)["/page?x=1&y=a%20b"]
        assert (headers["x-authentik-username"], headers["x-authentik-jwt"].count(".")) == ("bob", 2)
        assert "authentik_" not in headers.get("cookie", "")
        assert page.evaluate(WEBSOCKET) == "hello"
        other = page.context.new_page()
        other.goto(f"{reachable.url}/outpost.goauthentik.io/sign_out")
        other.get_by_text("You have signed out").wait_for()
        page.wait_for_function("window.ended", timeout=CUT_SECONDS * 1000)
        other.goto(reachable.url)
        assert other.url.startswith(f"http://{AUTH}")
