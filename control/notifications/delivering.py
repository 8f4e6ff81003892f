"""Posts what waits to the URLs of transports, until it is understood or a day is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from control.mappings.answers import Mappings, leave_events
from control.notifications import APP
from control.notifications.posting import PostJson
from control.notifications.webhooks import Telling, message, telling
from control.notifications.wording import BODIES
from control.records import Event, NotificationDelivery, NotificationTransport, User
from control.redelivery import Redelivery
from control.repeating import Repeating
from control.store.interface import Overloaded, Store, Transaction, Unavailable

REST = 1.0
"""Seconds between looks."""
AT_ONCE = 50
"""Posted at the same time."""
FIRST_WAIT = 15.0
"""Seconds until the second try."""


class Sending(NamedTuple):
    told: Telling
    is_first: bool
    """What a mapping breaks at is said once, not with each try."""


class Delivering:
    """``clock`` only counts seconds, for webhook mappings."""

    def __init__(self, store: Store, post: PostJson, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._post = post
        self._run = Mappings(clock)
        self.queue = Redelivery(
            store, NotificationDelivery, _sending, self._send, _give_up, "transport", AT_ONCE, FIRST_WAIT
        )
        what = "posting notifications"
        self.work = Repeating(what, self.queue.begin, lambda: asyncio.sleep(REST), stopped=self.queue.stop)

    async def _send(self, sending: Sending) -> bool:
        told = sending.told
        made = await asyncio.to_thread(message, told, self._run)
        if made.broken and sending.is_first:
            with suppress(Unavailable, Overloaded):
                await self._store.write(lambda tx: leave_events(tx, made.broken, APP, None, told.user, ""))
        return not await self._post(told.transport.webhook_url, made.body, made.headers)


def _sending(tx: Transaction, delivery: NotificationDelivery) -> Sending | None:
    """None: the transport posts nothing any more."""
    transport = tx.get(NotificationTransport, delivery.transport)
    if transport.mode not in BODIES:
        return None
    user = tx.find(User, pk=delivery.user) if delivery.user is not None else None
    event = tx.find(Event, pk=delivery.event) if delivery.event is not None else None
    told = telling(tx, transport, delivery.body, delivery.severity, user, event)
    return Sending(told, delivery.tries == 0)


def _give_up(tx: Transaction, delivery: NotificationDelivery) -> None:
    transport = tx.get(NotificationTransport, delivery.transport)
    message = f"The transport “{transport.name}” did not take a notification for a day. Look at its URL."
    context = {"message": message, "transport": transport.pk, "tries": delivery.tries, "body": delivery.body}
    tx.insert(Event("configuration_error", app=APP, context=context, created=tx.now))
