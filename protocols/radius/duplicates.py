"""Duplicate detection (RFC 5080 section 2.2.2): a NAS that heard nothing sends the same request again.

While the first is being decided its copies are dropped; afterwards they get the same octets once more. So a
retransmission never asks again: no second hash, no second use of a one-time code.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import takewhile

Peer = tuple[str, int]
"""Address and port."""

Key = int
"""Stands for a peer and every octet of its packet: a NAS that uses an authenticator twice asks two things, and what was
said to the one is no answer to the other. See `key_of`."""

WINDOW = 10.0  # seconds that a reply is kept (RFC 5080: 5 to 30); many NAS ask again after 5, and are not to be late
GIVEN_UP = 30.0  # seconds after which no NAS waits any more; a later decision is not sent
MAX_PENDING = 16_384  # requests being decided; FreeRADIUS' max_requests
MAX_ANSWERED = 65_536  # replies kept, about 25 MB; beyond it the oldest go before their time
SWEEP = 0.1  # seconds between looks for what has had its time: one look at many costs less than many looks


class State(Enum):
    NEW = "new"
    PENDING = "pending"
    REFUSED = "refused"
    """New, but too many are pending."""


_NEW, _PENDING = State.NEW, State.PENDING


def key_of(peer: Peer, octets: bytes) -> Key:
    """The interpreter's hash, which is keyed by this process (SipHash), so that nobody can look for two requests with
    one key. In place of the octets: a number needs no room, and is compared at once."""
    return hash((peer, octets))


class Duplicates:
    def __init__(self) -> None:
        self._pending: dict[Key, float] = {}
        """When a request came that is still being decided; in the order of these times."""
        self._answered: dict[Key, tuple[float, bytes, Key]] = {}
        """From when on its copies get which reply."""
        self._order: deque[tuple[float, bytes, Key]] = deque()
        """The same, about in the order of their times, so that sweeping only looks at the front. One whose time had
        come before its copy was answered anew is still here, and no longer there."""
        self._sweep_at = 0.0

    def __len__(self) -> int:
        return len(self._pending) + len(self._answered)

    def receive(self, key: Key, now: float) -> bytes | State:
        """The kept reply, or what is known of the request; a new one is pending from now on."""
        if now >= self._sweep_at:
            self._sweep(now)
        kept = self._answered.get(key)
        if kept is not None and now < kept[0] + WINDOW:
            return _PENDING if now < kept[0] else kept[1]
        pending = self._pending
        if key in pending:
            if now < pending[key] + GIVEN_UP:
                return _PENDING
            del pending[key]
        if len(pending) >= MAX_PENDING:
            return State.REFUSED
        pending[key] = now
        return _NEW

    def knows(self, key: Key) -> bool:
        """Has it come before?"""
        return key in self._answered or key in self._pending

    def answered_at_once(self, key: Key, reply: bytes, now: float) -> None:
        """As `receive` and `answered` in one, for what nobody `knows`."""
        if now >= self._sweep_at:
            self._sweep(now)
        self._keep(key, reply, now)

    def is_pending(self, key: Key) -> bool:
        return key in self._pending

    def answered(self, key: Key, reply: bytes, not_before: float) -> bool:
        """Copies get ``reply`` from ``not_before`` on; until then they count as pending.

        False: the request waits for no reply, or for none any more, and nothing is kept.
        """
        if self._pending.pop(key, None) is None:
            return False
        self._keep(key, reply, not_before)
        return True

    def forget(self, key: Key) -> None:
        """The request stays unanswered; its next copy is new."""
        self._pending.pop(key, None)

    def _keep(self, key: Key, reply: bytes, not_before: float) -> None:
        kept = self._answered[key] = (not_before, reply, key)
        self._order.append(kept)
        if len(self._order) > MAX_ANSWERED:
            self._drop_oldest()

    def _sweep(self, now: float) -> None:
        """Takes out what has had its time."""
        self._sweep_at = now + SWEEP
        order, pending = self._order, self._pending
        while order and order[0][0] <= now - WINDOW:
            self._drop_oldest()
        for key in list(takewhile(lambda key: pending[key] <= now - GIVEN_UP, pending)):
            del pending[key]

    def _drop_oldest(self) -> None:
        oldest = self._order.popleft()
        if self._answered.get(oldest[2]) is oldest:
            del self._answered[oldest[2]]
