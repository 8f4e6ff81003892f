"""The words that all doors share: credentials, identity, decision, and each outcome as every protocol says it.

The table is DESIGN D9. A door turns a `Decision` into its own answer through these maps and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protocols.link.messages import IdentityRecord
from rules.reasons import REASONS, Outcome

Identity = IdentityRecord


@dataclass(frozen=True, slots=True)
class Password:
    """A name and a password, as typed."""

    username: str
    password: str = field(repr=False)

    @property
    def proof(self) -> dict[str, Any]:
        return {"kind": "password", "password": self.password}


Credentials = Password


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where a question came from."""

    protocol: str
    """``ldap``, ``radius`` or ``proxy``."""
    peer: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The pipeline's answer. ``identity`` is set exactly when accepted."""

    reason: str
    identity: Identity | None = None
    id: str = ""

    def __post_init__(self) -> None:
        if (self.identity is not None) != (self.outcome is Outcome.ACCEPTED):
            raise ValueError("an identity belongs to an accepted decision, and only to one")

    @property
    def outcome(self) -> Outcome:
        return REASONS[self.reason].outcome

    @property
    def diagnostic(self) -> str:
        """What the stranger hears, with the id under which the operator finds the rest."""
        sentence = REASONS[self.reason].stranger
        return f"{sentence} ({self.id})" if self.id else sentence


LDAP_RESULT_CODE: dict[Outcome, int] = {
    Outcome.ACCEPTED: 0,
    Outcome.BAD_CREDENTIALS: 49,
    Outcome.CHALLENGED: 49,
    Outcome.NOT_ALLOWED: 50,
    Outcome.THROTTLED: 49,
    Outcome.UNAVAILABLE: 52,
}

RADIUS_CODE: dict[Outcome, int | None] = {
    Outcome.ACCEPTED: 2,
    Outcome.BAD_CREDENTIALS: 3,
    Outcome.CHALLENGED: 11,
    Outcome.NOT_ALLOWED: 3,
    Outcome.THROTTLED: 3,
    Outcome.UNAVAILABLE: None,
}
"""None is silence: the NAS asks its next server."""

HTTP_STATUS: dict[Outcome, int] = {
    Outcome.ACCEPTED: 200,
    Outcome.BAD_CREDENTIALS: 401,
    Outcome.CHALLENGED: 401,
    Outcome.NOT_ALLOWED: 403,
    Outcome.THROTTLED: 429,
    Outcome.UNAVAILABLE: 503,
}
