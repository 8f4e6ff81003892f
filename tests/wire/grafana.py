"""What Grafana does with the article's block: sends people to sign in, reads who they are, and gives them a role.

It listens on loopback; browsers reach it through a reverse proxy, and it reaches the server at ``behind``.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Iterator
from configparser import ConfigParser, SectionProxy
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import jmespath

INI = Path(__file__).parents[1] / "vectors" / "oidc" / "grafana.ini"
CALLBACK = "/login/generic_oauth"
PRINTED = "https://auth.example.com"


@dataclass
class Grafana:
    url: str
    """As browsers write it."""
    auth: str
    """The public URL of the server, which stands in the block for the printed one."""
    behind: str
    """Where this program reaches the server."""
    block: SectionProxy | None = None
    port: int = 0
    states: set[str] = field(default_factory=set)

    def configure(self, client_id: str, client_secret: str) -> None:
        """The block as printed, with what the pages show."""
        config = ConfigParser(interpolation=None)
        text = INI.read_text(encoding="utf-8").replace(PRINTED, self.auth)
        config.read_string(text.replace("<client-id>", client_id).replace("<client-secret>", client_secret))
        self.block = config["auth.generic_oauth"]

    def sign_in(self) -> str:
        """Where somebody is sent."""
        assert self.block is not None
        state = secrets.token_urlsafe()
        self.states.add(state)
        asked = {
            "client_id": self.block["client_id"],
            "redirect_uri": self.url + CALLBACK,
            "response_type": "code",
            "scope": self.block["scopes"],
            "state": state,
        }
        return f"{self.block['auth_url']}?{urlencode(asked)}"

    def arrived(self, query: str) -> tuple[str, str]:
        """Login name and role of who comes back with this query."""
        assert self.block is not None
        answer = {name: values[0] for name, values in parse_qs(query).items()}
        self.states.remove(answer["state"])
        credentials = (self.block["client_id"], self.block["client_secret"])
        asked = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": self.url + CALLBACK}
        token = self._call("POST", self.block["token_url"], auth=credentials, data=asked)["access_token"]
        profile = self._call("GET", self.block["api_url"], headers={"Authorization": f"Bearer {token}"})
        return profile["preferred_username"], jmespath.search(self.block["role_attribute_path"], profile)

    def _call(self, method: str, url: str, headers: dict[str, str] | None = None, **given: Any) -> Any:
        parts = urlsplit(url)
        said = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme, **(headers or {})}
        answer = httpx.request(method, self.behind + parts.path, headers=said, timeout=30, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def grafana(url: str, auth: str, behind: str) -> Iterator[Grafana]:
    program = Grafana(url, auth, behind)

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == CALLBACK and "code=" in query:
                name, role = program.arrived(query)
                self._page(f"Welcome {name}, you are {role}")
            elif path == CALLBACK:
                self.send_response(302)
                self.send_header("Location", program.sign_in())
                self.end_headers()
            else:
                self._page(f'<a href="{CALLBACK}">Sign in with Authentik</a>', is_markup=True)

        def _page(self, text: str, is_markup: bool = False) -> None:
            body = (text if is_markup else html.escape(text)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    program.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield program
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
