"""Posts what waits to the URLs of transports, until it is understood or a day is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from control.notifications import APP
from control.notifications.posting import PostJson
from control.notifications.wording import BODIES
from control.records import Event, NotificationDelivery, NotificationTransport, User
from control.repeating import Repeating
from control.store.interface import Query, Store, Transaction

REST = 1.0
"""Seconds between looks."""
AT_ONCE = 10
"""Posted at the same time."""
FIRST_WAIT, LONGEST_WAIT = 15.0, 900.0
"""Seconds between tries: longer than one takes, so that nobody else sends it meanwhile."""
GIVEN_UP = 24 * 3600.0
"""Seconds after which nobody tries any more."""


@dataclass(frozen=True, slots=True)
class Sending:
    delivery: NotificationDelivery
    url: str
    body: bytes


class Delivering:
    def __init__(self, store: Store, post: PostJson) -> None:
        self._store = store
        self._post = post
        self.work = Repeating("posting notifications", self.look, lambda: asyncio.sleep(REST))

    async def look(self) -> None:
        """Writes only if there is something."""
        if not await self._store.read(_is_any_due):
            return
        sending = await self._store.write(_claimed)
        troubles = await asyncio.gather(*(self._post(one.url, one.body) for one in sending))
        done = [one.delivery.pk for one, trouble in zip(sending, troubles, strict=True) if not trouble]
        if done:
            await self._store.write(lambda tx: _forget(tx, done))


def _is_any_due(tx: Transaction) -> bool:
    first = tx.select(NotificationDelivery, Query(ordering=("due",), limit=1))
    return bool(first) and first[0].due <= tx.now


def _claimed(tx: Transaction) -> list[Sending]:
    """What to send now; whoever looks next finds it due later."""
    found = []
    for delivery in tx.select(NotificationDelivery, Query(ordering=("due",), limit=AT_ONCE)):
        if delivery.due > tx.now:
            break
        transport = tx.get(NotificationTransport, delivery.transport)
        if tx.now - delivery.created > GIVEN_UP or transport.mode not in BODIES:
            _give_up(tx, delivery, transport)
            continue
        wait = min(FIRST_WAIT * 2.0**delivery.tries, LONGEST_WAIT)
        tx.update(replace(delivery, tries=delivery.tries + 1, due=tx.now + wait))
        found.append(Sending(delivery, transport.webhook_url, _body(tx, delivery, transport)))
    return found


def _body(tx: Transaction, delivery: NotificationDelivery, transport: NotificationTransport) -> bytes:
    user = tx.find(User, pk=delivery.user) if delivery.user is not None else None
    event = tx.find(Event, pk=delivery.event) if delivery.event is not None else None
    return BODIES[transport.mode](delivery.body, delivery.severity, user, event)


def _give_up(tx: Transaction, delivery: NotificationDelivery, transport: NotificationTransport) -> None:
    tx.delete(delivery)
    message = f"The transport “{transport.name}” did not take a notification for a day. Look at its URL."
    context = {"message": message, "transport": transport.pk, "tries": delivery.tries, "body": delivery.body}
    tx.insert(Event("configuration_error", app=APP, context=context, created=tx.now))


def _forget(tx: Transaction, pks: list[str]) -> None:
    for delivery in tx.select(NotificationDelivery, Query(within={"pk": pks})):
        tx.delete(delivery)
