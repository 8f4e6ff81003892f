"""Where a browser is sent for a sign-in, and where it may be sent back to."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote_to_bytes, urlencode

from protocols.proxy.hosts import normalised
from protocols.proxy.login_state import LoginState

OURS = "/outpost.goauthentik.io/"
START = f"{OURS}start"
CALLBACK_PATH = f"{OURS}callback"
CALLBACK = f"{CALLBACK_PATH}?X-authentik-auth-callback=true"
"""Below a site's external host: the redirect URI that is registered for it."""
SIGN_OUT = f"{OURS}sign_out"
JWKS = f"{OURS}jwks.json"
"""The keys of signed assertions."""
OAUTH2_CALLBACK = "/oauth2/callback"
"""Where oauth2-proxy takes the answer: proxies that are set up for it send us nothing else than ``/oauth2/``."""
SCOPES = "openid email profile"
SECOND_FACTOR = "https://refeds.org/profile/mfa"
"""The authentication context with a second factor, by the name that the field has for it."""
MAX_REMEMBERED_SITES = 4096
"""Whose part of authorization requests is kept ready: the few that are asked for all the time."""
LONGEST_LANDING = 2048
"""Characters of an address to come back to: sealed, it travels in ``state``, and authorization requests are bounded."""

_CALLBACK_SIGNATURE = re.compile(r"(?:\A|&)X-authentik-auth-callback=true(?:&|\Z)")
_SIGN_OUT_SIGNATURE = re.compile(r"(?:\A|&)X-authentik-logout=true(?:&|\Z)")
_ABSOLUTE = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?#\\@\s]+)(?P<target>[/?][!-~]*)?")
_TOLD_METHOD = re.compile(r"method=([A-Za-z-]+)&")
_ENCODED = re.compile(r"(?:https?%3a|%2f)", re.IGNORECASE)


def may_be_ours(target: str) -> bool:
    """A quick look that hardly any target of an application's passes: its path or its query must be looked at."""
    return target.startswith(OURS) or "X-authentik-" in target


def is_callback(path: str, query: str) -> bool:
    """The answer to a sign-in, by its path or, on any path, by its signature (DESIGN D24)."""
    return path == CALLBACK_PATH or _CALLBACK_SIGNATURE.search(query) is not None


def is_sign_out(path: str, query: str) -> bool:
    return path == SIGN_OUT or _SIGN_OUT_SIGNATURE.search(query) is not None


def authorize_url(issuer_host: str, client_id: str, redirect_uri: str, state: bytes, login: LoginState) -> str:
    """Control's authorization endpoint, asked for a code (OpenID Connect Core, 3.1.2.1; RFC 7636, 4.3)."""
    own = f"&state={state.decode('ascii')}&nonce={login.nonce}&code_challenge={login.challenge}"  # base64url, all three
    recent = f"&{urlencode({'acr_values': SECOND_FACTOR, 'max_age': login.max_age})}" if login.max_age else ""
    return _asked_of_all(issuer_host, client_id, redirect_uri) + own + recent


@lru_cache(MAX_REMEMBERED_SITES)
def _asked_of_all(issuer_host: str, client_id: str, redirect_uri: str) -> str:
    """What every sign-in to one site begins with: most of the work of a redirect, were it escaped each time."""
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
        "code_challenge_method": "S256",
    }
    return f"{issuer_host.rstrip('/')}/application/o/authorize/?{urlencode(asked)}"


def landing(origin: str, target: str) -> str:
    """The address of a page, short enough to be taken along: without its query, or the first page, if it must be.

    Our own paths are no pages to come back to.
    """
    path, _, query = target.partition("?")
    if path.startswith(OURS.rstrip("/")) or is_callback(path, query) or is_sign_out(path, query):
        return f"{origin}/"
    for wanted in (target, path):
        if len(origin) + len(wanted) <= LONGEST_LANDING:
            return origin + wanted
    return f"{origin}/"


def asked_landing(query: str, origin: str, is_ours: Callable[[str], str | None]) -> str:
    """Where ``start?rd=...`` wants to go, if that is a place of ours; else the site's first page.

    ``is_ours`` takes a normalised host and gives the origin to use for it, or None. nginx writes ``$request_uri`` into
    the address as it is, so that what follows an unescaped ``rd=`` is all of it.
    """
    said = _said(query)
    if said is None:
        return f"{origin}/"
    if said.startswith("/"):
        return landing(origin, said) if _is_path(said) else f"{origin}/"
    found = _ABSOLUTE.fullmatch(said)
    if found is None:
        return f"{origin}/"
    try:
        own = is_ours(normalised(found["host"], found["scheme"]))
    except ValueError:
        own = None
    target = found["target"] or "/"
    if own is None or not _is_path(target if target[0] == "/" else "/" + target):
        return f"{origin}/"
    return landing(own, target if target[0] == "/" else "/" + target)


def asked_by(query: str) -> str:
    """The method that a proxy told ``start`` in front of ``rd``, as ingress-nginx can, whose redirect turns every
    request into a GET; GET if it told none."""
    told = _TOLD_METHOD.match(query)
    return told[1] if told is not None else "GET"


def _said(query: str) -> str | None:
    at = 0 if query.startswith("rd=") else query.find("&rd=") + 1
    if not query.startswith("rd=", at):
        return None
    raw = query[at + 3 :]
    if not _ENCODED.match(raw):
        return raw
    try:
        return unquote_to_bytes(raw.partition("&")[0]).decode("ascii")
    except UnicodeDecodeError:
        return None


def _is_path(target: str) -> bool:
    """One that stays on its host for every browser: they read backslashes as slashes, and drop control characters."""
    return re.fullmatch(r"/(?!/)[!-~]*", target) is not None and "\\" not in target and "#" not in target
