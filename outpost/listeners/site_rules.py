"""Access rules of the sites in force, asked about a request and whoever is known to make it."""

from __future__ import annotations

from collections.abc import Callable

from outpost.directory.snapshot import Directory, Snapshot
from outpost.listeners.asking import Asking
from outpost.outcome import Identity
from protocols.link.messages import ProxySettings
from protocols.proxy.canonical import canonical_path
from protocols.proxy.decision import HostTable, Site
from protocols.proxy.forwarded import METHOD, ForwardedRequest
from protocols.proxy.onward import OTHER_METHODS, plain
from protocols.proxy.trust import NONE
from rules.access import AccessRules, Asked, Level


class SiteRules:
    """``now``: seconds since the epoch. Hours are UTC."""

    def __init__(self, directory: Directory, now: Callable[[], float]) -> None:
        self._directory = directory
        self._now = now
        self._rules: dict[int, AccessRules] = {}

    def configured(self, snapshot: Snapshot) -> None:
        self._rules = {
            record.pk: AccessRules(record.settings.access_rules)
            for record in snapshot.providers.values()
            if isinstance(record.settings, ProxySettings) and record.settings.access_rules
        }

    def ask_about_targets(self, site: Site) -> bool:
        return site.provider in self._rules

    def targets_matter(self, site: Site) -> bool:
        """May somebody without a session be answered otherwise about another target?"""
        return bool(site.skipped) or self.ask_about_targets(site)

    def level(self, asking: Asking, identity: Identity | None) -> Level:
        """`Level.SIGN_IN` where a site has no rules."""
        rules = self._rules.get(asking.site.provider)
        if rules is None:
            return Level.SIGN_IN
        return rules.level(self._asked(asking), self._groups(identity))

    def max_age(self, asking: Asking, identity: Identity | None) -> int | None:
        """Seconds since a second factor must have been shown here; None where none is asked for."""
        rules = self._rules.get(asking.site.provider)
        return rules.max_age(self._asked(asking), self._groups(identity)) if rules is not None else None

    def max_age_of_page(self, provider: int, path: str, client: str, identity: Identity | None) -> int | None:
        """The same for a page that somebody is to land on."""
        rules = self._rules.get(provider)
        if rules is None:
            return None
        return rules.max_age(Asked.at(self._now(), canonical_path(path), "GET", client), self._groups(identity))

    def _groups(self, identity: Identity | None) -> frozenset[str] | None:
        return self._directory.current.groups_of(identity.user) if identity is not None else None

    def _asked(self, asking: Asking) -> Asked:
        forwarded = asking.forwarded
        path = canonical_path(forwarded.path)
        return Asked.at(self._now(), path, forwarded.method, asking.client, _is_preflight(asking))


def needs_nobody(level: Level, table: HostTable, site: Site, forwarded: ForwardedRequest) -> bool:
    """At a path of this level: need nobody sign in?"""
    if level is Level.SIGN_IN and site.skipped:
        return site.skipped.skips(table.origin(site, forwarded.host), forwarded.path)
    return level is Level.BYPASS


def _is_preflight(asking: Asking) -> bool:
    """Fetch, 3.2.2: a browser asks before a request of another site, without a body, cookies or credentials."""
    headers = asking.headers
    return (
        asking.forwarded.method == "OPTIONS"
        and len(headers.get(b"origin", NONE)) == 1
        and headers[b"origin"][0] != b""
        and len(headers.get(b"access-control-request-method", NONE)) == 1
        and METHOD.fullmatch(headers[b"access-control-request-method"][0].decode("latin-1")) is not None
        and b"transfer-encoding" not in headers
        and {*headers.get(b"content-length", NONE)} <= {b"0"}
        and OTHER_METHODS.isdisjoint(map(plain, headers))
        and b"cookie" not in headers
        and b"authorization" not in headers
    )
