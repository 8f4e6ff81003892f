"""How many connections, and how long they may be silent: the bounds that every TCP door needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from resource import RLIMIT_NOFILE, getrlimit
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime, ISSLTransport
from twisted.internet.task import LoopingCall

from rules.places import host

MAX_CONNECTIONS = 10_000
"""In all, of one door. Descriptors for the link, the other doors and the disk must be left over."""
MAX_CONNECTIONS_OF_HOST = 2_000
"""From one host. Pools of many applications may stand behind one; a stranger must not take every place. A trusted proxy
brings everybody's, and has no other bound than that in all."""
SWEEP_INTERVAL = 1.0
"""Seconds between looks at the deadlines; a timer for each connection would cost more than the requests."""


SHARE = 4
"""A door's connections take at most this part of the descriptors that the process may have open."""


def nobody(peer: str) -> bool:
    return False


def most_of_door(descriptors: int) -> tuple[int, int]:
    """Connections in all, and from one host. ``descriptors``: as getrlimit(2) says; less than none is no limit."""
    room = descriptors // SHARE if descriptors >= 0 else MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, room), min(MAX_CONNECTIONS_OF_HOST, room // 2)


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
        most: int | None = None,
        most_of_host: int | None = None,
        looked: Callable[[], None] = lambda: None,
        brings_others: Callable[[str], bool] = nobody,
    ) -> None:
        """What is not given follows from how many descriptors the process may have open. ``brings_others``: is this
        peer a proxy, whose connections are not one host's?"""
        in_all, of_host = most_of_door(getrlimit(RLIMIT_NOFILE)[0])
        self._most = in_all if most is None else most
        self._most_of_host = of_host if most_of_host is None else most_of_host
        self._open: dict[Watched, str] = {}
        """To their hosts."""
        self._of_host: Counter[str] = Counter()
        self._clock = clock
        self._looked = looked
        self._brings_others = brings_others
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._open)

    def admit(self, connection: Watched) -> bool:
        """Is there room? If so, the connection is watched until it leaves."""
        origin = host(connection.peer)
        if len(self._open) >= self._most:
            return False
        if self._of_host[origin] >= self._most_of_host and not self._brings_others(connection.peer):
            return False
        self._open[connection] = origin
        self._of_host[origin] += 1
        if not self._sweeping.running:
            self._sweeping.start(SWEEP_INTERVAL, now=False)
        return True

    def leave(self, connection: Watched) -> None:
        """Does nothing for a connection that was never admitted."""
        origin = self._open.pop(connection, None)
        if origin is None:
            return
        self._of_host[origin] -= 1
        if not self._of_host[origin]:
            del self._of_host[origin]

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for connection in [connection for connection in self._open if connection.deadline <= now]:
            connection.abort()
        self._looked()
        if not self._open:  # not when the last one leaves: to begin anew with the next costs more than to admit it
            self._sweeping.stop()


def turn_away(transport: Any, farewell: bytes) -> None:
    """Ends a connection for which there is no room, and which nobody watches.

    Over TLS, before the handshake, nothing can be said, and a peer that never shakes hands would stay for ever.
    """
    if farewell and not ISSLTransport.providedBy(transport):
        transport.write(farewell)
        transport.loseConnection()
    else:
        transport.abortConnection()
