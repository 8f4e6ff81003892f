"""Requests that are under way, WebSockets and streams above all: each goes on only while whoever asked may be in.

A part of them is looked at several times a second, so that each is within a second of a change, and no look takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from outpost.browsers.sessions import BrowserSessions, Known
from outpost.directory.snapshot import Directory
from outpost.kept.credential_cache import verdict
from outpost.outcome import Identity
from protocols.proxy.decision import HostTable, Site
from rules import validity

LOOK_INTERVAL = 0.2
"""Seconds between two looks."""
LOOKS = 4
"""In so many looks everybody has been looked at: in less than a second."""


class Cuttable(Protocol):
    def cut(self) -> None:
        """Whoever asked may not be in any more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """By what somebody is let in."""

    site: Site
    host: str
    identity: Identity | None
    """None: nobody in particular, where no sign-in is needed."""
    known: Known | None = None
    """The session that says who they are; without one, credentials did."""


class Watch:
    """``table`` gives the sites by host; ``clock`` only counts seconds, ``now`` since the epoch; ``fault`` is called
    inside an ``except``."""

    def __init__(
        self,
        sessions: BrowserSessions,
        directory: Directory,
        table: Callable[[], HostTable],
        clock: IReactorTime,
        now: Callable[[], float],
        fault: Callable[[str], None],
    ) -> None:
        self._fault = fault
        self._sessions = sessions
        self._directory = directory
        self._table = table
        self._now = now
        self._open: dict[Cuttable, Standing] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def add(self, passage: Cuttable, standing: Standing) -> None:
        self._open[passage] = standing
        if not self._looking.running:
            self._looking.start(LOOK_INTERVAL, now=False)

    def remove(self, passage: Cuttable) -> None:
        self._open.pop(passage, None)  # the next look finds nobody and is the last: requests come and go quickly

    def _look(self) -> None:
        """Who has been looked at goes to the end of the line."""
        for passage in list(islice(self._open, len(self._open) // LOOKS + 1)):
            standing = self._open.pop(passage)
            try:
                stands = self._stands(standing)
            except Exception:  # whoever cannot be decided about is not let go on
                stands = False
                self._fault("watch")
            if stands:
                self._open[passage] = standing
            else:
                passage.cut()
        if not self._open and self._looking.running:
            self._looking.stop()

    def _stands(self, standing: Standing) -> bool:
        table = self._table()
        site = table.find(standing.host)
        if site is None or site.mode != "proxy" or site.provider != standing.site.provider:
            return False
        identity = standing.identity
        if identity is None:
            return True
        if standing.known is not None:
            realm = table.realm(site)
            opens = realm is not None and self._sessions.still_opens(realm, standing.known)
            return opens and self._sessions.still_counts(standing.known)
        return self._may_be_in(identity, site.provider)

    def _may_be_in(self, identity: Identity, provider: int) -> bool:
        """By credentials. What policies say was control's answer, and holds for this request."""
        snapshot = self._directory.current
        user, record = snapshot.users.get(identity.user), snapshot.providers.get(provider)
        if user is None or record is None or user.credential_version != identity.credential_version:
            return False
        if validity.refusal(user, self._now()) is not None:
            return False
        return verdict(record, user.pk, snapshot) is not False
