"""``outpost doctor --proxy`` through real proxies: nothing is wrong with the examples, and each mistake is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.wire import caddy as caddies
from tests.wire.directory import Directory
from tests.wire.fronts import APP, AUTH, Front, configured, dialling
from tests.wire.nginx import Backend, nginx
from tests.wire.program import Program
from tests.wire.test_ingress_nginx import rendered

pytestmark = pytest.mark.peer

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN_ADDRESS = "        proxy_set_header X-Forwarded-For $remote_addr;\n    }\n\n    # a browser that has not"
OWN_HOST = (
    "        proxy_set_header X-Forwarded-Host $host;\n        proxy_set_header X-Forwarded-Proto $scheme;\n"
    + OWN_ADDRESS
)
ASKED_HOST = (
    "        proxy_set_header Host $host;\n        proxy_set_header X-Original-URL $scheme://$host$request_uri;\n"
)
SIGN_IN = "    location @sign_in {"
BACK = r"    location ~ ^/outpost\.goauthentik\.io/(start|callback|sign_out|ping|jwks\.json)$ {"

MISTAKES: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "a host of the browser's choice": (
        (
            (ASKED_HOST, ASKED_HOST.replace("$host", "$http_host")),
            (OWN_HOST, OWN_HOST.replace("Host $host", "Host $http_host")),
        ),
        ("With one host in the request line",),
    ),
    "the path alone, as nginx's documents have it": (
        (
            (ASKED_HOST, "        proxy_set_header X-Original-URI $request_uri;\n"),
            ('        proxy_set_header X-Original-URI "";\n', ""),
            (OWN_HOST, OWN_ADDRESS),
        ),
        ("it must hand on the browser's own host", "A browser can choose the host", "A browser can choose the scheme"),
    ),
    "no method": (
        (("        proxy_set_header X-Original-Method $request_method;\n", ""),),
        ("A browser can choose the method", "The proxy does not tell the method"),
    ),
    "an address of the browser's choice": (
        ((OWN_ADDRESS, OWN_ADDRESS.replace("$remote_addr", "$http_x_forwarded_for")),),
        ("A browser can choose its own address",),
    ),
    "no cookies": (
        (("        # the question has no body\n", '        proxy_set_header Cookie "";\n'),),
        ("The proxy does not hand on Cookie",),
    ),
    "no way to sign in": ((("        error_page 401 = @sign_in;\n", ""),), ("is not sent to sign in",)),
    "no way back": (((BACK, "    location /elsewhere/ {"),), ("finds no way back",)),
    "everything below our path": (
        ((BACK, "    location /outpost.goauthentik.io/ {"),),
        ("A browser can ask what the proxy asks",),
    ),
    "no cookies set": (((SIGN_IN, f"{SIGN_IN} proxy_hide_header Set-Cookie;"),), ("loses Set-Cookie",)),
    "nobody is asked": (
        (("        auth_request /outpost.goauthentik.io/auth/nginx;\n", ""),),
        ("did not ask this outpost",),
    ),
}


def examined(program: Program, url: str) -> tuple[int, str]:
    done = program.command("doctor", "--proxy", url, "--connect", "127.0.0.1")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def front(program: Program, people: Directory, application: Backend) -> Iterator[Front]:
    with configured(program, people, application, free_port()) as found:
        yield found


def _rarely(names: Iterable[str], always: tuple[str, ...]) -> list[Any]:
    return [name if name in always else pytest.param(name, marks=pytest.mark.full) for name in names]


@pytest.mark.parametrize("mistake", _rarely(MISTAKES, ("none", "a host of the browser's choice")))
def test_nginx(front: Front, tmp_path: Path, mistake: str) -> None:
    changed, said = MISTAKES[mistake]
    configuration = dialling(
        (EXAMPLES / "nginx.conf").read_text(),
        *changed,
        ("127.0.0.1:9000", front.program.ports["http"][0]),
        ("127.0.0.1:8080", f"127.0.0.1:{front.application.port}"),
        ("listen 80;", f"listen 127.0.0.1:{front.port};"),
    )
    with nginx(tmp_path, configuration, front.port):
        code, told = examined(front.program, front.app)
    assert (code, "nothing is wrong" in told) == ((1, False) if said else (0, True)), told
    for sentence in said:
        assert sentence in told, told
    assert told.count("      ") == len(said), told


@pytest.mark.parametrize("mistake", _rarely(("none", "another host", "cookies removed"), ("cookies removed",)))
def test_caddy(front: Front, tmp_path: Path, mistake: str) -> None:
    https_port = free_port()
    uri = "uri /outpost.goauthentik.io/auth/caddy"
    changed, said = {
        "none": (uri, "nothing is wrong"),
        "another host": (f"{uri}\nheader_up X-Forwarded-Host {AUTH}\nheader_up Host {AUTH}", "it must hand on"),
        "cookies removed": (f"{uri}\nheader_up -Cookie", "does not hand on Cookie"),
    }[mistake]
    sites = dialling(
        caddies.EXAMPLE.read_text(),
        (uri, changed),
        *caddies.places(front.program, front.application),
    )
    front = replace(front, app=f"https://{APP}:{https_port}", auth=f"https://{AUTH}:{https_port}")
    with caddies.caddy(caddies.recent(), tmp_path, sites, free_port(), https_port, (APP, AUTH)):
        front.configure()
        code, told = examined(front.program, front.app)
    assert (code, said in told) == (0 if mistake == "none" else 1, True), told


@pytest.mark.full
@pytest.mark.parametrize("tells", [True, False])
def test_annotations_that_do_not_tell_the_method(front: Front, tmp_path: Path, tells: bool) -> None:
    configuration = rendered(front.program, front.application, front.port)
    if not tells:
        configuration = dialling(configuration, ("start?method=$request_method&rd=", "start?rd="))
    with nginx(tmp_path, configuration, front.port):
        _, told = examined(front.program, front.app)
    assert ("must tell the method in front of rd" in told) is not tells, told


def test_who_is_not_there_is_told_so(program: Program) -> None:
    code, told = examined(program, f"http://{APP}:{free_port()}/")
    assert (code, "does not answer as a web server does" in told) == (1, True)
    code, told = examined(program, "app.example.com")
    assert (code, "is no address of a page" in told) == (1, True)
