"""Duplicate detection (RFC 5080 section 2.2.2): a NAS that heard nothing sends the same request again.

While the first is being decided its copies are dropped; afterwards they get the same octets once more. So a
retransmission never asks again: no second hash, no second use of a one-time code.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

Peer = tuple[str, int]
"""Address and port."""

Key = tuple[Peer, bytes]
"""Peer and the 20 octets of header: code, identifier, length and Request Authenticator."""

WINDOW = 5.0  # seconds that a reply is kept: FreeRADIUS' cleanup_delay; a NAS retries after about 3
GIVEN_UP = 30.0  # seconds after which no NAS waits any more; a later decision is not sent
MAX_PENDING = 16_384  # requests being decided; FreeRADIUS' max_requests
MAX_ANSWERED = 65_536  # replies kept, about 35 MB; beyond it the oldest go before their time


class State(Enum):
    NEW = "new"
    PENDING = "pending"
    REFUSED = "refused"
    """New, but too many are pending."""


class Duplicates:
    def __init__(self) -> None:
        # In the order of their times, so that expiry only looks at the front. Not dict: the front of one that is
        # eaten from there takes ever longer to find.
        self._pending: OrderedDict[Key, float] = OrderedDict()
        self._answered: OrderedDict[Key, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending) + len(self._answered)

    def receive(self, key: Key, now: float) -> bytes | State:
        """The kept reply, or what is known of the request; a new one is pending from now on."""
        self._expire(now)
        kept = self._answered.get(key)
        if kept is not None:
            not_before, reply = kept
            return reply if now >= not_before else State.PENDING
        if key in self._pending:
            return State.PENDING
        if len(self._pending) >= MAX_PENDING:
            return State.REFUSED
        self._pending[key] = now
        return State.NEW

    def is_pending(self, key: Key) -> bool:
        return key in self._pending

    def answered(self, key: Key, reply: bytes, not_before: float) -> None:
        """Copies get ``reply`` from ``not_before`` on; until then they count as pending."""
        del self._pending[key]
        if len(self._answered) >= MAX_ANSWERED:
            self._answered.popitem(last=False)
        self._answered[key] = (not_before, reply)

    def forget(self, key: Key) -> None:
        """The request stays unanswered; its next copy is new."""
        self._pending.pop(key, None)

    def _expire(self, now: float) -> None:
        pending, answered = self._pending, self._answered
        while pending and pending[next(iter(pending))] <= now - GIVEN_UP:
            pending.popitem(last=False)
        while answered and answered[next(iter(answered))][0] <= now - WINDOW:
            answered.popitem(last=False)
