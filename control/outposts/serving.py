"""What an outpost serves, which is what it is believed about."""

from __future__ import annotations

from control.outposts.needs import of_provider
from control.outposts.view import provider_record
from control.records import Outpost, Provider
from control.store.interface import Transaction
from control.verbs.rights import closure


def served(tx: Transaction, outpost: str) -> frozenset[int]:
    """pks of its providers; none of an outpost that was deleted meanwhile."""
    found = tx.find(Outpost, pk=outpost)
    return frozenset(found.providers) if found is not None else frozenset()


def knows(tx: Transaction, provider: int, user: int) -> bool:
    """Is an outpost told of this person for the sake of this provider? Asked for nobody, too."""
    found = tx.find(Provider, pk=provider)
    record = provider_record(tx, found) if found is not None else None
    view = of_provider(record) if record is not None else None
    return view is not None and (view.whole or view.has(user, frozenset(group.pk for group in closure(tx, user))))
