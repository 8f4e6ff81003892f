"""Signing in and out in a browser, over HTTP: asked directly, or seen in what a proxy forwards (DESIGN D24)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from html import escape
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from outpost.browsers.assertions import Assertions
from outpost.browsers.signing_in import Go, Page, SigningIn, not_open
from outpost.listeners.exchange import Exchange
from outpost.outcome import Circumstances
from outpost.telemetry import Telemetry
from protocols.proxy.conventions import OAUTH2_PROXY
from protocols.proxy.decision import HostTable, Realm, Site
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.http1 import field_lines
from protocols.proxy.redirects import (
    CALLBACK,
    CALLBACK_PATH,
    JWKS,
    OAUTH2_CALLBACK,
    SECOND_FACTOR,
    SIGN_OUT,
    START,
    asked_by,
    asked_landing,
    is_callback,
    is_sign_out,
    landing,
    may_be_ours,
)
from protocols.proxy.trust import NONE, ForwardingError, Headers, TrustedPeers, origin
from protocols.proxy.visitor import is_program

OFFER = f"{OAUTH2_PROXY}sign_in"
"""Shown with status 403 by nginx, so that it has to be a page."""
START_BY_ALIAS = f"{OAUTH2_PROXY}start"
ALIASES = {
    OFFER: START,
    START_BY_ALIAS: START,
    OAUTH2_CALLBACK: CALLBACK_PATH,
    f"{OAUTH2_PROXY}sign_out": SIGN_OUT,
}
"""oauth2-proxy's addresses, when asked directly; among those of an application behind us they are the application's."""
WANTED = b"x-auth-request-redirect"
"""Where oauth2-proxy's callers say what was asked for."""
ASKING = frozenset({"GET", "HEAD"})
FOUND = ASKING | {"OPTIONS"}
"""Methods that are sent on by 302, as Authelia does: with them, nothing could be posted to control."""

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#1b1b1f;"
    "background:#fff}a{color:#0b57d0}@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#1b1b1f}"
    "a{color:#a8c7fa}}"
)
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
SAFE = [
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
]
HTML = field_lines(
    [
        (b"Content-Type", b"text/html; charset=utf-8"),
        (
            b"Content-Security-Policy",
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'".encode(),
        ),
        *SAFE,
    ]
)
JSON = field_lines([(b"Content-Type", b"application/json"), *SAFE])
MaxAge = Callable[[Realm, str, Headers, str], int]
"""Of a realm, a landing page in it, headers and the browser's address: seconds since a second factor must have been
shown for that page; 0: none is needed."""
KEYS = field_lines(
    [
        (b"Content-Type", b"application/jwk-set+json"),
        (b"Cache-Control", b"public, max-age=300"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
)
FOR_PROGRAMS = json.dumps({"error": "login_required", "message": "Sign in to use this application."}).encode() + b"\n"


class SignInDoor:
    def __init__(self, signing_in: SigningIn, telemetry: Telemetry, trusted: TrustedPeers, max_age: MaxAge) -> None:
        self._signing_in = signing_in
        self._max_age = max_age
        self._telemetry = telemetry
        self._trusted = trusted

    def open(self, exchange: Exchange, table: HostTable) -> bool:
        """A browser, or a proxy that passes it on, asks us directly. False: this is no address of ours."""
        request = exchange.request
        path, _, query = request.target.decode("latin-1").partition("?")
        ours = ALIASES.get(path, path)
        if ours not in (START, CALLBACK_PATH, SIGN_OUT, JWKS):
            return False
        fields = request.headers
        try:
            scheme = "https" if exchange.secure else "http"
            came = origin(exchange.peer, scheme, request.host.decode("latin-1"), fields, self._trusted)
        except ForwardingError as error:
            self._telemetry.discarded("proxy", exchange.peer, "bad_forwarding")
            exchange.respond(400, HTML, document(Page(400, "That did not work", str(error))))
            return True
        site = table.find(came.host)
        realm = table.realm(site) if site is not None else None
        if site is None or realm is None:
            return False
        if ours == JWKS:
            exchange.respond(200, KEYS, Assertions.key_set(site))
            return True
        headers, method = request.named, request.method.decode("ascii")
        if ours != path and ours == START:
            query = _with_landing(query, headers)
        if path == OFFER and not is_program(headers):
            offer = Page(
                200, "Sign in", f"Sign in to use {site.application_name}.", (f"{START_BY_ALIAS}?{query}", "Sign in")
            )
            exchange.respond(offer.status, HTML, document(offer))
            return True
        callback = CALLBACK if ours == path else OAUTH2_CALLBACK
        self._serve(exchange, table, realm, site, came.host, ours, query, method, headers, came.client, callback)
        return True

    def is_ours(self, forwarded: ForwardedRequest) -> bool:
        """Is this, of what a proxy forwards, a part of signing in or out?"""
        if not may_be_ours(forwarded.target):
            return False
        path, _, query = forwarded.target.partition("?")
        return path == START or is_callback(path, query) or is_sign_out(path, query)

    def forwarded(
        self,
        exchange: Exchange,
        table: HostTable,
        realm: Realm,
        site: Site,
        forwarded: ForwardedRequest,
        headers: Headers,
        client: str,
    ) -> None:
        path, _, query = forwarded.target.partition("?")
        host, method = forwarded.host, forwarded.method
        self._serve(exchange, table, realm, site, host, path, query, method, headers, client)

    def _serve(
        self,
        exchange: Exchange,
        table: HostTable,
        realm: Realm,
        site: Site,
        host: str,
        path: str,
        query: str,
        method: str,
        headers: Headers,
        client: str,
        callback: str = CALLBACK,
    ) -> None:
        """``callback``: where, below the site's own address, control's answer comes back."""
        if is_callback(path, query):
            found = self._signing_in.finish(table, realm, site, headers, query, client, callback)
            self._later(exchange, found, client)
        elif is_sign_out(path, query):
            self._later(exchange, self._signing_in.leave(realm, site, headers, client), client)
        elif is_program(headers):
            exchange.respond(401, JSON, FOR_PROGRAMS)
        else:
            here = table.origin(site, host)
            if method in ASKING and asked_by(query) in ASKING:
                url = asked_landing(query, here, lambda other: _origin_in(table, realm, other, host))
            else:
                url = _page_before(headers, here)
            max_age = self._max_age(realm, url, headers, client)
            to = self._signing_in.begin(realm, site, headers, url, callback=callback, max_age=max_age)
            self._go(exchange, to, method)

    def begin(
        self,
        exchange: Exchange,
        realm: Realm,
        site: Site,
        table: HostTable,
        forwarded: ForwardedRequest,
        headers: Headers,
        max_age: int,
    ) -> None:
        """Nobody is signed in, or without a second factor that is recent enough: a person is sent to sign in and comes
        back here."""
        url = _page_of(table.origin(site, forwarded.host), forwarded, headers)
        self._go(exchange, self._signing_in.begin(realm, site, headers, url, max_age=max_age), forwarded.method)

    def address(
        self, realm: Realm, site: Site, table: HostTable, forwarded: ForwardedRequest, headers: Headers
    ) -> bytes:
        """Where a browser signs in and comes back from, for proxies that only pass the address on, and no cookies.

        That is the host of the realm's own provider, whose cookies count here: Authelia's portal, in its words.
        """
        url = _page_of(table.origin(site, forwarded.host), forwarded, headers)
        return f"{table.home(realm, site)}{START}?{urlencode({'rd': url})}".encode("ascii")

    def not_open(self, exchange: Exchange, site: Site) -> None:
        page = not_open(site, SIGN_OUT)
        exchange.respond(page.status, HTML, document(page))

    def _later(self, exchange: Exchange, answer: Awaitable[Go | Page], client: str) -> None:
        Deferred.fromCoroutine(self._answer(exchange, answer, client))

    async def _answer(self, exchange: Exchange, answer: Awaitable[Go | Page], client: str) -> None:
        try:
            found = await answer
            if isinstance(found, Go):
                self._go(exchange, found, "GET")
                return
            if found.decision is not None:
                self._telemetry.decided("", Circumstances("proxy", client), found.decision)
            exchange.respond(found.status, HTML, document(found))
        except Exception:
            try:
                exchange.fail()
            finally:
                self._telemetry.fault("signing in")

    @staticmethod
    def _go(exchange: Exchange, to: Go, method: str) -> None:
        """303 unless it was one of `FOUND`: what was posted must not be posted to control."""
        fields = [(b"Location", to.url.encode("ascii")), *to.cookies, *SAFE]
        exchange.respond(302 if method in FOUND else 303, field_lines(fields))


def _with_landing(query: str, headers: Headers) -> str:
    """``rd`` of the query, or else what the proxy says was asked for."""
    wanted = headers.get(WANTED, NONE)
    if f"&{query}".find("&rd=") >= 0 or len(wanted) != 1 or wanted[0].startswith(OAUTH2_PROXY.encode()):
        return query
    return urlencode({"rd": wanted[0].decode("latin-1")})


def _origin_in(table: HostTable, realm: Realm, host: str, here: str) -> str | None:
    """Where a host lies that this very sign-in serves, and that somebody has set up; or ``here``, the one that the
    browser is at."""
    site = table.find(host)
    own = table.realm(site) if site is not None else None
    if site is None or own is None or own.provider != realm.provider:
        return None
    return table.origin(site, host) if host == here or table.is_set_up(site, host) else None


def _page_of(here: str, forwarded: ForwardedRequest, headers: Headers) -> str:
    """To come back to."""
    return landing(here, forwarded.target) if forwarded.method in ASKING else _page_before(headers, here)


def _page_before(headers: Headers, here: str) -> str:
    """What was posted cannot be posted again: the page it was posted from, if that is told, else the first one."""
    referers = headers.get(b"referer", NONE)
    said = referers[0].decode("latin-1") if len(referers) == 1 else ""
    target = said.removeprefix(here)
    if said.startswith(f"{here}/") and all("!" <= letter <= "~" for letter in target):
        return landing(here, target)
    return f"{here}/"


def step_up(max_age: int) -> bytes:
    """What a sign-in lacks, for programs (RFC 9470, 3)."""
    said = f'Bearer error="insufficient_user_authentication", acr_values="{SECOND_FACTOR}", max_age="{max_age}"'
    return field_lines([(b"WWW-Authenticate", said.encode("ascii"))])


def document(page: Page) -> bytes:
    link = f'<p><a href="{escape(page.link[0])}">{escape(page.link[1])}</a></p>' if page.link is not None else ""
    told = f"<p>{escape(page.decision.id)}</p>" if page.decision is not None and page.decision.id else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(page.title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(page.title)}</h1>"
        f"<p>{escape(page.sentence)}</p>{link}{told}</main></body></html>\n"
    ).encode()
