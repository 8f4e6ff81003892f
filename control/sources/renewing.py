"""Sources are asked again about those whom they have sent (RFC 6749, 6): whoever is let in there no more is signed out
here, at every outpost.

Refresh tokens stay at control, sealed. One control process at a time asks with each: it claims the row, and a token
that is good once is not used twice. If it dies between asking and keeping the new token, that person signs in again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from control import sessions
from control.oidc.foreign import Away
from control.records import Session, Source, SourceGrant, SourceSession, User
from control.repeating import Repeating
from control.sources.arriving import asked_again
from control.sources.asking import SourceTokens, Untrue
from control.sources.kinds import KINDS
from control.store.interface import Query, Store, Transaction

REST = 1.0
"""Seconds between looks."""
AT_ONCE = 4
"""People asked about at the same time, of all sources."""
CLAIMED_SECONDS = 60.0
"""For which nobody else asks; longer than an answer may take."""
PUT_OFF = 300.0
"""Until somebody is asked about again whom the source said nothing of."""
AWAY_SECONDS = 30.0
"""For which a source is left alone that did not answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asking:
    grant: SourceGrant
    source: Source
    identifier: str


class Renewing:
    def __init__(self, store: Store, tokens: SourceTokens, now: Callable[[], float]) -> None:
        self._store = store
        self._tokens = tokens
        self._now = now
        self._away: dict[str, float] = {}
        """Until when each of these sources is left alone."""
        self.work = Repeating("asking sources again", self.look, lambda: asyncio.sleep(REST))

    async def look(self) -> None:
        """Asks about those who are due. Writes only if there is somebody."""
        self._away = {source: until for source, until in self._away.items() if until > self._now()}
        if not await self._store.read(lambda tx: _due(tx, self._sources(tx))):
            return
        claimed = await self._store.write(lambda tx: _claimed(tx, self._sources(tx)))
        await asyncio.gather(*(self._ask(asking) for asking in claimed))

    def _sources(self, tx: Transaction) -> dict[str, Source]:
        """Those that may be asked now."""
        enabled = tx.select(Source, Query(equal={"enabled": True}, within={"provider_type": list(KINDS)}))
        return {source.pk: source for source in enabled if source.pk not in self._away}

    async def _ask(self, asking: _Asking) -> None:
        source, grant = asking.source, asking.grant
        try:
            token, good_for = await self._tokens.renewed(source, asking.identifier, grant.secrets["refresh_token"])
        except Away as error:
            log.warning("%s cannot say whether somebody is still let in there: %s", source.slug, error)
            self._away[source.pk] = self._now() + AWAY_SECONDS
            await self._store.write(lambda tx: _put_off(tx, grant))
        except Untrue as error:
            log.info("A session ends, as %s does not let its owner in any more: %s", source.slug, error)
            await self._store.write(lambda tx: _end(tx, grant))
        else:
            await self._store.write(lambda tx: _keep(tx, grant, token, good_for))


def _due(tx: Transaction, sources: dict[str, Source]) -> list[SourceGrant]:
    first = tx.select(SourceGrant, Query(within={"source": list(sources)}, ordering=("due",), limit=AT_ONCE))
    return [grant for grant in first if grant.due <= tx.now]


def _claimed(tx: Transaction, sources: dict[str, Source]) -> list[_Asking]:
    """Nobody is asked about whose session is over anyway."""
    found = []
    for grant in _due(tx, sources):
        session, came = tx.find(Session, pk=grant.pk), tx.find(SourceSession, pk=grant.pk)
        user = tx.find(User, pk=session.user or 0) if session is not None else None
        if session is None or user is None or came is None or not sessions.is_good(session, user, tx.now):
            tx.delete(grant)
            continue
        tx.update(replace(grant, due=tx.now + CLAIMED_SECONDS))
        found.append(_Asking(grant, sources[grant.source], came.identifier))
    return found


def _put_off(tx: Transaction, grant: SourceGrant) -> None:
    if (current := tx.find(SourceGrant, pk=grant.pk)) is not None:
        tx.update(replace(current, due=tx.now + PUT_OFF))


def _keep(tx: Transaction, grant: SourceGrant, token: str, good_for: float) -> None:
    if (current := tx.find(SourceGrant, pk=grant.pk)) is not None:
        tx.update(replace(current, secrets={"refresh_token": token}, due=asked_again(tx.now, good_for)))


def _end(tx: Transaction, grant: SourceGrant) -> None:
    if tx.find(Session, pk=grant.pk) is not None:
        sessions.revoke(tx, grant.pk)
