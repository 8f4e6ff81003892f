"""Which application a forwarded request belongs to, and what to do about it. Pure, and closed by default."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from protocols.proxy.basic import TOKEN_USER, NotCredentials, basic_credentials, bearer_token
from protocols.proxy.cookies import Jar
from protocols.proxy.forwarded import ForwardedRequest
from protocols.proxy.hosts import normalised, parents, without_port
from protocols.proxy.injected import BasicAttributes
from protocols.proxy.sealed import Sealer
from protocols.proxy.skipping import SkippedPaths
from protocols.proxy.trust import NONE, ForwardingError, Headers

NOTHING_SKIPPED = SkippedPaths("", whole_url=False)


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
    client_id: str = ""
    secret: str = field(default="", repr=False)
    """What its cookies are sealed with; without one nobody can sign in with a browser."""
    previous_secret: str = field(default="", repr=False)
    """The one before, whose cookies still count."""
    assertion_header: str = ""
    """In which the application is shown a signed assertion; empty: in none."""
    skipped: SkippedPaths = NOTHING_SKIPPED
    """Paths that need no sign-in."""
    basic: BasicAttributes | None = None
    """The application wants Basic credentials of its own, which a person's attributes hold."""
    host: str = field(init=False, compare=False)
    """Of the external host, normalised; empty if that is none."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.external_host)
            host = normalised(parts.netloc, parts.scheme)
        except ValueError:
            host = ""
        object.__setattr__(self, "host", host)

    @property
    def scheme(self) -> str:
        return self.external_host.partition("://")[0].lower()


@dataclass(frozen=True, slots=True)
class Realm:
    """Where one sign-in counts: a host, or a domain with every application below it (DESIGN D23)."""

    provider: int
    """Whose secret seals its cookies."""
    jar: Jar
    sealer: Sealer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Prove:
    """The request carries credentials: whose are they, and may they in?"""

    site: Site
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Show:
    """The request carries an access token: whose is it, and may they in?"""

    site: Site
    token: str = field(repr=False)


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


Verdict = Prove | Show | SignIn | Deny


class HostTable:
    """Sites by host: the exact external host first, then the longest cookie domain that covers it (DESIGN D23).

    An exact match ends the search whatever its mode, so that an application of its own is never decided by the domain
    above it, nor is its name at another port: Caddy and Traefik tell the port that the browser says, and route by the
    name alone. A proxy that leaves out the port (nginx's ``$host``) means the only site of that name; with several of
    them, none. Where two providers claim one host or domain, the older one (lower pk) has it. ``unreadable`` holds
    the providers whose external host is none.

    ``before``: the table that this one follows. Where a site is still the very same, its realm is.
    """

    def __init__(self, sites: Iterable[Site], before: HostTable | None = None) -> None:
        self._exact: dict[str, Site] = {}
        self._portless: dict[str, Site | None] = {}
        self._domains: dict[str, Site] = {}
        self._realms: dict[int, Realm] = {}
        """By the provider of a site in it."""
        self.unreadable: list[Site] = []
        self.sites = tuple(sorted(sites, key=lambda site: site.provider))
        self._by_provider = {site.provider: site for site in self.sites}
        self._made: dict[int, tuple[Site, Realm]] = {}
        """By the provider whose secret seals, with the site that it was."""
        if before is not None:
            self._made = {pk: made for pk, made in before._made.items() if self._by_provider.get(pk) is made[0]}
        for site in self.sites:
            if not site.host:
                self.unreadable.append(site)
                continue
            name = without_port(site.host)
            self._exact.setdefault(site.host, site)
            self._portless[name] = None if name in self._portless else site
            if site.mode == "forward_domain" and site.cookie_domain:
                self._take_domain(site)

    def _take_domain(self, site: Site) -> None:
        try:
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
        above = self._domain_above(host)
        if self._portless.get(without_port(host), above) is not above:
            return None  # an application's own name at a port that nobody has told us
        return above

    def _domain_above(self, host: str) -> Site | None:
        for domain in parents(without_port(host)):
            site = self._domains.get(domain)
            if site is not None:
                return site
        return None

    def realm(self, site: Site) -> Realm | None:
        """The domain's above the site, if there is one of the same scheme, else its own; None without a secret."""
        found = self._realms.get(site.provider)
        if found is None:
            above = self._domain_above(site.host)
            sealing = above if above is not None and above.scheme == site.scheme else site
            made = self._made.get(sealing.provider)
            found = made[1] if made is not None else _realm(sealing)
            if found is not None:
                self._made[sealing.provider] = sealing, found
                self._realms[site.provider] = found
        return found

    def home(self, realm: Realm, site: Site) -> str:
        """The external host of the realm's provider, without a slash; the site's own if that one is gone."""
        return self._by_provider.get(realm.provider, site).external_host.rstrip("/")

    def origin(self, site: Site, host: str) -> str:
        """Scheme and authority of ``host``, which the site decides for; a port that the proxy left out is there."""
        own = site.host or host
        if site.mode != "forward_domain":
            return f"{site.scheme}://{own}"
        port = own.removeprefix(without_port(own)) if host == without_port(host) else ""
        return f"{site.scheme}://{host}{port}"

    def is_set_up(self, site: Site, host: str) -> bool:
        """Has somebody said that the site decides for ``host``, which it does, at this very port? For a whole domain
        the port of its own external host is meant: whoever listens at another port of a host may be anybody."""
        port = host.removeprefix(without_port(host))
        return site.mode != "forward_domain" or not port or site.host.endswith(port)

    def contradicts(self, forwarded: ForwardedRequest, host_is_browsers: bool = False) -> bool:
        """Does the proxy's question itself name the host of another application than its metadata does?

        nginx with ``$http_host`` lets a browser write the one while the other picks the server block. With
        ``host_is_browsers`` the question's host is never the outpost's own, so that hosts which only a domain decides
        about count too.
        """
        if forwarded.asked_host == forwarded.host:
            return False
        asked = self._exact.get(forwarded.asked_host) or self._portless.get(forwarded.asked_host)
        if asked is None and host_is_browsers and forwarded.asked_host:
            below_one = self._domain_above(forwarded.asked_host) is not None
            return below_one and self.find(forwarded.asked_host) is not self.find(forwarded.host)
        return asked is not None and asked.mode != "forward_domain" and asked is not self.find(forwarded.host)


def _realm(site: Site) -> Realm | None:
    if not site.secret:
        return None
    domain = site.cookie_domain.removeprefix(".").lower() if site.mode == "forward_domain" else ""
    mark = hashlib.sha256(site.client_id.encode()).hexdigest()[:8]
    host = domain or site.external_host.lower()
    return Realm(
        site.provider, Jar(mark, site.scheme == "https", domain), Sealer(site.secret, host, site.previous_secret)
    )


def site_for(table: HostTable, forwarded: ForwardedRequest, host_is_browsers: bool = False) -> Site | Deny:
    """Which site decides about a request. Raises ForwardingError when the proxy contradicts itself."""
    if table.contradicts(forwarded, host_is_browsers):
        raise ForwardingError(
            "Host and the forwarded address name two applications. In nginx use $host in both, as $http_host is the "
            "browser's choice; elsewhere leave Host as the browser sent it."
        )
    site = table.find(forwarded.host)
    if site is None:
        return Deny("unknown_host")
    if site.mode == "proxy":
        return Deny("not_forward_auth")
    return site


def credentials_in(site: Site, headers: Headers) -> Verdict:
    """What to do about a request without a session."""
    authorizations = headers.get(b"authorization", NONE) if site.takes_basic else NONE
    if not authorizations:
        return SignIn(site)
    try:
        authorization = _only(authorizations)
        token = bearer_token(authorization)
        if token is not None:
            return Show(site, token)
        username, password = basic_credentials(authorization)
    except NotCredentials:
        return Deny("unreadable_credentials", challenge=True)
    return Show(site, password) if username == TOKEN_USER else Prove(site, username, password)


def decide(table: HostTable, forwarded: ForwardedRequest, headers: Headers) -> Verdict:
    """Both, for a request whose cookies say nothing. Raises ForwardingError when the proxy contradicts itself."""
    site = site_for(table, forwarded)
    return site if isinstance(site, Deny) else credentials_in(site, headers)


def _only(authorizations: Sequence[bytes]) -> bytes:
    if len(authorizations) > 1:
        raise NotCredentials("there are several Authorization headers")
    return authorizations[0]
