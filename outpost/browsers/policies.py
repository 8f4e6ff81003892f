"""Policies about people who are signed in at a proxy: control is asked, and its answer used again as far as it says.

An answer that has to be asked for each time (``strict``) holds for the very same request alone, for as long as one page
takes: a policy may have looked at the path.
While control is away, a yes that need not be asked for each time holds as a known password does (DESIGN D13, D14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Protocol, TypeVar

from outpost.authentication import LinkAway
from outpost.browsers.sessions import Known, PoliciesSaid, Wanted
from outpost.kept.credential_cache import GRACE_SECONDS
from outpost.outcome import Circumstances, Decision
from protocols.link.messages import AccessSaid, AskAccess, Reuse
from rules.reasons import REASONS, Outcome

T = TypeVar("T")

AWAY = Reuse(seconds=1.0)
"""Control is not asked more often than this by one person while it is away."""
MOST_SAID = 200
"""Answers for one browser that hold for one request each: more than one page is made of."""
WHATEVER: Wanted = ()


class Link(Protocol):
    def access(self, question: AskAccess) -> Awaitable[AccessSaid]:
        """Raises LinkAway when control does not answer."""


class Once(Protocol):
    async def __call__(self, question: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` gives, for everybody who asks the same meanwhile; or what it raises."""


class SessionPolicies:
    """``now`` gives seconds since the epoch; ``new_id`` a fresh correlation id; ``once`` merges what is asked at the
    same time."""

    def __init__(self, link: Link, now: Callable[[], float], new_id: Callable[[], str], once: Once) -> None:
        self._link = link
        self._now = now
        self._new_id = new_id
        self._once = once

    def said(self, known: Known, circumstances: Circumstances) -> Decision | None:
        """What is known of this candidate; None: control has to be asked."""
        peer = circumstances.peer
        said = self._holding(known.said.get(WHATEVER), peer)
        said = said or self._holding(known.said.get(_wanted(circumstances)), peer)
        return None if said is None else _decision(said, known)

    def _holding(self, said: PoliciesSaid | None, peer: str) -> PoliciesSaid | None:
        return said if said is not None and self._holds(said, peer) else None

    def _holds(self, said: PoliciesSaid, peer: str) -> bool:
        until = said.at + said.reuse.seconds
        if said.reuse.not_after is not None:
            until = min(until, said.reuse.not_after)
        return self._now() < until and not (said.reuse.peer_only and said.peer != peer)

    async def ask(self, known: Known, circumstances: Circumstances) -> None:
        """Control's answer is in ``known.said`` then, unless the directory has changed meanwhile."""
        candidate, answers = known.candidate, known.said
        if candidate is None:
            return
        wanted = _wanted(circumstances)
        try:
            question = known.provider, candidate.user, known.snapshot.revision, wanted
            said = await self._once(question, partial(self._answer, known.provider, candidate.user, circumstances))
            answers.pop(WHATEVER, None)  # control's last word counts, also in the grace
        except LinkAway:
            said = self._in_grace(answers.get(WHATEVER), circumstances.peer)
        if known.candidate is candidate:
            if len(answers) >= MOST_SAID:
                answers.clear()
            answers[wanted if said.strict else WHATEVER] = said

    async def _answer(self, provider: int, user: int, circumstances: Circumstances) -> PoliciesSaid:
        question = AskAccess(
            self._new_id(), provider, user, circumstances.peer, circumstances.attributes, circumstances.visitor
        )
        answer = await self._link.access(question)
        if answer.id != question.id:
            raise ValueError("control answered another question")
        return PoliciesSaid(answer.reason, circumstances.peer, self._now(), answer.reuse, answer.strict)

    def _in_grace(self, before: PoliciesSaid | None, peer: str) -> PoliciesSaid:
        now = self._now()
        nothing = PoliciesSaid("control_away", peer, now, AWAY, strict=True)
        if before is None or REASONS[before.reason].outcome is not Outcome.ACCEPTED:
            return nothing
        ends = before.at + GRACE_SECONDS
        if before.reuse.not_after is not None:
            ends = min(ends, before.reuse.not_after)
        elsewhere = before.reuse.peer_only and before.peer != peer
        if now >= ends or elsewhere:
            return nothing
        return PoliciesSaid("accepted", before.peer, before.at, _until(before, ends), strict=False)


def _wanted(circumstances: Circumstances) -> Wanted:
    """What a policy may have looked at: its answer is none for another page, or for other header lines."""
    visitor = circumstances.visitor
    lines = "" if visitor is None else f"{visitor.scheme} {sorted(visitor.headers.items())}"
    return circumstances.peer, *(circumstances.attributes.get(name, "") for name in ("host", "path", "method")), lines


def _until(said: PoliciesSaid, ends: float) -> Reuse:
    return Reuse(ends - said.at, said.reuse.peer_only, said.reuse.not_after, said.reuse.words)


def _decision(said: PoliciesSaid, known: Known) -> Decision:
    accepted = REASONS[said.reason].outcome is Outcome.ACCEPTED
    return Decision(said.reason, known.candidate if accepted else None, reuse=said.reuse if accepted else None)
