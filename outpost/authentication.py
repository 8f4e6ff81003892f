"""The only way in: every door asks here, and nothing else decides (DESIGN section 4).

Passwords and certificates that control has accepted lately are known, and so is MS-CHAPv2 by a password whose hash it
has handed over; everything else is asked, in one question. Whatever goes wrong denies.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Protocol

from outpost.kept.certificates import KnownCertificates
from outpost.kept.credential_cache import CredentialCache, Shown
from outpost.kept.network_hashes import KnownHashes
from outpost.outcome import CertificateProof, Circumstances, Credentials, Decision, Identity, MsChapV2, Password
from outpost.throttle import Throttle, Try
from protocols.link.messages import Authenticate, Authenticated, ChangePassword, PasswordChanged
from rules.durations import Durations
from rules.names import is_possible_name
from rules.reasons import REASONS, Outcome


class LinkAway(Exception):
    """Control cannot be asked now."""


class LinkRevoked(LinkAway):
    """Control is there and takes nothing from this outpost any more: its token was revoked."""


class Link(Protocol):
    """What deciding needs of the link."""

    def ask(self, question: Authenticate) -> Awaitable[Authenticated]:
        """Raises LinkAway when control does not answer."""

    def change_password(self, question: ChangePassword) -> Awaitable[PasswordChanged]:
        """Raises as `ask` does."""


class Kept(Protocol):
    """What was accepted before this process began (D14)."""

    def check(self, credentials: Password, provider: int, peer: str) -> Awaitable[Decision | None]: ...


class Authentication:
    """``new_id`` gives a fresh correlation id; ``report_fault`` is told of exceptions that should not happen.

    Without a ``cache`` control is asked every time, without a ``throttle`` as often as anybody likes; ``held_up`` is
    told of whoever it stops. ``clock`` only counts seconds.
    """

    def __init__(
        self,
        link: Link,
        new_id: Callable[[], str],
        report_fault: Callable[[str], None],
        cache: CredentialCache | None = None,
        clock: Callable[[], float] = time.monotonic,
        kept: Kept | None = None,
        throttle: Throttle | None = None,
        held_up: Callable[[str, Circumstances, str], None] = lambda username, circumstances, reason: None,
        certificates: KnownCertificates | None = None,
        hashes: KnownHashes | None = None,
    ) -> None:
        self.asked: defaultdict[str, Durations] = defaultdict(Durations)
        """Protocol to how long control took to answer, or not to."""
        self.waiting = 0
        """Questions that control has not answered yet."""
        self._link = link
        self.new_id = new_id
        self._report_fault = report_fault
        self._cache = cache
        self._kept = kept
        self._clock = clock
        self._throttle = throttle
        self._held_up = held_up
        self._certificates = certificates
        self._hashes = hashes

    def known(self, credentials: Shown, provider: int, peer: str) -> Decision | None:
        """An accepted decision, if control need not be asked for it; for doors that answer without waiting."""
        return self._cache.known(credentials, provider, peer) if self._cache is not None else None

    def standing(self, credentials: Password, provider: int, peer: str) -> Callable[[], bool] | None:
        """As `CredentialCache.standing`."""
        return self._cache.standing(credentials, provider, peer) if self._cache is not None else None

    async def authenticate(self, credentials: Credentials, provider: int, circumstances: Circumstances) -> Decision:
        """Who is this, and may they use the provider with this pk? Never raises: any exception denies."""
        question_id = self.new_id()
        if not is_possible_name(credentials.username):
            return Decision("impossible_name", id=question_id)
        try:
            known = self._remembered(credentials, provider, circumstances.peer)
            return known or await self._throttled(question_id, credentials, provider, circumstances)
        except LinkAway:
            return Decision("control_away", id=question_id)
        except Exception:
            self._report_fault(question_id)
            return Decision("internal_error", id=question_id)

    def _remembered(self, credentials: Credentials, provider: int, peer: str) -> Decision | None:
        match credentials:
            case Password():
                return self.known(credentials, provider, peer)
            case CertificateProof() if self._certificates is not None:
                return self._certificates.known(credentials, provider, peer)
            case MsChapV2() if self._hashes is not None:
                return self._hashes.known(credentials, provider, peer)
        return None

    async def change_password(
        self, identity: Identity, old: str, new: str | None, provider: int, circumstances: Circumstances
    ) -> PasswordChanged:
        """Of somebody whom this provider let in; ``new`` None: one is made. Never raises: any exception refuses."""
        question_id = self.new_id()
        shown = Password(identity.username, old)
        taken: Try | str | None = None
        if self._throttle is not None:
            taken = self._throttle.begin(identity.username, shown.proof, circumstances.peer, "", self._clock())
        if isinstance(taken, str):
            self._held_up(identity.username, circumstances, taken)
            return PasswordChanged(question_id, taken)
        answer = PasswordChanged(question_id, "internal_error")
        try:
            answer = await self._link.change_password(
                ChangePassword(
                    question_id, provider, identity.user, old, new, circumstances.protocol, circumstances.peer
                )
            )
            if answer.id != question_id:
                raise ValueError("control answered another question")
        except LinkAway:
            answer = PasswordChanged(question_id, "control_away")
        except Exception:
            self._report_fault(question_id)
            answer = PasswordChanged(question_id, "internal_error")
        finally:
            if taken is not None and self._throttle is not None:
                self._throttle.settle(taken, REASONS[answer.reason].outcome, self._clock())
        if answer.reason == "accepted" and self._cache is not None:
            over = Decision("credential_changed", id=question_id)
            self._cache.learn(shown, provider, circumstances.peer, over, None, 0)
        return answer

    async def _throttled(
        self, question_id: str, credentials: Credentials, provider: int, circumstances: Circumstances
    ) -> Decision:
        """Before a question is asked, and so before a hash is computed."""
        if self._throttle is None:
            return await self._ask(question_id, credentials, provider, circumstances)
        station = circumstances.attributes.get("calling_station", "") if circumstances.protocol == "radius" else ""
        taken = self._throttle.begin(
            credentials.username, credentials.proof, circumstances.peer, station, self._clock()
        )
        if isinstance(taken, str):
            self._held_up(credentials.username, circumstances, taken)
            return Decision(taken, id=question_id)
        outcome = Outcome.UNAVAILABLE
        try:
            decision = await self._ask(question_id, credentials, provider, circumstances, taken)
            outcome = decision.outcome
            return decision
        finally:
            self._throttle.settle(taken, outcome, self._clock())

    async def _ask(
        self,
        question_id: str,
        credentials: Credentials,
        provider: int,
        circumstances: Circumstances,
        taken: Try | None = None,
    ) -> Decision:
        began = self._clock()
        self.waiting += 1
        try:
            answer = await self._link.ask(
                Authenticate(
                    id=question_id,
                    provider=provider,
                    username=credentials.username,
                    proof=credentials.proof,
                    protocol=circumstances.protocol,
                    peer=circumstances.peer,
                    attributes=circumstances.attributes,
                    can_ask=circumstances.can_ask,
                    visitor=circumstances.visitor,
                    known_good=taken is not None and taken.known_good,
                    again=taken is not None and not (taken.counted or taken.known_good),
                )
            )
        except LinkRevoked:
            raise
        except LinkAway:
            known = await self._in_grace(credentials, provider, circumstances.peer)
            if known is None:
                raise
            return known
        finally:
            self.waiting -= 1
            self.asked[circumstances.protocol].observe(self._clock() - began)
        if answer.id != question_id:
            raise ValueError("control answered another question")
        outcome = REASONS[answer.reason].outcome
        if outcome is Outcome.UNAVAILABLE and (
            known := await self._in_grace(credentials, provider, circumstances.peer)
        ):
            return known
        decision = _decision(answer, outcome, question_id)
        match credentials:
            case Password() if self._cache is not None:
                self._cache.learn(credentials, provider, circumstances.peer, decision, answer.reuse, answer.revision)
            case CertificateProof() if self._certificates is not None:
                learn = self._certificates.learn
                learn(credentials, provider, circumstances.peer, decision, answer.reuse, answer.revision)
            case MsChapV2() if self._hashes is not None:
                remember = self._hashes.learn
                remember(credentials, provider, circumstances.peer, decision, answer.network_hash, answer.revision)
        return decision

    async def _in_grace(self, credentials: Credentials, provider: int, peer: str) -> Decision | None:
        """For while control cannot decide; never anything but an accepted decision, of what is known."""
        if isinstance(credentials, CertificateProof) and self._certificates is not None:
            return self._certificates.known(credentials, provider, peer, away=True)
        if isinstance(credentials, MsChapV2) and self._hashes is not None:
            return self._hashes.known(credentials, provider, peer, away=True)
        if not isinstance(credentials, Password):
            return None
        known = self._cache.in_grace(credentials, provider, peer) if self._cache is not None else None
        if known is None and self._kept is not None:
            known = await self._kept.check(credentials, provider, peer)
        return known


def _decision(answer: Authenticated, outcome: Outcome, question_id: str) -> Decision:
    """Of what control says, what belongs to this outcome."""
    accepted = outcome is Outcome.ACCEPTED
    return Decision(
        answer.reason,
        answer.identity if accepted else None,
        question_id,
        keys=answer.keys if accepted else {},
        challenge=answer.challenge if outcome is Outcome.CHALLENGED else None,
        reply=answer.reply if accepted else (),
        reuse=answer.reuse if accepted else None,
        password_end=answer.password_end if accepted else None,
        ends_with=answer.ends_with if accepted else (),
    )
