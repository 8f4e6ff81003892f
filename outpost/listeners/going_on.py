"""Requests that are under way: would whoever asked still be let in, with the very same request?

What a new request would hear is what an open one hears, as far as it can be said without asking anybody. Of sessions,
control is asked before its last word runs out; of policies it is not asked again: what they said when somebody came in
holds for that request, as long as it said it would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from outpost.browsers.renewals import SessionRenewals
from outpost.browsers.sessions import BrowserSessions, Known
from outpost.directory.snapshot import Directory, Snapshot
from outpost.kept.credential_cache import verdict
from outpost.listeners.asking import Asking
from outpost.listeners.site_rules import SiteRules, needs_nobody
from outpost.listeners.stepping_up import SteppingUp
from outpost.outcome import Grounds, Identity
from protocols.proxy.decision import HostTable, Site
from rules import validity
from rules.access import CLOSED, Level


@dataclass(slots=True, eq=False)
class Standing:
    """By what somebody was let in. The last three are what was found when it was looked at last."""

    asking: Asking
    identity: Identity | None
    """None: nobody in particular, where no sign-in is needed."""
    known: Known | None
    """The session that says who they are; without one, credentials did."""
    grounds: Grounds
    by_policies: bool
    """Users and groups alone did not let them in."""
    renewing: bool = False
    """Control is being asked about the session."""
    snapshot: Snapshot | None = None
    minute: int = 0
    """Since the epoch: hours of rules begin and end with one."""


class GoingOn:
    """``now`` gives seconds since the epoch; ``fault`` is called inside an ``except``."""

    def __init__(
        self,
        sessions: BrowserSessions,
        renewals: SessionRenewals,
        directory: Directory,
        rules: SiteRules,
        stepping_up: SteppingUp,
        table: Callable[[], HostTable],
        now: Callable[[], float],
        fault: Callable[[str], None],
    ) -> None:
        self._sessions = sessions
        self._renewals = renewals
        self._directory = directory
        self._rules = rules
        self._stepping_up = stepping_up
        self._table = table
        self._now = now
        self._fault = fault

    def standing(self, asking: Asking) -> Standing:
        """Of a request that has just been let in: its exchange says who."""
        exchange, provider = asking.exchange, asking.site.provider
        identity, known = exchange.identity, exchange.known
        if known is not None:
            by_policies = known.identity is None
        else:
            by_policies = identity is not None and self._said(provider, identity, exchange.grounds) is None
        return Standing(asking, identity, known, exchange.grounds, by_policies)

    def stands(self, standing: Standing) -> bool:
        now, snapshot, asking = self._now(), self._directory.current, standing.asking
        if now >= standing.grounds.not_after:
            return False
        table = self._table()
        site = table.find(asking.forwarded.host)
        if site is None or site.mode != "proxy" or site.provider != asking.site.provider:
            return False
        identity, known = standing.identity, standing.known
        if identity is not None and not (
            self._is_good(identity) if known is None else self._counts(standing, known, table, site)
        ):
            return False
        minute = int(now // 60)
        if standing.snapshot is snapshot and standing.minute == minute:
            return True
        level = self._rules.level(asking, identity)
        if identity is None:
            stands = needs_nobody(level, table, site, asking.forwarded)
        else:
            stands = self._is_let_in(standing, identity, snapshot) and self._is_open(level, asking, identity, known)
        if stands and level is not Level.SECOND_FACTOR:  # which grows too old at any second
            standing.snapshot, standing.minute = snapshot, minute
        return stands

    def _is_open(self, level: Level, asking: Asking, identity: Identity, known: Known | None) -> bool:
        if level in CLOSED:
            return False
        if known is None:
            return level is not Level.SECOND_FACTOR
        return not self._stepping_up.is_due(level, asking, known, identity)

    def _is_let_in(self, standing: Standing, identity: Identity, snapshot: Snapshot) -> bool:
        if any(one in snapshot.ended for one in standing.grounds.ends_with):
            return False
        said = self._said(standing.asking.site.provider, identity, standing.grounds)
        return said is True or (said is None and standing.by_policies)

    def _said(self, provider: int, identity: Identity, grounds: Grounds) -> bool | None:
        """By the bindings of the application; None: policies were asked, and did not say for how long it holds."""
        snapshot = self._directory.current
        record = snapshot.providers.get(provider)
        return verdict(record, identity.user, snapshot, grounds.words) if record is not None else False

    def _is_good(self, identity: Identity) -> bool:
        """Are credentials of this account what they were?"""
        user = self._directory.current.users.get(identity.user)
        if user is None or user.credential_version != identity.credential_version:
            return False
        return validity.refusal(user, self._now()) is None

    def _counts(self, standing: Standing, known: Known, table: HostTable, site: Site) -> bool:
        realm = table.realm(site)
        if realm is None or not self._sessions.still_opens(realm, known) or not self._sessions.still_counts(known):
            return False
        if not standing.renewing and self._renewals.is_ending(known):
            standing.renewing = True
            Deferred.fromCoroutine(self._renew(standing, known))
        return standing.renewing or not self._renewals.is_over(known)

    async def _renew(self, standing: Standing, known: Known) -> None:
        """An open stream is a use of the session."""
        try:
            await self._renewals.ask(known, standing.asking.client)
        except Exception:
            self._sessions.refuse(known)
            self._fault("watch")
        standing.renewing = False
