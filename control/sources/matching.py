"""Who a stranger from a source is here: by its unique identifier; by their confirmed address where that was allowed;
somebody new where enrolment was allowed; else nobody."""

from __future__ import annotations

from dataclasses import dataclass

from control.records import Source, SourceConnection, User
from control.sources.admitting import Refused, refusal
from control.sources.asking import Stranger
from control.store.interface import Query, Transaction
from control.verbs import users

PROGRAMS = frozenset({"service_account", users.INTERNAL_SERVICE_ACCOUNT})
"""Types of accounts that nobody signs in to by an address."""
MISMATCH = "Nobody here is connected with this account. Ask the administrator."


@dataclass(frozen=True, slots=True)
class Known:
    user: User
    is_new: bool = False
    """They are to be connected, by their address."""


@dataclass(frozen=True, slots=True)
class Enrol:
    """Nobody here; an account may be made."""


def whose(tx: Transaction, source: Source, stranger: Stranger) -> Known | Enrol | Refused:
    if (refused := refusal(source, stranger)) is not None:
        return refused
    lines = Query(equal={"source": source.pk, "identifier": stranger.identifier}, limit=1)
    if found := tx.select(SourceConnection, lines):
        return Known(tx.get(User, found[0].user))
    mode = source.user_matching_mode
    holder = users.holder(tx, stranger.email)
    if mode == "email_link" and holder is not None and holder.type not in PROGRAMS:
        return Known(holder, is_new=True)
    if mode in ("email_link", "email_deny") and alike(tx, "email", stranger.email):
        return Refused("source_unknown_user", MISMATCH)
    if mode == "username_deny" and alike(tx, "username", stranger.username):
        return Refused("source_unknown_user", MISMATCH)
    return Enrol() if source.enrollment_flow is not None else Refused("source_unknown_user", MISMATCH)


def alike(tx: Transaction, field: str, text: str) -> list[User]:
    """Two of them at most, confirmed or not."""
    return tx.select(User, Query(alike={field: text}, limit=2)) if text else []
