"""How many connections, and how long they may be silent: the bounds that every TCP door needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime, ISSLTransport
from twisted.internet.task import LoopingCall

MAX_CONNECTIONS = 10_000
"""In all, of one door. Descriptors for the link, the other doors and the disk must be left over."""
MAX_CONNECTIONS_OF_PEER = 2_000
"""From one address. Pools of many applications may stand behind one; a stranger must not take every place."""
SWEEP_INTERVAL = 1.0
"""Seconds between looks at the deadlines; a timer for each connection would cost more than the requests."""


class Watched(Protocol):
    """An open connection."""

    peer: str
    deadline: float
    """On the door's clock, when its patience ends."""

    def abort(self) -> None:
        """Ends the connection at once; it then leaves."""


class Connections:
    """The open connections of one door. ``clock`` only counts seconds; it need not be the wall's. ``looked``
    is called after each look at the deadlines."""

    def __init__(
        self,
        clock: IReactorTime,
        most: int = MAX_CONNECTIONS,
        most_of_peer: int = MAX_CONNECTIONS_OF_PEER,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        self._most = most
        self._most_of_peer = most_of_peer
        self._open: set[Watched] = set()
        self._of_peer: Counter[str] = Counter()
        self._clock = clock
        self._looked = looked
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._open)

    def admit(self, connection: Watched) -> bool:
        """Is there room? If so, the connection is watched until it leaves."""
        if len(self._open) >= self._most or self._of_peer[connection.peer] >= self._most_of_peer:
            return False
        self._open.add(connection)
        self._of_peer[connection.peer] += 1
        if not self._sweeping.running:
            self._sweeping.start(SWEEP_INTERVAL, now=False)
        return True

    def leave(self, connection: Watched) -> None:
        """Does nothing for a connection that was never admitted."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._of_peer[connection.peer] -= 1
        if not self._of_peer[connection.peer]:
            del self._of_peer[connection.peer]
        if not self._open:
            self._sweeping.stop()

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for connection in [connection for connection in self._open if connection.deadline <= now]:
            connection.abort()
        self._looked()


def turn_away(transport: Any, farewell: bytes) -> None:
    """Ends a connection for which there is no room, and which nobody watches.

    Over TLS, before the handshake, nothing can be said, and a peer that never shakes hands would stay for ever.
    """
    if farewell and not ISSLTransport.providedBy(transport):
        transport.write(farewell)
        transport.loseConnection()
    else:
        transport.abortConnection()
