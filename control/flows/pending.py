"""Logins that wait for a one-time code at a door that can ask (RADIUS Access-Challenge).

What the door holds meanwhile is a secret that opens one waiting flow, once, for the same question asked again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from control.flows.state import State
from control.records import PendingChallenge
from control.store.interface import Query, Transaction
from protocols.link.messages import Authenticate, Challenge

SECRET_OCTETS = 24
"""192 bits, 32 characters: the NAS shows it to whoever listens, so it is bound to more than itself."""
LONGEST_SECRET = 64
WAIT_SECONDS = 180.0
"""Time to find the telephone; a NAS gives up sooner."""
SWEPT_AT_ONCE = 20
"""Old ones deleted with each new one, so that the table shrinks by itself."""
MOST_OF_ONE = 5
"""Waiting at once for one user: a password that somebody else knows fills no table."""
MESSAGE = "Enter the one-time code of your second factor."


def secret(random: Callable[[int], bytes]) -> str:
    return base64.urlsafe_b64encode(random(SECRET_OCTETS)).decode()


def keep(tx: Transaction, secret: str, question: Authenticate, user: int, state: State) -> Challenge:
    """The flow waits; the door asks."""
    _sweep(tx, user)
    flow = state.to_json()
    tx.insert(PendingChallenge(_digest(secret), user, _asked_by(question), flow, tx.now + WAIT_SECONDS))
    return Challenge(secret, MESSAGE)


def take(tx: Transaction, secret: str, question: Authenticate) -> State | None:
    """The flow that waits for this reply, which never waits again; None: there is none, or it is somebody else's."""
    found = tx.find(PendingChallenge, pk=_digest(secret)) if 0 < len(secret) <= LONGEST_SECRET else None
    if found is None or found.asked_by != _asked_by(question):
        return None
    tx.delete(found)
    return State.from_json(found.flow) if tx.now < found.expires else None


def _asked_by(question: Authenticate) -> dict[str, Any]:
    return {
        "provider": question.provider,
        "username": question.username,
        "protocol": question.protocol,
        "peer": question.peer,
        "nas": question.attributes.get("nas", ""),
        "calling_station": question.attributes.get("calling_station", ""),
    }


def _sweep(tx: Transaction, user: int) -> None:
    oldest = tx.select(PendingChallenge, Query(ordering=("expires",), limit=SWEPT_AT_ONCE))
    gone = {waiting.pk: waiting for waiting in oldest if waiting.expires <= tx.now}
    mine = tx.select(PendingChallenge, Query(equal={"user": user}, ordering=("-expires",), offset=MOST_OF_ONE - 1))
    gone.update({waiting.pk: waiting for waiting in mine})
    for waiting in gone.values():
        tx.delete(waiting)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
