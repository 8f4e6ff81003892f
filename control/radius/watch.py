"""Looks after every change, and now and then, whose RADIUS session has to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from control.policies import beforehand
from control.policies.judge import Judge
from control.radius import orders as radius_orders
from control.records import Device, IssuedCertificate, Token
from control.repeating import Repeating
from control.store.interface import Revision, Store, Transaction

REST = 1.0
"""Seconds between looks: changes that come together are looked at together."""
EVERY = 20.0
"""Seconds after which it is looked without a change: accounts expire by themselves."""
LATELY = 3 * EVERY
"""Seconds since a NAS has told of a session that is looked at once more."""
OF_USERS = frozenset({"user", "members"})
"""Kinds of changes that concern users who are named in them."""
OF_NOBODY = frozenset(
    {
        "radius_order",
        "ended_session",
        "certificate",
        "stage",
        "stage_binding",
        "radius_rule",
        "radius_pin",
    }
)
"""Kinds that take nobody's access away. Whatever is in neither set concerns everybody."""


OWNED: dict[str, type[Token | Device | IssuedCertificate]] = {
    "token": Token,
    "device": Device,
    "issued_certificate": IssuedCertificate,
}
"""What opens the network for one user. Of one that is gone nobody knows any more whose it was."""


class RadiusWatch:
    """One a control process; several may look at once, and order once."""

    def __init__(self, store: Store, judge: Judge) -> None:
        self._store = store
        self._judge = judge
        self._changed = asyncio.Event()
        self._stand: Revision | None = None
        self.work = Repeating("looking after RADIUS sessions", self.look, self._pause)
        store.follow(lambda revision: self._changed.set())

    async def _pause(self) -> None:
        await asyncio.sleep(REST)
        try:
            async with asyncio.timeout(EVERY):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    async def look(self) -> None:
        """Writes only if there is something to write."""
        since = self._stand
        found = await beforehand.write(self._store, self._judge, lambda tx, judge: _wanted(tx, judge, since), _acting)
        self._stand = found.newest


@dataclass(frozen=True, slots=True)
class Wanted:
    newest: Revision
    users: Collection[int]
    """Who has to go. Only these people are looked at once more, while nobody else may write."""
    overdue: bool
    """There are orders to give up."""


def _wanted(tx: Transaction, judge: Judge, since: Revision | None) -> Wanted:
    """By the changes since then, and by the time."""
    newest = tx.revision()
    users = _concerned(tx, since)
    if users is not None:
        users = users | radius_orders.worth_a_look(tx, LATELY)
    found = radius_orders.unwelcome(tx, judge, users)
    gone = {session.user for session, _ in found if session.user is not None}
    return Wanted(newest, gone, bool(radius_orders.overdue(tx)))


def _concerned(tx: Transaction, since: Revision | None) -> set[int] | None:
    """None: everybody, also if the store has another history than it had then."""
    if since is None or tx.chain_at(since.number) != since.chain:
        return None
    users: set[int] = set()
    for line in tx.changes_since(since.number):
        if line.kind == "user" and isinstance(line.pk, int):
            users.add(line.pk)
        elif line.kind == "members":
            users.update(line.joined, line.left)
        elif (record := OWNED.get(line.kind)) is not None and (owner := _owner(tx, record, line.pk)) is not None:
            users.add(owner)
        elif line.kind not in OF_NOBODY:
            return None
    return users


def _owner(tx: Transaction, record: type[Token | Device | IssuedCertificate], pk: object) -> int | None:
    found = tx.find(record, pk=pk)
    if isinstance(found, IssuedCertificate) and found.device is not None:
        found = tx.find(Device, pk=found.device)
    return None if found is None else found.user


def _acting(found: Wanted) -> Callable[[Transaction, Judge], Wanted] | None:
    def act(tx: Transaction, judge: Judge) -> Wanted:
        radius_orders.end_unwelcome(tx, judge, found.users)
        radius_orders.give_up(tx)
        return found

    return act if found.users or found.overdue else None
