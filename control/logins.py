"""When a user last signed in: activity, kept apart from the user's record."""

from __future__ import annotations

from control.records import Login
from control.store.interface import Transaction


def remember(tx: Transaction, user: int, time: float) -> None:
    """The latest counts; what an outpost reports may be older than what is known."""
    known = tx.find(Login, pk=user)
    if known is None:
        tx.insert(Login(user, time))
    elif known.last_login < time:
        tx.update(Login(user, time))
