"""The only way in: every door asks here, and nothing else decides (DESIGN section 4).

Prove and admit happen at control, in one question. Whatever goes wrong on the way denies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from outpost.outcome import Circumstances, Credentials, Decision
from protocols.link.messages import Authenticate, Authenticated
from rules.reasons import REASONS, Outcome


class LinkAway(Exception):
    """Control cannot be asked now."""


class Link(Protocol):
    """What deciding needs of the link."""

    def ask(self, question: Authenticate) -> Awaitable[Authenticated]:
        """Raises LinkAway when control does not answer."""


class Authentication:
    """``new_id`` gives a fresh correlation id; ``report_fault`` is told of exceptions that should not happen."""

    def __init__(self, link: Link, new_id: Callable[[], str], report_fault: Callable[[str], None]) -> None:
        self._link = link
        self._new_id = new_id
        self._report_fault = report_fault

    async def authenticate(self, credentials: Credentials, provider: int, circumstances: Circumstances) -> Decision:
        """Who is this, and may they use the provider with this pk? Never raises: any exception denies."""
        question_id = self._new_id()
        try:
            return await self._ask(question_id, credentials, provider, circumstances)
        except LinkAway:
            return Decision("control_away", id=question_id)
        except Exception:
            self._report_fault(question_id)
            return Decision("internal_error", id=question_id)

    async def _ask(
        self, question_id: str, credentials: Credentials, provider: int, circumstances: Circumstances
    ) -> Decision:
        answer = await self._link.ask(
            Authenticate(
                id=question_id,
                provider=provider,
                username=credentials.username,
                proof=credentials.proof,
                protocol=circumstances.protocol,
                peer=circumstances.peer,
                attributes=circumstances.attributes,
            )
        )
        if answer.id != question_id:
            raise ValueError("control answered another question")
        accepted = REASONS[answer.reason].outcome is Outcome.ACCEPTED
        return Decision(answer.reason, answer.identity if accepted else None, question_id)
