"""What is sent to others until it is understood: claimed by one control process, tried again ever later, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from control.records import LogoutNotice, NotificationDelivery
from control.store.interface import Query, Store, Transaction

LONGEST_WAIT = 900.0
"""Seconds between tries, in the end."""
GIVEN_UP = 24 * 3600.0
"""Seconds after which nobody tries any more."""

W = TypeVar("W", LogoutNotice, NotificationDelivery)
"""A row that waits: ``created``, ``due`` next, after so many ``tries``."""
S = TypeVar("S")


@dataclass(slots=True)
class Redelivery(Generic[W, S]):
    store: Store
    kind: type[W]
    prepared: Callable[[Transaction, W], S | None]
    """What to send; None: nobody wants to hear it any more."""
    send: Callable[[S], Awaitable[bool]]
    """Was it understood? Raises nothing."""
    give_up: Callable[[Transaction, W], None]
    """Says so; the row is gone already."""
    at_once: int
    """Sent at the same time."""
    first_wait: float
    """Seconds until the second try."""

    async def look(self) -> None:
        """Sends what is due. Writes only if there is something."""
        if not await self.store.read(self._is_any_due):
            return
        claimed = await self.store.write(self._claimed)
        understood = await asyncio.gather(*(self.send(what) for _, what in claimed))
        done: list[Any] = [pk for (pk, _), heard in zip(claimed, understood, strict=True) if heard]
        if done:
            await self.store.write(lambda tx: self._forget(tx, done))

    def _is_any_due(self, tx: Transaction) -> bool:
        first = tx.select(self.kind, Query(ordering=("due",), limit=1))
        return bool(first) and first[0].due <= tx.now

    def _claimed(self, tx: Transaction) -> list[tuple[Any, S]]:
        """What to send now; whoever looks next finds it due later."""
        found = []
        for row in tx.select(self.kind, Query(ordering=("due",), limit=self.at_once)):
            if row.due > tx.now:
                break
            what = self.prepared(tx, row)
            if what is None or tx.now - row.created > GIVEN_UP:
                tx.delete(row)
                self.give_up(tx, row)
                continue
            wait = min(self.first_wait * 2.0**row.tries, LONGEST_WAIT)
            tx.update(replace(row, tries=row.tries + 1, due=tx.now + wait))
            found.append((row.pk, what))
        return found

    def _forget(self, tx: Transaction, pks: list[Any]) -> None:
        for row in tx.select(self.kind, Query(within={"pk": pks})):
            tx.delete(row)
