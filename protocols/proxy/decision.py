"""Which application a forwarded request belongs to, and what to do about it. Pure, and closed by default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from protocols.proxy.basic import NotCredentials, basic_credentials
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.hosts import normalised, parents, without_port
from protocols.proxy.trust import NONE, ForwardingError, Headers


@dataclass(frozen=True, slots=True)
class Site:
    """What deciding needs to know of a proxy provider and its application."""

    provider: int
    provider_name: str
    application: str
    """Slug."""
    application_name: str
    mode: str
    """``proxy``, ``forward_single``, ``forward_domain``."""
    external_host: str
    """URL; only its host counts."""
    cookie_domain: str = ""
    takes_basic: bool = True
    """Are Basic credentials for us (authentik's ``intercept_header_auth``), or for the application behind?"""


@dataclass(frozen=True, slots=True)
class Prove:
    """The request carries credentials: whose are they, and may they in?"""

    site: Site
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Nobody has said who they are yet."""

    site: Site


@dataclass(frozen=True, slots=True)
class Deny:
    reason: str
    """Code in `rules.reasons`."""
    challenge: bool = False
    """Were Basic credentials brought, so that a new try may be asked for?"""


Verdict = Prove | SignIn | Deny


class HostTable:
    """Sites by host: the exact external host first, then the longest cookie domain that covers it (DESIGN D23).

    An exact match ends the search whatever its mode, so that an application of its own is never decided by the domain
    above it. A proxy that leaves out the port (nginx's ``$host``) means the only site of that name; with several of
    them, none. Where two providers claim one host or domain, the older one (lower pk) has it. ``unreadable`` holds
    the providers whose external host is none.
    """

    def __init__(self, sites: Iterable[Site]) -> None:
        self._exact: dict[str, Site] = {}
        self._portless: dict[str, Site | None] = {}
        self._domains: dict[str, Site] = {}
        self.unreadable: list[Site] = []
        for site in sorted(sites, key=lambda site: site.provider):
            try:
                host = _external_host(site)
                name = without_port(host)
                self._exact.setdefault(host, site)
                self._portless[name] = None if name in self._portless else site
                if site.mode == "forward_domain" and site.cookie_domain:
                    self._domains.setdefault(normalised(site.cookie_domain.removeprefix("."), ""), site)
            except ValueError:
                self.unreadable.append(site)

    def find(self, host: str) -> Site | None:
        """The site that decides for a normalised host; None: nobody does."""
        site = self._exact.get(host)
        if site is not None:
            return site
        if host in self._portless:
            return self._portless[host]
        for domain in parents(without_port(host)):
            site = self._domains.get(domain)
            if site is not None:
                return site
        return None

    def contradicts(self, forwarded: ForwardedRequest) -> bool:
        """Does the proxy's question itself name the host of another application than its metadata does?

        nginx with ``$http_host`` lets a browser write the one while the other picks the server block.
        """
        if forwarded.asked_host == forwarded.host:
            return False
        asked = self._exact.get(forwarded.asked_host) or self._portless.get(forwarded.asked_host)
        return asked is not None and asked.mode != "forward_domain" and asked is not self.find(forwarded.host)


def _external_host(site: Site) -> str:
    url = urlsplit(site.external_host)
    return normalised(url.netloc, url.scheme)


def decide(table: HostTable, forwarded: ForwardedRequest, headers: Headers) -> Verdict:
    """What to do about a request. Raises ForwardingError when the proxy contradicts itself."""
    if table.contradicts(forwarded):
        raise ForwardingError(
            "Host and X-Original-URL name two applications: use $host in both, as $http_host is the browser's choice."
        )
    site = table.find(forwarded.host)
    if site is None:
        return Deny("unknown_host")
    if site.mode == "proxy":
        return Deny("not_forward_auth")
    authorizations = headers.get(b"authorization", NONE) if site.takes_basic else NONE
    if not authorizations:
        return SignIn(site)
    try:
        username, password = basic_credentials(_only(authorizations))
    except NotCredentials:
        return Deny("unreadable_credentials", challenge=True)
    return Prove(site, username, password)


def _only(authorizations: Sequence[bytes]) -> bytes:
    if len(authorizations) > 1:
        raise NotCredentials("there are several Authorization headers")
    return authorizations[0]
