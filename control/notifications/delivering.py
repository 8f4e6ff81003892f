"""Posts what waits to the URLs of transports, until it is understood or a day is over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from control.notifications import APP
from control.notifications.posting import PostJson
from control.notifications.wording import BODIES
from control.records import Event, NotificationDelivery, NotificationTransport, User
from control.redelivery import Redelivery
from control.repeating import Repeating
from control.store.interface import Store, Transaction

REST = 1.0
"""Seconds between looks."""
AT_ONCE = 10
"""Posted at the same time."""
FIRST_WAIT = 15.0
"""Seconds until the second try: longer than one takes, so that nobody else sends it meanwhile."""


@dataclass(frozen=True, slots=True)
class Sending:
    url: str
    body: bytes


class Delivering:
    def __init__(self, store: Store, post: PostJson) -> None:
        self._post = post
        self.queue = Redelivery(store, NotificationDelivery, _sending, self._send, _give_up, AT_ONCE, FIRST_WAIT)
        self.work = Repeating("posting notifications", self.look, lambda: asyncio.sleep(REST))

    async def look(self) -> None:
        await self.queue.look()

    async def _send(self, sending: Sending) -> bool:
        return not await self._post(sending.url, sending.body)


def _sending(tx: Transaction, delivery: NotificationDelivery) -> Sending | None:
    """None: the transport posts nothing any more."""
    transport = tx.get(NotificationTransport, delivery.transport)
    return Sending(transport.webhook_url, _body(tx, delivery, transport)) if transport.mode in BODIES else None


def _body(tx: Transaction, delivery: NotificationDelivery, transport: NotificationTransport) -> bytes:
    user = tx.find(User, pk=delivery.user) if delivery.user is not None else None
    event = tx.find(Event, pk=delivery.event) if delivery.event is not None else None
    return BODIES[transport.mode](delivery.body, delivery.severity, user, event)


def _give_up(tx: Transaction, delivery: NotificationDelivery) -> None:
    transport = tx.get(NotificationTransport, delivery.transport)
    message = f"The transport “{transport.name}” did not take a notification for a day. Look at its URL."
    context = {"message": message, "transport": transport.pk, "tries": delivery.tries, "body": delivery.body}
    tx.insert(Event("configuration_error", app=APP, context=context, created=tx.now))
