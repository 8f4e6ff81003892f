"""A reverse proxy in front of one application and of control, and people in front of it, in Chromium."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
from playwright.sync_api import BrowserContext, Page

from tests.wire.directory import PASSWORDS, Directory, serve
from tests.wire.nginx import Backend
from tests.wire.program import ANSWER_SECONDS, SOON, Program, until

APP, AUTH = "app.example.com", "auth.example.com"
NOTES = "notes.example.net"
"""Of another registrable domain: no cookie is sent to both."""
RESOLVER = "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP *.example.net 127.0.0.1"
"""For Chromium: every name leads to this machine."""


def dialling(text: str, *pairs: tuple[str, str]) -> str:
    """An example's configuration with real addresses; each of the printed ones stands there once."""
    for printed, real in pairs:
        assert text.count(printed) == 1, printed
        text = text.replace(printed, real)
    return text


@dataclass
class Front:
    program: Program
    people: Directory
    application: Backend
    app: str
    """The application's address, as browsers see it."""
    auth: str
    """Control's."""

    @property
    def port(self) -> int:
        return int(self.app.rpartition(":")[2])

    def configure(self) -> None:
        """As the article does in the console: the public URL, and the external host of the provider."""
        self._set(self.auth, self.app)
        until(self._is_known, SOON, "the outpost hearing of it")

    def restore(self) -> None:
        self._set("", f"http://{APP}")

    def _set(self, public_url: str, external_host: str) -> None:
        self.program.api("PATCH", "admin/settings/", {"base_url": public_url})
        provider = self.people.providers["proxy"]
        self.program.api("PATCH", f"providers/proxy/{provider}/", {"external_host": external_host})

    def _is_known(self) -> bool:
        location: str = self.forwarded(self.program).headers.get("location", "")
        return location.startswith(self.auth)

    def forwarded(self, outpost: Program, path: str = "/", **headers: str) -> httpx.Response:
        """Caddy's question about the application, put to an outpost."""
        scheme, _, host = self.app.partition("://")
        said = {
            "Host": host,
            "X-Forwarded-Proto": scheme,
            "X-Forwarded-Host": host,
            "X-Forwarded-Uri": path,
            "X-Forwarded-Method": "GET",
        }
        address = f"{outpost.http}/outpost.goauthentik.io/auth/caddy"
        return httpx.get(address, headers={**said, **headers}, timeout=30)

    @property
    def host(self) -> str:
        return self.app.partition("://")[2].partition(":")[0]

    def ask(self, path: str = "/", method: str = "GET", host: str = "", **headers: str) -> httpx.Response:
        """A client that follows nothing."""
        scheme, host = self.app.partition("://")[0], host or self.host
        with httpx.Client(verify=False, timeout=30) as client:
            request = client.build_request(
                method,
                f"{scheme}://127.0.0.1:{self.port}{path}",
                headers={"Host": f"{host}:{self.port}", **headers},
                extensions={"sni_hostname": host},
            )
            return client.send(request)

    def ask_by_target(self) -> str:
        """The answer to a request that names the application in its target, and another host in Host."""
        asked = f"GET http://{APP}/page HTTP/1.1\r\nHost: nobody.invalid\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS) as one:
            one.sendall(asked.encode())
            return b"".join(iter(lambda: one.recv(65536), b"")).decode("latin-1")

    def last(self, wanted: str) -> dict[str, str]:
        """What the application was last given for this path: a browser looks for an icon, too."""
        return [headers for path, headers in self.application.requests if path == wanted][-1]

    def signed_in(self, context: BrowserContext, who: str = "bob") -> tuple[Page, str]:
        """A page of the application's, and the Cookie header that this browser sends there."""
        page = context.new_page()
        page.goto(self.app)
        sign_in(page, who)
        page.wait_for_url(f"{self.app}/")
        return page, self.cookies(page)

    def cookies(self, page: Page) -> str:
        """The Cookie header that this browser sends there."""
        found = page.context.cookies(self.app)
        return "; ".join(f"{cookie.get('name')}={cookie.get('value')}" for cookie in found)

    def end_sessions(self, who: str) -> None:
        """As an administrator does."""
        for session in self.program.api("GET", "core/authenticated_sessions/", query={"user__username": who})[
            "results"
        ]:
            self.program.api("DELETE", f"core/authenticated_sessions/{session['uuid']}/")

    @contextmanager
    def beside(self, url: str, **settings: str) -> Iterator[Front]:
        """Another application, open to the same people."""
        program, people = self.program, self.people
        like = program.api("GET", f"providers/proxy/{people.providers['proxy']}/")
        flows = {name: like[name] for name in ("authorization_flow", "invalidation_flow")}
        given = {"name": "beside", "mode": "forward_single", "external_host": url, **flows, **settings}
        provider = people.providers["beside"] = program.api("POST", "providers/proxy/", given)["pk"]
        made = program.api("POST", "core/applications/", {"name": "Beside", "slug": "beside", "provider": provider})
        program.api("POST", "policies/bindings/", {"target": made["pk"], "group": people.groups["staff"], "order": 0})
        serve(program, program.outpost_name, people)
        other = replace(self, app=url)
        try:
            until(lambda: other.ask().status_code == 302, SOON, "the outpost hearing of it")
            yield other
        finally:
            del people.providers["beside"]
            serve(program, program.outpost_name, people)
            program.api("DELETE", "core/applications/beside/")
            program.api("DELETE", f"providers/proxy/{provider}/")


@contextmanager
def configured(program: Program, people: Directory, application: Backend, port: int) -> Iterator[Front]:
    """Of a proxy that takes HTTP at this port; control's pages are at its own port."""
    control = program.control.place("http")[1]
    front = Front(program, people, application, f"http://{APP}:{port}", f"http://{AUTH}:{control}")
    front.configure()
    try:
        yield front
    finally:
        front.restore()


def sign_in(page: Page, who: str) -> None:
    """From the keyboard."""
    page.get_by_label(re.compile("user|mail", re.IGNORECASE)).fill(who)
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill(PASSWORDS[who])
    page.keyboard.press("Enter")
