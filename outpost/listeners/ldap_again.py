"""Binds and searches that came before as they come now: answered without reading more than their message ID.

Who a bind is of is kept only until the directory changes, and only if nobody had to be asked and no control was sent.
Whether the credentials are still good is asked each time, as it is where a bind is read. A search that was answered is
answered again by `Reads`, to whom may still read.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from outpost.bounded import Bounded
from outpost.directory.snapshot import Directory
from outpost.listeners.ldap_binds import Binds, Bound
from outpost.listeners.ldap_reads import Reads
from outpost.outcome import Identity
from outpost.telemetry import Telemetry
from protocols.ldap.again import BIND, encode_messages, question
from protocols.ldap.events import BindReceived
from protocols.ldap.session import LDAPSession

MOST_BINDS = 20_000
"""About 10 MB."""

Place = tuple[str, bool, bytes]
"""From where, over TLS or not, and a digest of what was sent."""


class _Kept(NamedTuple):
    """`Bound` without the password, which is what the request ends with."""

    password_octets: int
    holds: Callable[[], bool]
    identity: Identity
    provider: int
    not_after: float
    by_policies: bool


class Again:
    """``key``: 32 octets of this process, so that no password can be guessed by what is kept of it."""

    def __init__(self, key: bytes, binds: Binds, reads: Reads, directory: Directory, telemetry: Telemetry) -> None:
        self._key = key
        self._binds = binds
        self._reads = reads
        self._telemetry = telemetry
        self._decisions = telemetry.decisions
        self._kept: Bounded[Place, _Kept] = Bounded(MOST_BINDS)
        directory.follow(lambda snapshot, touched: self._kept.clear())

    def answer(self, octets: bytes, session: LDAPSession[Bound], peer: str) -> bytes | None:
        """To what has come in, if it is one request of a session at rest; None: it has to be read."""
        asked = question(octets)
        if asked is None or not session.at_rest:
            return None
        message_id, tag, content = asked
        try:
            if tag == BIND:
                bound = self._bound(content, session.secure, peer)
                return None if bound is None else session.bound_again(message_id, bound)
            known = self._reads.again(content, session.identity, session.secure)
            return None if known is None else encode_messages(message_id, known)
        except Exception:
            self._telemetry.fault("ldap again")
            return None

    def _bound(self, content: bytes, secure: bool, peer: str) -> Bound | None:
        kept = self._kept.get((peer, secure, self._digest(content)))
        if kept is None or not kept.holds():
            return None
        password_octets, _, identity, provider, not_after, by_policies = kept
        if self._telemetry.knocks.open:
            self._binds.answered(provider)
        self._decisions["ldap", "accepted"] += 1
        return Bound(identity, provider, content[-password_octets:].decode(), False, not_after, by_policies)

    def remember(self, event: BindReceived, bound: Bound | None, secure: bool, peer: str) -> None:
        """Who a bind is of that nobody was asked about."""
        if bound is None or not event.content or not event.content.endswith(event.password):
            return
        holds = self._binds.standing(event, secure, peer)
        if holds is not None:
            identity, provider, _, _, not_after, by_policies = bound
            kept = _Kept(len(event.password), holds, identity, provider, not_after, by_policies)
            self._kept[peer, secure, self._digest(event.content)] = kept

    def _digest(self, content: bytes) -> bytes:
        """The key stands in front: to BLAKE2 that is as good as its keyed mode, and takes half of the time."""
        return blake2b(self._key + content).digest()
