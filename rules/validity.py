"""Is the account itself good at this moment? Failing here answers as bad credentials (DESIGN D8, D9)."""

from __future__ import annotations

from math import inf
from typing import Protocol


class HasValidity(Protocol):
    @property
    def is_active(self) -> bool: ...
    @property
    def valid_from(self) -> float | None: ...
    @property
    def valid_until(self) -> float | None: ...


def refusal(user: HasValidity, now: float) -> str | None:
    """The reason code why this account may not sign in at ``now`` (seconds), or None."""
    if not user.is_active:
        return "inactive"
    if user.valid_from is not None and now < user.valid_from:
        return "not_yet_valid"
    if user.valid_until is not None and now >= user.valid_until:
        return "expired"
    return None


def period(user: HasValidity) -> tuple[float, float]:
    """From when, and until just before when, `refusal` has nothing to say; from the end of time if it always has."""
    if not user.is_active:
        return inf, -inf
    since = user.valid_from if user.valid_from is not None else -inf
    return since, user.valid_until if user.valid_until is not None else inf


def holds(user: HasValidity, now: float) -> tuple[float, float]:
    """From when, and until just before when, `refusal` says the same of this account as at ``now``."""
    since, until = -inf, inf
    for turn in (user.valid_from, user.valid_until):
        if turn is not None and turn <= now:
            since = max(since, turn)
        elif turn is not None:
            until = min(until, turn)
    return since, until
