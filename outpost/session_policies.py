"""Policies about people who are signed in at a proxy: control is asked, and its answer used again as far as it says.

While control is away, a yes that need not be asked for each time holds as a known password does (DESIGN D13, D14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from outpost.authentication import LinkAway
from outpost.browser_sessions import Known, PoliciesSaid
from outpost.credential_cache import GRACE_SECONDS
from outpost.outcome import Circumstances, Decision
from protocols.link.messages import AccessSaid, AskAccess, Reuse
from rules.reasons import REASONS, Outcome

AWAY = Reuse(seconds=1.0)
"""Control is not asked more often than this by one person while it is away."""


class Link(Protocol):
    def access(self, question: AskAccess) -> Awaitable[AccessSaid]:
        """Raises LinkAway when control does not answer."""


class SessionPolicies:
    """``now`` gives seconds since the epoch; ``new_id`` a fresh correlation id."""

    def __init__(self, link: Link, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._link = link
        self._now = now
        self._new_id = new_id

    def said(self, known: Known, peer: str) -> Decision | None:
        """What is known of this candidate; None: control has to be asked."""
        said, now = known.said, self._now()
        if said is None or (said.reuse.peer_only and said.peer != peer):
            return None
        until = said.at + said.reuse.seconds
        if said.reuse.not_after is not None:
            until = min(until, said.reuse.not_after)
        return _decision(said, known) if now < until else None

    async def ask(self, known: Known, circumstances: Circumstances) -> None:
        """Control's answer is in ``known.said`` then, unless the directory has changed meanwhile."""
        candidate, before, peer = known.candidate, known.said, circumstances.peer
        if candidate is None:
            return
        question = AskAccess(self._new_id(), known.provider, candidate.user, peer, circumstances.attributes)
        try:
            answer = await self._link.access(question)
            if answer.id != question.id:
                raise ValueError("control answered another question")
            said = PoliciesSaid(answer.reason, peer, self._now(), answer.reuse, answer.strict)
        except LinkAway:
            said = self._in_grace(before, peer)
        if known.candidate is candidate:
            known.said = said

    def _in_grace(self, before: PoliciesSaid | None, peer: str) -> PoliciesSaid:
        now = self._now()
        nothing = PoliciesSaid("control_away", peer, now, AWAY, strict=True)
        if before is None or before.strict or REASONS[before.reason].outcome is not Outcome.ACCEPTED:
            return nothing
        ends = before.at + GRACE_SECONDS
        if before.reuse.not_after is not None:
            ends = min(ends, before.reuse.not_after)
        elsewhere = before.reuse.peer_only and before.peer != peer
        if now >= ends or elsewhere:
            return nothing
        return PoliciesSaid("accepted", before.peer, before.at, _until(before, ends), strict=False)


def _until(said: PoliciesSaid, ends: float) -> Reuse:
    return Reuse(ends - said.at, said.reuse.peer_only, said.reuse.not_after, said.reuse.words)


def _decision(said: PoliciesSaid, known: Known) -> Decision:
    accepted = REASONS[said.reason].outcome is Outcome.ACCEPTED
    return Decision(said.reason, known.candidate if accepted else None)
