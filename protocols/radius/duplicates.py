"""Duplicate detection (RFC 5080 section 2.2.2): a NAS that heard nothing sends the same request again.

While the first is being decided its copies are dropped; afterwards they get the same octets once more. So a
retransmission never asks again: no second hash, no second use of a one-time code.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

Peer = tuple[str, int]
"""Address and port."""

Key = int
"""Stands for a peer and every octet of its packet: a NAS that uses an authenticator twice asks two things, and what was
said to the one is no answer to the other. See `key_of`."""

WINDOW = 10.0  # seconds that a reply is kept (RFC 5080: 5 to 30); many NAS ask again after 5, and are not to be late
GIVEN_UP = 30.0  # seconds after which no NAS waits any more; a later decision is not sent
MAX_PENDING = 16_384  # requests being decided; FreeRADIUS' max_requests
MAX_ANSWERED = 65_536  # replies kept, about 35 MB; beyond it the oldest go before their time
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
        # About in the order of their times, so that sweeping only looks at the front. Not dict: the front of one that
        # is eaten from there takes ever longer to find.
        self._kept: OrderedDict[Key, tuple[float, bytes | None]] = OrderedDict()
        """When a request came, and None; or from when on its copies get which reply."""
        self._pending = 0
        self._sweep_at = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    def receive(self, key: Key, now: float) -> bytes | State:
        """The kept reply, or what is known of the request; a new one is pending from now on."""
        if now >= self._sweep_at:
            self._sweep(now)
        kept = self._kept.get(key)
        if kept is not None:
            at, reply = kept
            if now < at + (GIVEN_UP if reply is None else WINDOW):
                return _PENDING if reply is None or now < at else reply
            self._drop(key, reply)
        if self._pending >= MAX_PENDING:
            return State.REFUSED
        self._kept[key] = (now, None)
        self._pending += 1
        return _NEW

    def is_pending(self, key: Key) -> bool:
        kept = self._kept.get(key)
        return kept is not None and kept[1] is None

    def answered(self, key: Key, reply: bytes, not_before: float) -> bool:
        """Copies get ``reply`` from ``not_before`` on; until then they count as pending.

        False: the request waits for no reply, or for none any more, and nothing is kept.
        """
        kept = self._kept.get(key)
        if kept is None or kept[1] is not None:
            return False
        self._kept[key] = (not_before, reply)
        self._pending -= 1
        if len(self._kept) - self._pending > MAX_ANSWERED:
            self._make_room()
        return True

    def forget(self, key: Key) -> None:
        """The request stays unanswered; its next copy is new."""
        if self.is_pending(key):
            self._drop(key, None)

    def _drop(self, key: Key, reply: bytes | None) -> None:
        del self._kept[key]
        self._pending -= reply is None

    def _sweep(self, now: float) -> None:
        """Takes out what has had its time. Who is still being decided goes behind the others, to be looked at later."""
        self._sweep_at = now + SWEEP
        kept = self._kept
        for _ in range(len(kept)):
            key = next(iter(kept))
            at, reply = kept[key]
            if at > now - WINDOW:
                return
            if reply is None and at > now - GIVEN_UP:
                kept.move_to_end(key)
            else:
                self._drop(key, reply)

    def _make_room(self) -> None:
        kept = self._kept
        while kept[next(iter(kept))][1] is None:
            kept.move_to_end(next(iter(kept)))
        kept.popitem(last=False)
