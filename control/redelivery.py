"""What is sent to others until it is understood: claimed by one control process, tried again ever later, given up.

Whoever answers slowly holds up nobody else: at most a part of what is under way goes to one of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from control.records import LogoutNotice, NotificationDelivery
from control.store.interface import Overloaded, Query, Store, Transaction, Unavailable

LONGEST_WAIT = 900.0
"""Seconds between tries, in the end."""
LEASE_SECONDS = 15.0
"""Nobody else sends what is under way: longer than one may take to answer."""
SHARE = 5
"""At most this part of what is under way goes to one receiver."""
GIVEN_UP = 24 * 3600.0
"""Seconds after which nobody tries any more."""

log = logging.getLogger(__name__)

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
    receiver: str
    """The field that says who is to hear it."""
    at_once: int
    """Sent at the same time."""
    first_wait: float
    """Seconds from a try that failed to the second one."""
    _under_way: dict[asyncio.Task[None], Hashable] = field(default_factory=dict)
    """To whom."""

    async def look(self) -> None:
        """Sends what is due, and waits until it is understood, or is not."""
        await self.begin()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def begin(self) -> None:
        """Begins to send what is due. Writes only if there is something."""
        if len(self._under_way) >= self.at_once or not await self.store.read(self._is_any_due):
            return
        for row, what in await self.store.write(self._claimed):
            task = asyncio.get_running_loop().create_task(self._deliver(row, what))
            self._under_way[task] = getattr(row, self.receiver)
            task.add_done_callback(self._under_way.pop)

    def stop(self) -> None:
        """What is under way is sent again later, by whoever looks."""
        for task in self._under_way:
            task.cancel()

    async def _deliver(self, row: W, what: S) -> None:
        try:
            heard = await self.send(what)
            await self.store.write(lambda tx: self._answered(tx, row.pk, heard))
        except (Unavailable, Overloaded):
            pass  # then it is sent once more, which everybody who receives has to bear
        except Exception:
            log.exception("Sending failed", extra={"fields": {"event": "fault"}})

    def _due(self, tx: Transaction, most: int) -> Iterator[W]:
        """For those to whom more may be sent, the first of all."""
        full = [one for one, count in Counter(self._under_way.values()).items() if count >= self._share]
        for row in tx.select(self.kind, Query(without={self.receiver: full}, ordering=("due",), limit=most)):
            if row.due <= tx.now:
                yield row

    def _is_any_due(self, tx: Transaction) -> bool:
        return any(True for _ in self._due(tx, 1))

    @property
    def _share(self) -> int:
        return max(1, self.at_once // SHARE)

    def _claimed(self, tx: Transaction) -> list[tuple[W, S]]:
        """What to send now; whoever looks next finds it due later."""
        found: list[tuple[W, S]] = []
        busy = Counter(self._under_way.values())
        for row in self._due(tx, self.at_once - busy.total()):
            receiver = getattr(row, self.receiver)
            if busy[receiver] >= self._share:
                continue
            what = self.prepared(tx, row)
            if what is None or tx.now - row.created > GIVEN_UP:
                tx.delete(row)
                self.give_up(tx, row)
                continue
            tx.update(replace(row, tries=row.tries + 1, due=tx.now + LEASE_SECONDS))
            busy[receiver] += 1
            found.append((row, what))
        return found

    def _answered(self, tx: Transaction, pk: Any, heard: bool) -> None:
        row = tx.find(self.kind, pk=pk)
        if row is not None and heard:
            tx.delete(row)
        elif row is not None:
            wait = min(self.first_wait * 2.0 ** (row.tries - 1), LONGEST_WAIT)
            tx.update(replace(row, due=tx.now + wait))
