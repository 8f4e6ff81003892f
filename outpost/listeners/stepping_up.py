"""Paths that want a second factor which was shown lately: is it, and for how long does one count there?"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from outpost.browsers.sessions import Known
from outpost.listeners.asking import Asking
from outpost.listeners.site_rules import SiteRules
from outpost.outcome import Identity
from protocols.proxy.decision import HostTable, Site
from protocols.proxy.hosts import normalised
from rules.access import Level


class SteppingUp:
    """``now``: seconds since the epoch."""

    def __init__(self, rules: SiteRules, now: Callable[[], float]) -> None:
        self._rules = rules
        self._now = now

    def is_due(self, level: Level, asking: Asking, known: Known, who: Identity) -> bool:
        """Must they show a second factor, at a path of this level?"""
        if level is not Level.SECOND_FACTOR:
            return False
        max_age = self._rules.max_age(asking, who)
        return max_age is None or not known.session.is_recent(max_age, self._now())

    def max_age(self, asking: Asking, who: Identity | None) -> int:
        """Seconds for which one counts; 0: none is needed."""
        return self._rules.max_age(asking, who) or 0

    def max_age_of_page(self, table: HostTable, url: str, client: str, known_at: Callable[[Site], Known | None]) -> int:
        """The same for a page that somebody is to land on; ``known_at`` says who they are at a site."""
        parts = urlsplit(url)
        site = table.find(normalised(parts.netloc, parts.scheme))
        if site is None:
            return 0
        known = known_at(site)
        who = (known.identity or known.candidate) if known is not None else None
        return self._rules.max_age_of_page(site.provider, parts.path or "/", client, who) or 0
