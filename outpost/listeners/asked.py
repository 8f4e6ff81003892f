"""Requests that are asked about in another language than HTTP/1.1: what the forward-auth door takes for an exchange,
and the connections on which they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.exchange import PLAIN, Exchange
from outpost.listeners.forward_auth import ForwardAuth
from outpost.listeners.limits import Connections
from outpost.outcome import NO_MORE
from outpost.telemetry import Telemetry
from protocols.proxy.http1_plain import RequestReceived
from protocols.proxy.trust import by_name

Fields = list[tuple[bytes, bytes]]


class Asked(Exchange):
    """``answered`` is called with this, the status, header fields and body. ``fields``: names in lower case.
    Once it has not raised, it is called no more."""

    __slots__ = ("_answered",)

    def __init__(
        self,
        peer: str,
        method: bytes,
        target: bytes,
        host: bytes,
        fields: Iterable[tuple[bytes, bytes]],
        answered: Callable[[Asked, int, Fields, bytes], None],
    ) -> None:
        self._connection = None
        self._answered: Callable[[Asked, int, Fields, bytes], None] | None = answered
        named = {name: tuple(values) for name, values in by_name(fields).items()}
        self.request = RequestReceived(method, target, named, "1.1", host, 0, True, False, b"")
        self.peer, self.port, self.server, self.secure = peer, 0, ("", 0), False
        self.path = target.partition(b"?")[0]
        self.begun = False
        self.identity = None
        self.known = None
        self.grounds = NO_MORE

    @property
    def gone(self) -> bool:
        return self._answered is None

    def respond(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        if self._answered is not None:
            self._answered(self, status, _fields(fields), body)
            self._answered = None  # and not before: what goes wrong in it is answered by `fail`

    def fail(self) -> None:
        self.respond(500, PLAIN, b"Internal Server Error")

    @property
    def spent_authorization(self) -> bool:
        """Was the Authorization header for us, and let somebody in?"""
        return self.identity is not None and self.known is None


def _fields(lines: bytes) -> Fields:
    """Of what `field_lines` made."""
    split = (line.partition(b": ") for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, _, value in split]


class AskedConnection(Conversation):
    """``_opened`` is called once it is admitted."""

    def __init__(self, owner: AskedFactory) -> None:
        self._owner = owner
        self.deadline = 0.0

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        self.peer: str = getattr(transport.getPeer(), "host", "")
        if not self._owner.connections.admit(self):
            self._owner.telemetry.discarded("http", self.peer, "too_many_connections")
            self.abort()
            return
        transport.registerProducer(self, True)
        self._opened()

    def _opened(self) -> None:
        raise NotImplementedError

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._owner.connections.leave(self)
        cast(Any, self.transport).unregisterProducer()

    def abort(self) -> None:
        cast(Any, self.transport).abortConnection()

    def pauseProducing(self) -> None:
        """What is answered is not taken: nothing more is read."""
        cast(Any, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        cast(Any, self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """connectionLost follows."""


class AskedFactory(Factory):
    """In front of the forward-auth door."""

    noisy = False
    connection: ClassVar[type[AskedConnection]]

    def __init__(self, door: ForwardAuth, clock: IReactorTime, telemetry: Telemetry) -> None:
        self.door = door
        self.clock = cast(Any, clock)
        self.telemetry = telemetry
        self.connections = Connections(clock, brings_others=door.trusts)

    def buildProtocol(self, addr: IAddress | None) -> AskedConnection:
        return self.connection(self)
