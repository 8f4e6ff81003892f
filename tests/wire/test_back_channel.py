"""A session ends at control, and the application that it was good for is told at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.wire.directory import PASSWORDS, Directory
from tests.wire.program import ANSWER_SECONDS, SOON, Program

pytestmark = pytest.mark.peer

CALLBACK = "http://rp.example.com/callback"
EXECUTOR = "/api/v3/flows/executor/default-authentication-flow/"


@pytest.fixture
def told() -> Iterator[tuple[str, Queue[str]]]:
    """Where the application hears of endings, and what it has heard."""
    tokens: Queue[str] = Queue()

    class Application(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            tokens.put(form["logout_token"][0])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/logout", tokens
    server.shutdown()
    thread.join()
    server.server_close()


def signed_in(control: Program, client_id: str, secret: str) -> str:
    """The ID token of bob's sign-in."""
    with httpx.Client(base_url=control.http, timeout=30, follow_redirects=False) as browser:
        browser.get(EXECUTOR)
        for answer in ({"uid_field": "bob"}, {"password": PASSWORDS["bob"]}):
            browser.post(EXECUTOR, json=answer)
            browser.get(EXECUTOR)
        asked = {"client_id": client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        location = browser.get("/application/o/authorize/", params=asked).headers["location"]
        assert location.startswith(CALLBACK), location
        code = parse_qs(urlsplit(location).query)["code"][0]
    redeemed = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    given = httpx.post(f"{control.http}/application/o/token/", data=redeemed, auth=(client_id, secret), timeout=30)
    token: str = given.json()["id_token"]
    return token


def test_an_application_hears_of_the_end(
    program: Program, people: Directory, told: tuple[str, Queue[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, tokens = told
    flow = program.api("GET", "flows/instances/default-provider-authorization-implicit-consent/")["pk"]
    provider = program.api(
        "POST",
        "providers/oauth2/",
        {
            "name": "told",
            "authorization_flow": flow,
            "invalidation_flow": program.api("GET", "flows/instances/default-provider-invalidation-flow/")["pk"],
            "redirect_uris": [{"matching_mode": "strict", "url": CALLBACK}],
            "logout_uri": url,
        },
    )
    program.api("POST", "core/applications/", {"name": "Told", "slug": "told", "provider": provider["pk"]})
    try:
        identity = signed_in(program.control, provider["client_id"], provider["client_secret"])
        keys = KeySet.import_key_set(
            httpx.get(f"{program.control.http}/application/o/told/jwks/", timeout=ANSWER_SECONDS).json()
        )
        sid = jwt.decode(identity, keys).claims["sid"]
        sessions = program.api("GET", "core/authenticated_sessions/", query={"user__username": "bob"})["results"]
        began = time.monotonic()
        for session in sessions:
            program.api("DELETE", f"core/authenticated_sessions/{session['uuid']}/")
        claims = jwt.decode(tokens.get(timeout=SOON), keys).claims
        with capsys.disabled():
            print(f"\ntold of the end after {(time.monotonic() - began) * 1000:.0f} ms")
        assert (claims["sid"], claims["aud"]) == (sid, provider["client_id"])
    finally:
        program.api("DELETE", "core/applications/told/")
        program.api("DELETE", f"providers/oauth2/{provider['pk']}/")
