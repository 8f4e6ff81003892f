"""A sign-in goes on for as long as it is used: control is asked about it now and then, and says until when it counts.

With the answer comes an access token, so that any outpost has one for X-Authentik-Jwt, after a restart too. While
control is away, a session counts as long as control has said last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from outpost.authentication import LinkAway
from outpost.browsers.policies import Once
from outpost.browsers.sessions import ASK_SECONDS, NO_TOKEN, BrowserSessions, Known
from protocols.link.messages import RenewSession, SessionRenewed
from rules.reasons import REASONS, Outcome

AWAY_SECONDS = 5.0
"""Control is not asked more often than this about one session while it cannot answer."""


class Link(Protocol):
    def renew(self, question: RenewSession) -> Awaitable[SessionRenewed]:
        """Raises LinkAway when control does not answer."""


class SessionRenewals:
    """``control_url``: where browsers reach control; ``now`` gives seconds since the epoch; ``new_id`` a fresh
    correlation id; ``once`` merges what is asked at the same time."""

    def __init__(
        self,
        link: Link,
        sessions: BrowserSessions,
        control_url: Callable[[], str],
        now: Callable[[], float],
        new_id: Callable[[], str],
        once: Once,
    ) -> None:
        self._link = link
        self._sessions = sessions
        self._control_url = control_url
        self._now = now
        self._new_id = new_id
        self._once = once

    def is_due(self, known: Known) -> bool:
        """Has control to be asked first?"""
        return self._now() >= known.ask_at and (known.identity or known.candidate) is not None

    def is_ending(self, known: Known) -> bool:
        """Has control to be asked first, about a session by which something stays open?"""
        return self.is_due(known) and self._now() >= known.until - ASK_SECONDS

    def is_over(self, known: Known) -> bool:
        """Has control's last word run out?"""
        return self._now() >= known.until

    async def ask(self, known: Known, peer: str) -> None:
        """Once for all who wait for it, and for those who hold the same session opened a second time. What it says is
        in ``known`` then."""
        self._sessions.look_again(known)
        if self.is_due(known):
            await self._once((known.sid, known.provider), partial(self._ask, known, peer))
            self._sessions.look_again(known)

    async def _ask(self, known: Known, peer: str) -> None:
        until = known.until if self._sessions.token(known) != NO_TOKEN else 0.0
        question = RenewSession(
            self._new_id(), known.provider, known.sid, known.session.user, until, self._control_url(), peer
        )
        try:
            answer = await self._link.renew(question)
        except LinkAway:
            self._sessions.put_off(known, AWAY_SECONDS)
            return
        if answer.id != question.id:
            raise ValueError("control answered another question")
        if answer.session is not None:
            self._sessions.renewed(known, answer.session)
        elif REASONS[answer.reason].outcome is Outcome.UNAVAILABLE:
            self._sessions.put_off(known, AWAY_SECONDS)
        else:
            self._sessions.refuse(known)
