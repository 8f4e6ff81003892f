"""What an outpost serves, which is what it is believed about."""

from __future__ import annotations

from control.records import Outpost
from control.store.interface import Transaction


def served(tx: Transaction, outpost: str) -> frozenset[int]:
    """pks of its providers; none of an outpost that was deleted meanwhile."""
    found = tx.find(Outpost, pk=outpost)
    return frozenset(found.providers) if found is not None else frozenset()
