"""When and from where a user last signed in: activity, kept apart from the user's record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from control.records import Login
from control.store.interface import Transaction
from rules.places import is_address

MOST_REMEMBERED = 20
"""Logins of one user whose address is kept, for policies that look at distances."""


@dataclass(frozen=True, slots=True)
class From:
    """One login. ``time``: seconds since the epoch."""

    time: float
    peer: str


def remember(tx: Transaction, user: int, time: float, peer: str) -> None:
    """The latest counts; what an outpost reports may be older than what is known. ``peer`` need be no address."""
    known = tx.find(Login, pk=user)
    before = known.recent if known is not None else ()
    made: tuple[dict[str, Any], ...] = ({"time": time, "peer": peer},) if is_address(peer) else ()
    recent = tuple(sorted((*made, *before), key=lambda one: float(one["time"]), reverse=True)[:MOST_REMEMBERED])
    if known is None:
        tx.insert(Login(user, time, recent))
    elif known.last_login < time or recent != before:
        tx.update(Login(user, max(time, known.last_login), recent))


def latest(tx: Transaction, user: int, count: int) -> list[From]:
    """The last so many logins from known addresses, the latest first."""
    known = tx.find(Login, pk=user)
    return [From(one["time"], one["peer"]) for one in (known.recent if known is not None else ())[:count]]
