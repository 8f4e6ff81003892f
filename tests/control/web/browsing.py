"""A browser without JavaScript, in memory: cookies, redirects when asked, forms with their hidden fields."""

from __future__ import annotations

import asyncio
import html
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from control.bootstrap import FirstStart
from control.records import Event, Session, User
from control.sources.ldap.directories import Directories
from control.store.interface import Query
from control.verbs import users
from control.web import admin_api
from control.web.browser import COOKIE
from control.web.pages import routes
from control.web.services import Services
from tests.fakes import FakeClock, counted_random
from tests.stores import ImmediatePasswords, ImmediateStore, open_bootstrapped

HOST = "auth.example.com"
LOGIN = "/if/flow/default-authentication-flow/"
SETUP = "/if/flow/initial-setup/"
USER = "/if/user/"
SIGN_OUT = "/flows/-/default/invalidation/"
PASSWORD = "correct horse battery"


class Site:
    """The pages over a fresh store that was just bootstrapped; `code` opens the initial setup."""

    def __init__(self, folder: Path, directories: Directories | None = None) -> None:
        self.clock = FakeClock()
        self.random = counted_random()
        self.sql, self.code = open_bootstrapped(folder, self.clock, FirstStart())
        self.passwords = ImmediatePasswords()
        self.services = Services(
            store=ImmediateStore(self.sql),
            passwords=self.passwords,
            now=self.clock,
            random=self.random,
            trusted_proxies=(ip_network("127.0.0.0/8"),),
            version="0.1.0",
            directories=directories or Directories(self.random),
        )
        self.pages = routes(self.services)
        self.app = Starlette(routes=[Mount("/api/v3", routes=admin_api.routes(self.services)), *self.pages])
        self.runner = asyncio.Runner()

    def close(self) -> None:
        self.runner.close()
        self.passwords.close()
        self.sql.close()

    def browser(self, peer: str = "192.0.2.7", origin: str = f"http://{HOST}") -> Browser:
        return Browser(self, peer, origin)

    def user(self, username: str, password: str | None = PASSWORD, **fields: Any) -> User:
        def verb(tx: Any) -> User:
            user = users.create(tx, {"username": username, "name": username.title(), **fields})
            return users.set_password(tx, user.pk, self.passwords.hash_now(password)) if password else user

        return self.sql.write_now(verb)

    def change(self, pk: int, **fields: Any) -> None:
        self.sql.write_now(lambda tx: users.update(tx, pk, fields))

    def administrator(self) -> User:
        """akadmin with a password: the setup is over."""

        def verb(tx: Any) -> User:
            found = tx.find(User, username="akadmin")
            return users.set_password(tx, found.pk, self.passwords.hash_now(PASSWORD))

        return self.sql.write_now(verb)

    def sessions(self) -> list[Session]:
        return self.sql.read_now(lambda tx: tx.select(Session))

    def events(self, action: str) -> list[Event]:
        return self.sql.read_now(lambda tx: tx.select(Event, Query(equal={"action": action}, ordering=("created",))))


class Browser:
    """``origin`` goes into the Origin header of every form, as browsers do."""

    def __init__(self, site: Site, peer: str, origin: str) -> None:
        self.site = site
        self.origin = origin
        transport = httpx.ASGITransport(app=site.app, client=(peer, 50_000))
        self.client = httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")
        self.page = httpx.Response(204)

    def request(self, method: str, path: str, follow: bool = False, **given: Any) -> httpx.Response:
        self.page = self.site.runner.run(self.client.request(method, path, follow_redirects=follow, **given))
        return self.page

    def get(self, path: str, follow: bool = False, **given: Any) -> httpx.Response:
        return self.request("GET", path, follow, **given)

    def post(self, path: str, /, follow: bool = True, **fields: str) -> httpx.Response:
        """A form without the page's hidden fields."""
        return self.request("POST", path, follow, data=fields, headers={"Origin": self.origin})

    def submit(self, follow: bool = True, to: str | None = None, **fields: str) -> httpx.Response:
        """The form of the page at hand, with its CSRF token."""
        return self.post(to or self.page.url.raw_path.decode(), follow, csrf_token=self.token, **fields)

    def sign_in(self, username: str, password: str = PASSWORD, at: str = LOGIN) -> httpx.Response:
        self.get(at)
        self.submit(uid_field=username)
        return self.submit(password=password)

    @property
    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.page.text)
        assert found is not None, self.page.text
        return found.group(1)

    @property
    def cookie(self) -> str | None:
        return self.client.cookies.get(COOKIE)

    @property
    def heading(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.page.text, re.S)
        assert found is not None, self.page.text
        return html.unescape(found.group(1))

    @property
    def text(self) -> str:
        """The page without tags and tokens, as a person reads it."""
        body = self.page.text[self.page.text.index("<main") :]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
