"""Who speaks for an outpost: its service account, by a token, and by a certificate where the outpost has to show one.

An outpost whose configuration names a ``client_authority`` is believed only over TLS on which it shows a certificate of
that authority. A certificate stands for the account that it was issued to; one that others have issued, for the account
that it names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from control.proofs.certificates import Refused, check, issued_by, names_in
from control.records import Certificate, Outpost, User
from control.store.interface import Query, Store, Transaction, Unavailable
from control.verbs.certificates import certificates_in
from rules.reasons import REASONS


class Unbelieved(Exception):
    """The right token, and not the right certificate; the text says what to do. ``outpost``: its pk."""

    def __init__(self, outpost: str, sentence: str) -> None:
        super().__init__(sentence)
        self.outpost = outpost


def speaks_for(tx: Transaction, account: User, shown: Sequence[str]) -> Outpost | None:
    """``shown``: PEM, the leaf first; nothing where the request came without. None: an account of no outpost.

    Raises Unbelieved.
    """
    outpost = tx.find(Outpost, user=account.pk)
    if outpost is not None and (wanted := str(outpost.config.get("client_authority") or "")):
        why = _fault(tx, account, wanted, shown)
        if why:
            raise Unbelieved(
                outpost.pk,
                f"The outpost “{outpost.name}” has to show a certificate of “{wanted}”: {why} Name the file in "
                "OUTPOST_CLIENT_CERTIFICATE, and see that nothing ends TLS on the way to control.",
            )
    return outpost


def _fault(tx: Transaction, account: User, wanted: str, shown: Sequence[str]) -> str:
    authority = tx.find(Certificate, name=wanted)
    if authority is None:
        return "there is no such authority any more."
    if not shown:
        return "it has shown none."
    try:
        leaf, *others = certificates_in("".join(shown))
        settings = {"client_authorities": authority.certificate_data}
        check([leaf, *others], settings, datetime.fromtimestamp(tx.now, UTC))
    except ValueError:
        return "what it has shown cannot be read."
    except Refused as refused:
        known = refused.reason != "untrusted_certificate"
        return REASONS[refused.reason].operator if known else "what it has shown comes from another authority."
    issued = issued_by(tx, [authority.pk], leaf)
    if issued is None:
        return "" if account.username in names_in(leaf) else f"what it has shown does not name {account.username}."
    if issued.revoked is not None:
        return REASONS["certificate_revoked"].operator
    return "" if issued.user == account.pk else "what it has shown was issued to somebody else."


class AskedAuthorities:
    """Whose certificates whoever answers TLS has to ask for: of those that an outpost has to show one of.

    Follows the store, so that asking begins some moments after an outpost is told to show one.
    """

    def __init__(self, store: Store) -> None:
        self.current: tuple[str, ...] = ()
        """PEM."""
        self._store = store
        self._looking: asyncio.Task[None] | None = None
        self._again = False
        store.follow(self._changed)

    def _changed(self, revision: int) -> None:
        self._again = True
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def look(self) -> None:
        self.current = await self._store.read(asked_authorities)

    async def _look(self) -> None:
        try:
            while self._again:
                self._again = False
                await self.look()
        except Unavailable:  # the next change, or the next start, looks again
            pass
        finally:
            self._looking = None


def asked_authorities(tx: Transaction) -> tuple[str, ...]:
    named = {str(outpost.config.get("client_authority") or "") for outpost in tx.select(Outpost)} - {""}
    found = tx.select(Certificate, Query(within={"name": sorted(named)}, ordering=("name",))) if named else ()
    return tuple(one.certificate_data for one in found)
