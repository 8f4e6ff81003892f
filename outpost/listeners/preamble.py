"""Connections that come through a proxy: a trusted one may say in front of everything whose they are.

Whoever reads that then hands the connection on, so that the door behind pays nothing for it.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.limits import Connections, turn_away
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.proxy import preamble
from protocols.proxy.trust import TrustedPeers

PATIENCE = 30.0
"""Seconds for the first octets, as the doors behind have for the first message."""


class FirstOctets(Conversation):
    """Reads no further than it must to know who the client is, then is replaced."""

    def __init__(self, owner: ProxiedFactory, peer: str) -> None:
        self._owner = owner
        self._received = b""
        self.peer = peer
        self.deadline = owner.clock.seconds() + PATIENCE

    def connectionMade(self) -> None:
        if not self._owner.connections.admit(self):
            self._owner.telemetry.discarded(self._owner.name, self.peer, "too_many_connections")
            turn_away(self.transport, self._owner.farewell)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        try:
            found = preamble.read(self._received)
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded(self._owner.name, self.peer, error.reason)
            self.abort()
            return
        if found is not None:
            self._owner.connections.leave(self)
            self._hand_on(found)

    def _hand_on(self, found: preamble.Preamble) -> None:
        transport = cast(Any, self.transport)
        address = transport.getPeer()
        if found.client is not None:
            kind = IPv6Address if ":" in found.client else IPv4Address
            address = kind("TCP", found.client, getattr(address, "port", 0))
        door = self._owner.behind.buildProtocol(address)
        if door is None:
            self.abort()
            return
        transport.protocol = door
        door.makeConnection(transport)
        rest = self._received[found.size :]
        if rest:
            door.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._owner.connections.leave(self)

    def abort(self) -> None:
        cast(Any, self.transport).abortConnection()


class ProxiedFactory(Factory[Any]):
    """In front of a door: ``behind`` makes its connections, which take the client's address from `buildProtocol`.

    ``name`` is the door's, for what is counted; ``farewell`` is what it says to one connection too many. Whoever is not
    trusted is taken at their word by nobody: they talk to the door itself.
    """

    noisy = False

    def __init__(
        self,
        behind: Factory[Any],
        trusted: TrustedPeers,
        clock: IReactorTime,
        telemetry: Telemetry,
        name: str,
        farewell: bytes = b"",
    ) -> None:
        self.behind = behind
        self.clock = clock
        self.telemetry = telemetry
        self.name = name
        self.farewell = farewell
        self.connections = Connections(clock, brings_others=trusted.is_trusted)
        self._trusted = trusted

    def buildProtocol(self, addr: IAddress | None) -> Any:
        peer = str(getattr(addr, "host", ""))
        return FirstOctets(self, peer) if self._trusted.is_trusted(peer) else self.behind.buildProtocol(addr)

    def doStart(self) -> None:
        self.behind.doStart()

    def doStop(self) -> None:
        self.behind.doStop()
