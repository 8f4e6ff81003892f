"""The API as a client sees it, without sockets: one ASGI call for each request, on a freshly bootstrapped store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pyotp
from starlette.applications import Starlette
from starlette.routing import Mount

from control import sessions
from control.bootstrap import FirstStart
from control.records import User
from control.sources.ldap.connection import Away
from control.sources.ldap.described import Directory
from control.sources.ldap.directories import Directories
from control.store.interface import Transaction
from control.verbs import authenticators, groups, mailed_codes, passkeys, tokens, users
from control.web.admin_api import routes
from control.web.browser import COOKIE
from control.web.services import Services
from control.webauthn import NewKey
from protocols.ldap.asking import Entry
from tests.fakes import FakeClock, counted_random
from tests.stores import ImmediatePasswords, ImmediateStore, open_bootstrapped, run

ADMIN_TOKEN = "token-of-the-administrator"
VERSION = "0.1.0"


class AwayDirectories(Directories):
    """Nobody listens at any of them."""

    async def people(self, directory: Directory, attributes: Sequence[str]) -> list[Entry]:
        raise Away("nobody listens")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None


class Api:
    """``token``: of whom every request is, unless it says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.sql, _ = open_bootstrapped(folder, self.clock, FirstStart(token=ADMIN_TOKEN))
        self.random = counted_random()
        self.passwords = ImmediatePasswords()
        self.services = Services(
            store=ImmediateStore(self.sql),
            passwords=self.passwords,
            now=self.clock,
            random=self.random,
            trusted_proxies=(ip_network("127.0.0.0/8"),),
            version=VERSION,
            directories=AwayDirectories(self.random),
        )
        self.routes = routes(self.services)
        self.app = Starlette(routes=[Mount("/api/v3", routes=self.routes)])

    def close(self) -> None:
        self.passwords.close()
        self.sql.close()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = ADMIN_TOKEN,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
        shown: Sequence[str] = (),
    ) -> Answer:
        """``path`` is below /api/v3 and may have a query. ``raw`` is sent instead of ``body`` as JSON; ``shown``:
        certificates, PEM."""
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
        given = {"host": "auth.example.com", **(headers or {})}
        if content:
            given.setdefault("content-type", "application/json")
        if token is not None:
            given["authorization"] = f"Bearer {token}"
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": f"/api/v3{path}",
            "raw_path": f"/api/v3{path}".encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 9000),
            "extensions": {"tls": {"client_cert_chain": list(shown)}},
        }
        return run(self._exchange(scope, content))

    async def _exchange(self, scope: dict[str, Any], content: bytes) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in rest))

    def get(self, path: str, token: str | None = ADMIN_TOKEN) -> Any:
        """The body of an answer that must be 200."""
        answer = self.call("GET", path, token=token)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer.body

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        """The body of an answer that must have this status."""
        answer = self.call("POST", path, body)
        assert answer.status == status, (path, answer.status, answer.text)
        return answer.body

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.call("PATCH", path, body)
        assert answer.status == status, (path, answer.status, answer.text)
        return answer.body

    # --- people ---

    def user(self, username: str, **fields: Any) -> int:
        return self.sql.write_now(lambda tx: users.create(tx, {"username": username, "name": username, **fields})).pk

    def token(self, user: int, intent: str = "api", expires: float | None = None) -> str:
        """A new token's key."""

        def verb(tx: Transaction) -> str:
            identifier = f"t-{self.random(4).hex()}"
            return tokens.create(tx, user, identifier, self.random, intent=intent, expires=expires).key

        return self.sql.write_now(verb)

    def factor(self, user: int, kind: str, name: str = "mine") -> int:
        """The pk of a second factor that was set up to the end."""

        def verb(tx: Transaction) -> int:
            if kind == authenticators.STATIC:
                authenticators.begin_static(tx, user, self.random, name=name)
                confirmed = authenticators.confirm_static(tx, user)
            elif kind == authenticators.EMAIL:
                begun = mailed_codes.begin(tx, user, self.random, f"{user}@example.com", 600, name)
                sent = mailed_codes.code(begun, tx.now)
                confirmed = mailed_codes.confirm(tx, user, sent.digits, sent.mailed)
            elif kind == authenticators.WEBAUTHN:
                key = NewKey(f"key-{user}-{name}", "", 0, "00000000-0000-0000-0000-000000000000", ())
                confirmed = passkeys.add(tx, user, key, name)
            else:
                begun = authenticators.begin_totp(tx, user, self.random, name=name)
                code = pyotp.TOTP(begun.secrets["key"]).at(int(self.clock()))
                confirmed = authenticators.confirm_totp(tx, user, code)
            assert confirmed is not None
            return confirmed.pk

        return self.sql.write_now(verb)

    def superuser_group(self, **fields: Any) -> str:
        return self.sql.write_now(lambda tx: groups.create(tx, {"is_superuser": True, **fields})).pk

    def sign_in(self, user: int) -> tuple[dict[str, str], str]:
        """Headers with a session cookie, and the session's CSRF token."""
        new = sessions.fresh(self.random(2 * sessions.COOKIE_BYTES))
        self.sql.write_now(
            lambda tx: sessions.sign_in(
                tx, None, new, user, tx.get(User, user).credential_version, "password", sessions.Caller()
            )
        )
        return {"cookie": f"{COOKIE}={new.cookie}"}, new.csrf
