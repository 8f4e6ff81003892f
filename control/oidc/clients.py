"""A relying party as the protocol sees it: a provider of kind oauth2; or proxy, whose outpost signs people in."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import re2

from control.records import Application, PropertyMapping, Provider
from control.store.interface import Transaction
from control.verbs import property_mappings
from control.verbs.fields import seconds
from control.verbs.property_mappings import API_SCOPE, SCOPE
from control.verbs.provider_kinds import REFUSED_SCHEMES

OPENID = "openid"
"""OpenID Connect Core, 3.1.2.1."""
ASKED_FOR = frozenset({"offline_access", API_SCOPE})
"""Scopes that nobody gets who does not ask for them by name."""
LONGEST_URI = 2048
"""Characters of a redirect URI, as many as may be registered."""
CALLBACK = "/outpost.goauthentik.io/callback?X-authentik-auth-callback=true"
FORWARDED_CALLBACK = "?X-authentik-auth-callback=true"
OAUTH2_PROXY_CALLBACK = "/oauth2/callback"
"""Where an outpost takes the answer: on its own path, or on the application's, seen through forward-auth (D24), or
where proxies that are set up for oauth2-proxy send it."""


@dataclass(frozen=True, slots=True)
class Client:
    provider: Provider
    application: Application
    client_id: str
    secret: str = field(repr=False)
    is_public: bool
    redirect_uris: tuple[tuple[str, str], ...]
    """(matching mode, URL or pattern)"""
    logout_uris: tuple[tuple[str, str], ...]
    mappings: tuple[PropertyMapping, ...] = ()
    """Its scope mappings: which scopes there are, and what they tell."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """``openid`` needs no mapping: it tells nothing."""
        return tuple(dict.fromkeys([OPENID, *(mapping.settings["scope_name"] for mapping in self.mappings)]))

    @property
    def scopes_unasked(self) -> tuple[str, ...]:
        """What whoever names no scope is given."""
        return tuple(scope for scope in self.scopes if scope not in ASKED_FOR)

    def described(self, scope: str) -> str:
        """What granting it means, for the person who is asked."""
        told = (one.settings["description"] for one in self.mappings if one.settings["scope_name"] == scope)
        return next(filter(None, told), scope)

    @property
    def landings(self) -> list[str]:
        """Origins, as ``form-action`` names them, where an outpost sends people on: every host of its cookie domain."""
        settings = self.provider.settings
        domain = str(settings.get("cookie_domain") or "").removeprefix(".")
        if self.provider.kind != "proxy" or settings.get("mode") != "forward_domain" or not domain:
            return []
        scheme = str(settings["external_host"]).partition("://")[0].lower()
        return [f"{scheme}://{domain}:*", f"{scheme}://*.{domain}:*"]

    @property
    def requires_pkce(self) -> bool:
        return self.is_public or bool(self.provider.settings.get("require_pkce", False))

    @property
    def nested_groups(self) -> bool:
        return bool(self.provider.settings.get("nested_groups", False))

    def seconds(self, setting: str, otherwise: str) -> float:
        """A duration among the provider's settings."""
        return seconds(str(self.provider.settings.get(setting) or otherwise))

    def knows_redirect(self, uri: str) -> bool:
        return _is_among(self.redirect_uris, uri)

    def knows_logout_redirect(self, uri: str) -> bool:
        """Older configurations have one list for both."""
        return _is_among(self.logout_uris or self.redirect_uris, uri)

    def has_secret(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.secret.encode())


def find(tx: Transaction, client_id: str) -> Client | None:
    """None without a provider of that id, or while it has no application."""
    provider = tx.find(Provider, client_id=client_id) if client_id else None
    application = tx.find(Application, provider=provider.pk) if provider is not None else None
    return client(tx, provider, application) if provider is not None and application is not None else None


def of_application(tx: Transaction, slug: str) -> Client | None:
    application = tx.find(Application, slug=slug)
    if application is None or application.provider is None:
        return None
    return client(tx, tx.get(Provider, application.provider), application)


def client(tx: Transaction, provider: Provider, application: Application) -> Client | None:
    """None for a provider that speaks no OIDC."""
    if provider.client_id is None or provider.kind not in ("oauth2", "proxy"):
        return None
    registered = provider.settings.get("redirect_uris", ()) if provider.kind == "oauth2" else _of_outpost(provider)
    return Client(
        provider=provider,
        application=application,
        client_id=provider.client_id,
        secret=provider.secrets["client_secret"],
        is_public=provider.settings.get("client_type") == "public",
        redirect_uris=_of_type(registered, "authorization"),
        logout_uris=_of_type(registered, "logout"),
        mappings=tuple(one for one in property_mappings.of(tx, provider.property_mappings) if one.kind == SCOPE),
    )


def _of_outpost(provider: Provider) -> list[dict[str, str]]:
    host = str(provider.settings["external_host"])
    places = (CALLBACK, FORWARDED_CALLBACK, OAUTH2_PROXY_CALLBACK)
    return [{"matching_mode": "strict", "url": host + path} for path in places]


def _of_type(registered: Iterable[dict[str, str]], wanted: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (uri["matching_mode"], uri["url"])
        for uri in registered
        if uri.get("redirect_uri_type", "authorization") == wanted
    )


# --- redirect URIs -------------------------------------------------------------------------------------------------


def _is_among(registered: Iterable[tuple[str, str]], uri: str) -> bool:
    return is_safe(uri) and any(_matches(mode, pattern, uri) for mode, pattern in registered)


def _matches(mode: str, pattern: str, uri: str) -> bool:
    if mode == "strict":
        return uri == pattern
    try:
        return re2.fullmatch(pattern, uri) is not None
    except re2.error:
        return False


def is_safe(uri: str) -> bool:
    """May a browser be sent there at all? A pattern may be wider than its author thought."""
    if len(uri) > LONGEST_URI or not all("!" <= character <= "~" for character in uri) or "\\" in uri or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname) and "@" not in parts.netloc
    return bool(parts.scheme) and parts.scheme not in REFUSED_SCHEMES


def form_target(uri: str) -> str | None:
    """The origin of a redirect URI, as ``form-action`` names it; None if no policy can be written with it."""
    parts = urlsplit(uri)
    source = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    return source if re.fullmatch(r"[a-zA-Z0-9+.:/\[\]_-]+", source) else None
