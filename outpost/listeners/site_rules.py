"""Access rules of the sites in force, asked about a request and whoever is known to make it."""

from __future__ import annotations

from collections.abc import Callable

from outpost.directory.snapshot import Directory, Snapshot
from outpost.listeners.asking import Asking
from outpost.outcome import Identity
from protocols.link.messages import ProxySettings
from protocols.proxy.canonical import canonical_path
from protocols.proxy.decision import Site
from protocols.proxy.forwarded import METHOD
from protocols.proxy.trust import NONE
from rules.access import AccessRules, Asked, Level

DAY, MINUTE = 86_400, 60
THURSDAY = 3
"""1 January 1970."""


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

    def level(self, asking: Asking, identity: Identity | None) -> Level:
        """`Level.SIGN_IN` where a site has no rules."""
        rules = self._rules.get(asking.site.provider)
        if rules is None:
            return Level.SIGN_IN
        groups = self._directory.current.groups_of(identity.user) if identity is not None else None
        return rules.level(self._asked(asking), groups)

    def _asked(self, asking: Asking) -> Asked:
        day, second = divmod(int(self._now()), DAY)
        return Asked(
            path=canonical_path(asking.forwarded.path),
            method=asking.forwarded.method,
            address=asking.client,
            preflight=_is_preflight(asking),
            weekday=(day + THURSDAY) % 7,
            minute=second // MINUTE,
        )


def _is_preflight(asking: Asking) -> bool:
    """Fetch, 3.2.2: a browser asks before a request of another site, without cookies or credentials of its own."""
    headers = asking.headers
    return (
        asking.forwarded.method == "OPTIONS"
        and len(headers.get(b"origin", NONE)) == 1
        and headers[b"origin"][0] != b""
        and len(headers.get(b"access-control-request-method", NONE)) == 1
        and METHOD.fullmatch(headers[b"access-control-request-method"][0].decode("latin-1")) is not None
        and b"cookie" not in headers
        and b"authorization" not in headers
    )
