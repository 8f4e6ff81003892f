"""What is asked with the tokens of outposts, and from where: events that stay readable however much is asked.

An address from which an outpost was not known before leaves one event. What is asked there is counted by kind, and told
once an hour. What an outpost may not ask leaves an event each time, up to a bound. Whoever has stolen a token shows up
as an address that is nobody's, with what they tried.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from control import audit
from control.records import Event, Outpost
from control.repeating import Repeating
from control.store.interface import Actor, Query, Store, Transaction
from rules.names import shown

ADDRESS, ASKED, REFUSED = "outpost_address", "outpost_asked", "outpost_refused"
"""Actions of events."""
TOLD_SECONDS = 3600.0
MOST_PLACES = 1_000
"""Pairs of outpost and address that are counted apart; past them, an outpost's other addresses count as one."""
ELSEWHERE = "elsewhere"
MOST_REFUSED = 100
"""Events of what was refused, of one outpost between two tellings; past them they are counted."""

Place = tuple[str, str]
"""Outpost's pk, and address."""


class OutpostAudit:
    """One in each control process, which tells what it was asked itself."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._since = now()
        self._known: set[Place] = set()
        self._asked: dict[Place, Counter[str]] = {}
        self._refused: Counter[str] = Counter()
        self.work = Repeating("the record of what outposts ask", self.tell, lambda: asyncio.sleep(TOLD_SECONDS))

    async def asked(self, outpost: str, address: str, kind: str) -> None:
        """Something that the outpost may ask. Raises Unavailable."""
        place = self._count(outpost, address, kind)
        if place not in self._known:
            if len(self._known) >= MOST_PLACES:
                self._known.clear()  # each is looked up once more, and not with every question
            self._known.add(place)
            await self._store.write(lambda tx: _first_use(tx, *place))

    async def refused(self, outpost: str, address: str, kind: str, why: str) -> None:
        """Something that it may not. Raises Unavailable."""
        self._count(outpost, address, f"{kind}, refused")
        self._refused[outpost] += 1
        if self._refused[outpost] <= MOST_REFUSED:
            context = {"asked": kind, "reason": why}
            await self._store.write(lambda tx: _leave(tx, REFUSED, outpost, address, context))

    async def tell(self) -> None:
        """What was counted since the last time; nothing where nothing was asked."""
        counted, since = self._asked, self._since
        self._asked, self._since = {}, self._now()
        try:
            if counted:
                await self._store.write(lambda tx: _tell(tx, counted, since))
        except BaseException:
            self._since = since
            for place, kinds in counted.items():
                self._add(place, kinds)
            raise
        self._refused.clear()

    def _count(self, outpost: str, address: str, kind: str) -> Place:
        return self._add((outpost, address), Counter([kind]))

    def _add(self, place: Place, kinds: Counter[str]) -> Place:
        """Where it was counted."""
        if place not in self._asked and len(self._asked) >= MOST_PLACES:
            place = place[0], ELSEWHERE
        self._asked.setdefault(place, Counter()).update(kinds)
        return place


def _first_use(tx: Transaction, outpost: str, address: str) -> None:
    earlier = tx.select(Event, Query(equal={"action": ADDRESS, "client_ip": shown(address)}))
    if not any(event.context.get("outpost") == outpost for event in earlier):
        _leave(tx, ADDRESS, outpost, address, {})


def _tell(tx: Transaction, counted: dict[Place, Counter[str]], since: float) -> None:
    for (outpost, address), kinds in counted.items():
        _leave(tx, ASKED, outpost, address, {"asked": dict(sorted(kinds.items())), "since": int(since)})


def _leave(tx: Transaction, action: str, outpost: str, address: str, context: Mapping[str, object]) -> None:
    found = tx.find(Outpost, pk=outpost)
    named = {"outpost": outpost, "outpost_name": found.name if found is not None else ""}
    audit.leave(tx, action, "outpost", {**named, **context}, Actor({}, shown(address)))
