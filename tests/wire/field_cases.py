"""Cases of the field by their numbers (`tests/test_field_cases.py`), through a real proxy to a recording application.

Requests go out octet by octet as they stand here, since no client would send most of them.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from protocols.proxy.cookies import Jar
from tests.wire.fronts import APP, Front
from tests.wire.program import ANSWER_SECONDS, SOON, until

OPEN = "^/public/\n^/api/[^/]+/status$"
"""Paths that need no sign-in meanwhile."""
CALLBACK = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true"
SCRIPT = "a path or a Referer that is a script"
UPGRADE = "an upgrade of our address"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
NAMES = ("X-Authentik-Username", "X-Authentik-Groups", "X_Authentik_Username", "X.Authentik.Username")
FORGED = "admin"
Lines = tuple[str, ...]


class Case(NamedTuple):
    number: str
    """Or its name, where it has none."""
    target: str
    lines: Lines = ()
    opens: bool = False
    method: str = "GET"
    host: str = APP


CASES = (
    Case("T01", "/secret", ("X-Forwarded-Uri: /public/x",)),
    Case("T04", "/secret", ("X-Forwarded-For: 10.0.0.1, 198.51.100.7",)),
    Case("T05", "/secret", ("X-Forwarded-For: a",)),
    Case("T05", "/secret", ("X-Forwarded-For: " + "," * 5000,)),
    Case("T07", "/secret", ("X-Original-URL: http://app.example.com/public/x", "X-Original-URI: /public/x")),
    Case("T08", "/secret", ("X-Forwarded-Uri: /public/x", "X-Forwarded-Uri: /secret")),
    Case("T08", "/secret", ("X-Original-URL: http://app.example.com/public/x",) * 2),
    Case("T10", "/secret", ("X-Forwarded-Uri:", "X-Forwarded-Host:", "X-Forwarded-Method:", "X-Original-URL:")),
    Case("T11", "/secret", ("X_Forwarded_Uri: /public/x", "X_Original_URL: http://app.example.com/public/x")),
    Case("T11", "/secret", ("X.Forwarded.Uri: /public/x",)),
    Case("T13", "/secret", ("X-Forwarded-Proto: javascript",)),
    Case("T14", "/api/private/secret?path=/status"),
    Case("T16", "/secret/public/"),
    Case("T16", "/publicity"),
    Case("T16", "/x?y=/public/"),
    *(
        Case("T17", f"/public/{rest}")
        for rest in (
            *("../secret", "%2e%2e/secret", "%252e%252e/secret", "..%2fsecret", "..;/secret", ".%2e/secret"),
            *("..%5csecret", "%2e%2e%2fsecret", "x/..%2f..%2fsecret", "..%c0%afsecret", "..%00/secret"),
        )
    ),
    Case("T19", "/public/logo.png", opens=True),
    Case("T19", "/public/%7Euser", opens=True),
    Case("T20", "/public/%"),
    Case("T20", "/public/%zz"),
    Case("T20", "/public/\xff"),
    Case("T22", "/public/x", host="nobody.invalid"),
    Case("T23", "/public/x", host="evilapp.example.com"),
    Case("T23", "/public/x", host="app.example.com.evil.test"),
    Case("T25", "/secret", ("Origin: http://evil.test", "Access-Control-Request-Method: GET"), method="OPTIONS"),
    Case("T26", "/secret", ("X-HTTP-Method-Override: OPTIONS", "Content-Length: 0"), method="POST"),
    Case("T28", "/PUBLIC/x"),
    Case("T29", "/public/x", opens=True),
    Case("T37", "/outpost.goauthentik.io/start?rd=https://evil.test/"),
    Case("T40", f"{CALLBACK}&code=code&state=forged"),
    Case("T41", f"{CALLBACK}&code=code"),
    Case("T44", "/secret", ("Accept: application/json", "X-Requested-With: XMLHttpRequest")),
    *(Case("T46", "/secret", (f"Cookie: {{session}}={value}",)) for value in ("", "x", "=", "%00", "A" * 3000)),
    Case("T47", "/secret", ("Cookie: " + "; ".join(f"sess_{at}=x" for at in range(400)),)),
    Case("T47", "/secret", ("Cookie: sess_chunks=99999999" + ";;;=" * 500,)),
    *(
        Case(SCRIPT, target, ("Accept: text/html", "Referer: javascript:alert(1)//<script>"))
        for target in (
            "/<script>alert(1)</script>",
            "/%3Cscript%3Ealert(1)%3C/script%3E",
            '/"><script>alert(1)</script>',
        )
    ),
    Case(SCRIPT, "/save", ("Referer: javascript:alert(1)", "Content-Length: 0"), method="POST"),
    Case(SCRIPT, f"{CALLBACK}&error=<script>alert(1)</script>", ("Accept: text/html",)),
    Case(UPGRADE, "/secret", HANDSHAKE),
    Case(UPGRADE, "/outpost.goauthentik.io/auth/caddy", HANDSHAKE),
    Case("T50", "/secret", ("User-Agent: kube-probe/1.0",)),
    Case("T50", "/ping", ("User-Agent: GoogleHC/1.0",)),
)


def every_case_holds(front: Front) -> None:
    """Only what is open arrives, as nobody; and what was sent before spoils nothing behind it."""
    cookie = _cookie(front)
    with _opened(front):
        for case in CASES:
            _holds(front, case, cookie)
        _holds(front, Case("T20", "/public/after", opens=True), cookie)


def _cookie(front: Front) -> str:
    """The name of the application's session cookie."""
    client_id = front.program.api("GET", _provider(front))["client_id"]
    mark = hashlib.sha256(client_id.encode()).hexdigest()[:8]
    return Jar(mark, secure=front.app.startswith("https")).session.decode()


def _provider(front: Front) -> str:
    return f"providers/proxy/{front.people.providers['proxy']}/"


def _holds(front: Front, case: Case, cookie: str) -> None:
    before = len(front.application.requests)
    answer = _asked(front, case, cookie)
    arrived = front.application.requests[before:]
    assert len(arrived) == case.opens, (case, answer[:300])
    for _, headers in arrived:
        assert FORGED not in headers.values(), (case, headers)
        assert not headers.get("x-authentik-username"), (case, headers)
    head = answer.partition("\r\n\r\n")[0].lower()
    assert "authentik_proxy_" not in head, (case, head)
    for scheme in ("location: javascript", "location: https://evil", "location: http://evil"):
        assert scheme not in head, (case, head)
    if case.number == "T44":
        assert "set-cookie" not in head, (case, head)
    assert not head.startswith("http/1.1 101"), (case, head)
    assert "<script>alert" not in answer.partition("\r\n\r\n")[2], (case, answer)


def _asked(front: Front, case: Case, cookie: str) -> str:
    """The answer's octets, as Latin-1; empty if the proxy hangs up."""
    forged = tuple(f"{name}: {FORGED}" for name in NAMES)
    lines = (f"Host: {case.host}:{front.port}", "Connection: close", *forged, *case.lines)
    head = "\r\n".join((f"{case.method} {case.target} HTTP/1.1", *lines, "", ""))
    octets = head.replace("{session}", cookie).encode("latin-1")
    with _connected(front) as one:
        one.sendall(octets)
        try:
            return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")
        except ConnectionResetError:
            return ""


@contextmanager
def _connected(front: Front) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", front.port), ANSWER_SECONDS) as one:
        if not front.app.startswith("https"):
            yield one
            return
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(one, server_hostname=APP) as secured:
            yield secured


@contextmanager
def _opened(front: Front) -> Iterator[None]:
    front.program.api("PATCH", _provider(front), {"skip_path_regex": OPEN})
    try:
        until(lambda: front.ask("/public/").status_code == 200, SOON, "the outpost hearing of it")
        yield
    finally:
        front.program.api("PATCH", _provider(front), {"skip_path_regex": ""})
