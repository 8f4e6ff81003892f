"""ingress-nginx: what its controller makes of the example's annotations, run by a real nginx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.ports import free_port
from tests.wire import journeys
from tests.wire.directory import Directory
from tests.wire.field_cases import every_case_holds
from tests.wire.fronts import APP, Front, configured
from tests.wire.nginx import Backend, nginx
from tests.wire.program import Program

pytestmark = pytest.mark.peer

OF_ONE_NAME = [
    one for one in journeys.OF_PEOPLE if one != journeys.one_sign_in_opens_several_domains_and_its_end_closes_all
]
"""An Ingress is for one name: another has its own, with its own place to sign in."""

EXAMPLE = Path(__file__).parents[2] / "examples" / "ingress-nginx.yaml"
ANNOTATION = "nginx.ingress.kubernetes.io/"
RENDERED = """
server {{
    listen 127.0.0.1:{port};
    server_name {host};
    proxy_buffer_size {buffer};
    proxy_buffers 4 {buffer};

    {ours}
    location = /_external-auth {{
        internal;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header X-Forwarded-Proto "";
        proxy_set_header Host {auth_host};
        proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Sent-From "nginx-ingress-controller";
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Auth-Request-Redirect $request_uri;
        proxy_http_version 1.1;
        proxy_ssl_server_name on;
        proxy_pass_request_headers on;
        proxy_pass http://{outpost}{auth_path};
    }}
    location @auth-signin {{
        internal;
        return 302 {sign_in};
    }}
    location / {{
        auth_request /_external-auth;
        {copied}
        error_page 401 = @auth-signin;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://127.0.0.1:{application};
    }}
}}
"""
"""After the controller's template: nothing of it but what is about asking."""
EXACTLY = """
    location = {path} {{
        proxy_set_header Host $http_host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass http://{outpost};
    }}
"""
"""A path of the type Exact."""


def rendered(program: Program, application: Backend, port: int) -> str:
    ingress, signing_in = yaml.safe_load_all(EXAMPLE.read_text())
    said = {name.removeprefix(ANNOTATION): value for name, value in ingress["metadata"]["annotations"].items()}
    (rule,), (our_rule,) = ingress["spec"]["rules"], signing_in["spec"]["rules"]
    assert rule["host"] == our_rule["host"] == APP
    ours = our_rule["http"]["paths"]
    assert {one["pathType"] for one in ours} == {"Exact"}
    auth_host, slash, auth_path = said["auth-url"].removeprefix("http://").partition("/")
    names = said["auth-response-headers"].split(",")
    copied = [
        f"auth_request_set $header{at} $upstream_http_{name.lower().replace('-', '_')};\n"
        f"        proxy_set_header {name} $header{at};"
        for at, name in enumerate(names)
    ]
    sign_in = said["auth-signin"].replace(f"https://{APP}", f"http://{APP}:{port}")
    return RENDERED.format(
        port=port,
        host=rule["host"],
        buffer=said["proxy-buffer-size"],
        outpost=program.ports["http"][0],
        ours="".join(EXACTLY.format(path=one["path"], outpost=program.ports["http"][0]) for one in ours),
        auth_host=auth_host,
        auth_path=slash + auth_path,
        sign_in=sign_in.replace("$escaped_request_uri", "$request_uri"),
        copied="\n        ".join(copied),
        application=application.port,
    )


@pytest.fixture(scope="module")
def front(
    program: Program, people: Directory, application: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    port = free_port()
    with (
        nginx(tmp_path_factory.mktemp("ingress"), rendered(program, application, port), port),
        configured(program, people, application, port) as found,
    ):
        yield found


def test_a_person_signs_in_and_arrives(front: Front) -> None:
    journeys.a_person_signs_in_and_arrives(front, strips_empty=True)


def test_it_says_where_it_sends_to_sign_in_that_something_was_posted(front: Front) -> None:
    start = f"{front.app}/outpost.goauthentik.io/start"
    for method in ("GET", "POST"):
        sent = front.ask("/save?x=1", method, Accept="text/html")
        assert (sent.status_code, sent.headers["Location"]) == (302, f"{start}?method={method}&rd=/save?x=1")


def test_nobody_else_arrives(front: Front) -> None:
    before = len(front.application.requests)
    forged = {"X-Authentik-Username": "bob", "X-Forwarded-Uri": "/public"}
    assert front.ask("/page", **forged).status_code == 302
    assert front.ask("/page", **{"X-Original-URI": "/public"}).status_code == 500, "two that disagree"
    assert front.ask("/page", **{"X-Forwarded-Host": "other.example.com"}).status_code == 500
    assert len(front.application.requests) == before


@pytest.mark.full
@pytest.mark.parametrize("journey", OF_ONE_NAME, ids=lambda journey: journey.__name__)
def test_a_journey(front: Front, journey: Callable[[Front], None]) -> None:
    journey(front)


def test_every_numbered_case_holds(front: Front) -> None:
    every_case_holds(front)
