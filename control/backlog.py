"""What waits in the store, and who is there: counted now and then, for whoever watches control from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from control.mail.outbox import WAITING
from control.outposts import instances
from control.records import (
    Instance,
    Knock,
    Letter,
    LogoutNotice,
    NotificationDelivery,
    Outpost,
    RadiusOrder,
    RadiusSession,
    UntoldEvent,
)
from control.repeating import Repeating
from control.sources.ldap.described import enabled
from control.store.interface import Query, Store, Transaction

EVERY = 15.0
"""Seconds; Prometheus asks about as often."""

KINDS = {
    "letter": (Letter, Query(equal={"state": WAITING})),
    "notification": (NotificationDelivery, Query()),
    "logout_notice": (LogoutNotice, Query()),
    "radius_order": (RadiusOrder, Query()),
    "event": (UntoldEvent, Query()),
}
"""What waits: to be sent, posted, told, carried to a NAS; events, for rules to be asked about them."""


@dataclass(frozen=True, slots=True)
class Counted:
    waiting: Mapping[str, int] = field(default_factory=dict)
    """By the kinds of `KINDS`."""
    since: Mapping[str, float] = field(default_factory=dict)
    """When the oldest of each began to wait, seconds since the epoch; no entry: none waits."""
    present: Mapping[str, int] = field(default_factory=dict)
    """Name of an outpost that was heard of within a day, to how many processes of it are there now."""
    knocks: int = 0
    """Who or what is refused for being unknown, and still is."""
    radius_sessions: int = 0
    sources: Mapping[str, str] = field(default_factory=dict)
    """pk of an LDAP source to its slug."""


class Backlog:
    """What was ``counted`` last; None before, and while the store cannot be asked: old numbers would say that all is
    well."""

    def __init__(self, store: Store) -> None:
        self.counted: Counted | None = None
        self._store = store
        self.work = Repeating("counting what waits", self.look, lambda: asyncio.sleep(EVERY))

    async def look(self) -> None:
        try:
            self.counted = await self._store.read(counted)
        except BaseException:
            self.counted = None
            raise


def counted(tx: Transaction) -> Counted:
    waiting = {kind: tx.count(record, query) for kind, (record, query) in KINDS.items()}
    return Counted(
        waiting=waiting,
        since={kind: oldest for kind in waiting if (oldest := _oldest(tx, kind)) is not None},
        present=_present(tx),
        knocks=tx.count(Knock, Query(equal={"answered": None})),
        radius_sessions=tx.count(RadiusSession, Query(equal={"live": True})),
        sources={source.pk: source.slug for source in enabled(tx)},
    )


def _oldest(tx: Transaction, kind: str) -> float | None:
    record, query = KINDS[kind]
    first: list[Any] = tx.select(record, Query(equal=query.equal, ordering=("created",), limit=1))
    return first[0].created if first else None


def _present(tx: Transaction) -> dict[str, int]:
    named = {outpost.pk: outpost.name for outpost in tx.select(Outpost)}
    found: dict[str, int] = {}
    for one in tx.select(Instance):
        if one.outpost in named and one.last_seen > tx.now - instances.LOST_SECONDS:
            is_there = one.last_seen > tx.now - instances.PRESENT_SECONDS
            found[named[one.outpost]] = found.get(named[one.outpost], 0) + is_there
    return found
