"""RADIUS over TLS (RadSec, RFC 6614): NAS that show a certificate, with logins and accounting on one stream."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.interfaces import IAddress, IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.limits import Connections
from outpost.listeners.radius import RadiusListener
from outpost.listeners.radius_accounting import AccountingListener
from outpost.listeners.radsec_trust import RadSecTls, Trust
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.radius.declining import StreamExchange
from protocols.radius.duplicates import Peer
from protocols.radius.nas import OneNas
from protocols.radius.packet import Code
from protocols.radius.stream import PacketStream

PROTOCOL = "radius"
HANDSHAKE_TIMEOUT = 30.0
"""Seconds for TLS, until it is known who speaks."""
PACKET_TIMEOUT = 30.0
"""Seconds for the rest of a packet that has begun: who sends an octet now and then takes no place for long."""
SEND_TIMEOUT = 30.0
"""Seconds for answers that are not read."""
IDLE_TIMEOUT = 900.0
"""Seconds without a packet; proxies ask with Status-Server every minute."""
MOST_OF_HOST = 100
"""Connections from one host: a NAS has one, a proxy a few."""
ENDING = frozenset({"malformed", "bad_message_authenticator", "bad_request_authenticator"})
"""Discards that end the connection (RFC 6613 section 2.6.4): no line garbles what TLS carries, so whoever sends this
cannot be understood any further."""


class RadSecLogins(RadiusListener):
    """Requests of all connections: each is from the one NAS whose connection it is."""

    exchange = StreamExchange

    def hear(self, packet: bytes, connection: RadSecConnection) -> None:
        self._exchange.table = connection.table
        self.datagramReceived(packet, connection.place)

    def _discarded(self, peer: Peer, reason: str, text: str) -> None:
        super()._discarded(peer, reason, text)
        cast(Any, self.transport).discarded(peer, reason)

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """There are no addresses to look up."""


class RadSecAccounting(AccountingListener):
    def hear(self, packet: bytes, connection: RadSecConnection) -> None:
        self._exchange.table = connection.table
        self.datagramReceived(packet, connection.place)

    def _discarded(self, peer: Peer, reason: str, text: str) -> None:
        super()._discarded(peer, reason, text)
        cast(Any, self.transport).discarded(peer, reason)

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """As above."""


@implementer(IHandshakeListener, IPushProducer)
class RadSecConnection(Protocol):
    """``table`` is None until the handshake has shown who speaks, and after the end; nothing is heard then."""

    def __init__(self, owner: RadSecFactory) -> None:
        self._owner = owner
        self._packets = PacketStream()
        self.table: OneNas | None = None
        self.peer = ""
        self.place: Peer = ("", 0)
        self.deadline = owner.clock.seconds() + HANDSHAKE_TIMEOUT
        self._unread = False

    def connectionMade(self) -> None:
        address = cast(Any, self.transport).getPeer()
        self.peer, self.place = address.host, (address.host, address.port)
        cast(Any, self.transport).registerProducer(self, True)
        if not self._owner.connections.admit(self):
            self._owner.telemetry.discarded(PROTOCOL, self.peer, "too_many_connections")
            self.abort()

    def handshakeCompleted(self) -> None:
        chain = cast(Any, self.transport).getHandle().get_verified_chain(as_cryptography=True)
        nas = self._owner.tls.trust.nas_of(chain or ())
        if nas is None:
            self._owner.telemetry.discarded(PROTOCOL, self.peer, "unknown_radsec_client")
            self.abort()
            return
        self.table = OneNas(nas)
        self._owner.known[self.place] = self
        self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT

    def dataReceived(self, data: bytes) -> None:
        if self.table is None:
            return
        try:
            packets = self._packets.receive(data)
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded(PROTOCOL, self.peer, error.reason, str(error))
            self.abort()
            return
        for packet in packets:
            if self.table is not None:
                self._owner.hear(packet, self)
        if self._unread:
            return
        if self._packets.is_whole:
            self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT
        elif packets or self.deadline > self._owner.clock.seconds() + PACKET_TIMEOUT:
            self.deadline = self._owner.clock.seconds() + PACKET_TIMEOUT

    def pauseProducing(self) -> None:
        """Whoever does not read answers is asked for no more questions, and not waited for long."""
        self._unread = True
        self.deadline = self._owner.clock.seconds() + SEND_TIMEOUT
        cast(Any, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        self._unread = False
        self.deadline = self._owner.clock.seconds() + IDLE_TIMEOUT
        cast(Any, self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """The connection is gone."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._owner.connections.leave(self)
        if self._owner.known.get(self.place) is self:
            del self._owner.known[self.place]

    def abort(self) -> None:
        self.table = None
        cast(Any, self.transport).abortConnection()


class RadSecFactory(Factory[RadSecConnection]):
    """``transport`` of its two listeners: what they send goes to the connection that it answers."""

    noisy = False

    def __init__(
        self,
        logins: RadSecLogins,
        accounting: RadSecAccounting,
        directory: Directory,
        telemetry: Telemetry,
        clock: IReactorTime,
        tls: RadSecTls,
        trust: Any,
    ) -> None:
        self.clock = clock
        self.telemetry = telemetry
        self.tls = tls
        self.connections = Connections(clock, most_of_host=MOST_OF_HOST)
        self.known: dict[Peer, RadSecConnection] = {}
        self._logins = logins
        self._accounting = accounting
        self._trust = trust
        for listener in (logins, accounting):
            listener.makeConnection(cast(Any, self))
        directory.follow(self._follow)

    def buildProtocol(self, addr: IAddress | None) -> RadSecConnection:
        return RadSecConnection(self)

    def hear(self, packet: bytes, connection: RadSecConnection) -> None:
        listener = self._accounting if packet[0] == Code.ACCOUNTING_REQUEST else self._logins
        listener.hear(packet, connection)

    def write(self, octets: bytes, peer: Peer) -> None:
        """As a datagram's transport. An answer to a connection that is gone goes nowhere."""
        connection = self.known.get(peer)
        if connection is not None:
            cast(Any, connection.transport).write(octets)

    def discarded(self, peer: Peer, reason: str) -> None:
        connection = self.known.get(peer)
        if connection is not None and reason in ENDING:
            connection.abort()

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """Who was trusted by what no longer holds has to show it again."""
        if not (touched.everything or touched.configuration):
            return
        trust: Trust = self._trust(snapshot)
        if trust != self.tls.trust:
            self.tls.trust = trust
            for connection in list(self.known.values()):
                connection.abort()
