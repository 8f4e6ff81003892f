"""The secrets that seal browser sessions at outposts are replaced from time to time, and nobody is signed out by it.

Outposts are told the new one and the one before, and read what either has sealed; sessions end long before the next.
Whoever wants to sign everybody out sets ``cookie_secret`` by hand: then the one before is gone at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from control.records import Provider
from control.repeating import Repeating
from control.sessions import SIGNED_IN_SECONDS
from control.store.interface import Query, Store, Transaction

EVERY = 30 * 24 * 3600.0
"""Seconds that one secret seals for; more than twice as long as a session lasts (`SIGNED_IN_SECONDS`)."""
PAUSE = 3600.0
SECRET_BYTES = 16
"""As many as providers are made with."""

if EVERY <= SIGNED_IN_SECONDS:
    raise AssertionError("sessions would outlive both secrets")


class CookieSecrets:
    """One a control process; several may look at once, and each secret is replaced once."""

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random
        self.work = Repeating("replacing cookie secrets", self.look, lambda: asyncio.sleep(PAUSE))

    async def look(self) -> None:
        """Writes only if there is something to write."""
        if await self._store.read(due):
            await self._store.write(lambda tx: rotate(tx, self._random))


def due(tx: Transaction) -> list[Provider]:
    """Those whose secret is old; a provider that belongs to a file keeps what the file says."""
    found = tx.select(Provider, Query(equal={"kind": "proxy"}))
    return [one for one in found if one.managed is None and tx.now - float(_since(one)) >= EVERY]


def rotate(tx: Transaction, random: Callable[[int], bytes]) -> None:
    for provider in due(tx):
        fresh = {
            "cookie_secret": random(SECRET_BYTES).hex(),
            "cookie_secret_previous": provider.secrets["cookie_secret"],
            "cookie_secret_since": str(int(tx.now)),
        }
        tx.update(replace(provider, secrets={**provider.secrets, **fresh}))


def _since(provider: Provider) -> str:
    return provider.secrets.get("cookie_secret_since") or "0"
