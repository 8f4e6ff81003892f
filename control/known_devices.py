"""Browsers in which somebody has signed in lately: the login's event says whether it was one of these, so that rules
can tell people of a sign-in somewhere new. That a browser is known opens nothing.

The cookie is another one with every sign-in, so that whoever plants one in a foreign browser is known by it nowhere.
"""

from __future__ import annotations

from control.records import KnownDevice
from control.sessions import key_of
from control.store.interface import Query, Transaction

LONGEST_SECONDS = 400 * 86_400.0
"""Browsers keep no cookie for longer."""
MOST_DEVICES = 20
"""Of one person: the one that was used longest ago goes."""


def is_known(tx: Transaction, cookie: str, user: int) -> bool:
    device = tx.find(KnownDevice, pk=key_of(cookie)) if cookie else None
    return device is not None and device.user == user and tx.now < device.expires


def remember(tx: Transaction, user: int, old: str, new: str, lasts: float) -> None:
    """``old``: the cookie that the browser had, ``new``: the one that it gets; for so many seconds."""
    before = tx.find(KnownDevice, pk=key_of(old)) if old else None
    if before is not None:
        tx.delete(before)
    if lasts <= 0:
        return
    tx.insert(KnownDevice(key_of(new), user, expires=tx.now + min(lasts, LONGEST_SECONDS)))
    for gone in tx.select(KnownDevice, Query(equal={"user": user}, ordering=("-expires",), offset=MOST_DEVICES)):
        tx.delete(gone)
