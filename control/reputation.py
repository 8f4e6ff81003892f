"""Reputation: how often somebody was right or wrong from an address (authentik's scores; verbs over a transaction)."""

from __future__ import annotations

from dataclasses import replace

from control.records import Reputation
from control.store.interface import Query, Transaction
from rules.names import account_of, shown
from rules.places import host
from rules.reasons import REASONS, Outcome

LOWEST, HIGHEST = -5, 5
"""authentik's default limits."""
KEPT_SECONDS = 86_400.0
"""A score that has not changed for a day begins anew."""
AGAIN_SECONDS = 60.0
"""That a score stays what it is, is written at most this often."""
SWEPT_AT_ONCE = 10
MOST_SUMMED = 1000
"""The newest scores of one name, or at one address: whoever guesses at everybody has a sum beyond any threshold."""


def count(tx: Transaction, identifier: str, ip: str, right: bool) -> None:
    """One up for a right sign-in, one down for a wrong one."""
    known = tx.find(Reputation, identifier=_account(identifier), ip=_host(ip))
    before = known.score if known is not None and known.updated > tx.now - KEPT_SECONDS else 0
    score = max(LOWEST, min(before + (1 if right else -1), HIGHEST))
    if known is None:
        tx.insert(Reputation(_account(identifier), _host(ip), score=score, updated=tx.now))
    elif known.score != score or known.updated <= tx.now - AGAIN_SECONDS:
        tx.update(replace(known, score=score, updated=tx.now))
    else:
        return
    for old in tx.select(Reputation, Query(ordering=("updated",), limit=SWEPT_AT_ONCE)):
        if old.updated < tx.now - KEPT_SECONDS:
            tx.delete(old)


def count_reason(tx: Transaction, identifier: str, ip: str, reason: str) -> None:
    """What came of one sign-in, by the code of its reason."""
    outcome = REASONS[reason].outcome
    if outcome in (Outcome.ACCEPTED, Outcome.BAD_CREDENTIALS):
        count(tx, identifier, ip, outcome is Outcome.ACCEPTED)


def score(tx: Transaction, identifier: str, ip: str) -> int:
    """0 for whoever is unknown."""
    known = tx.find(Reputation, identifier=_account(identifier), ip=_host(ip))
    return known.score if known is not None and known.updated > tx.now - KEPT_SECONDS else 0


def total(tx: Transaction, identifier: str | None, ip: str | None) -> int:
    """The sum of all scores of this name, anywhere, and of all at this address; None leaves one out."""
    rows: dict[str, Reputation] = {}
    for field, value, stored in (("identifier", identifier, _account), ("ip", ip, _host)):
        if value is not None:
            query = Query(equal={field: stored(value)}, ordering=("-updated",), limit=MOST_SUMMED)
            rows.update((row.pk, row) for row in tx.select(Reputation, query))
    return sum(row.score for row in rows.values() if row.updated > tx.now - KEPT_SECONDS)


def _account(identifier: str) -> str:
    """Nobody gets a better score by other capitals, or blanks."""
    return shown(account_of(identifier))


def _host(ip: str) -> str:
    """Nor by another address of the same network."""
    return shown(host(ip))
