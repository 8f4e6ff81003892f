"""Envoy's external authorization over gRPC: a port of its own, in front of the forward-auth door."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.asked import Asked, Fields
from outpost.listeners.direct import direct_write
from outpost.listeners.forward_auth import ForwardAuth
from outpost.listeners.limits import Connections
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.proxy import ext_authz
from protocols.proxy.conventions import TOLD
from protocols.proxy.grpc import Call, GrpcConnection
from protocols.proxy.protobuf import BadMessage

IDLE_TIMEOUT = 3660.0
"""Seconds without a question; Envoy itself keeps a connection for an hour."""
BUSY_TIMEOUT = 60.0
"""Seconds without a byte while a question has begun to come or waits for its answer."""
UNREADABLE = b"The question cannot be read: it is no CheckRequest of envoy.service.auth.v3.\n"


class ExtAuthzConnection(Conversation):
    def __init__(self, owner: ExtAuthzFactory) -> None:
        self._owner = owner
        self._grpc = GrpcConnection(ext_authz.CHECK)
        self.deadline = 0.0

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        self._send = direct_write(transport)
        self.peer: str = getattr(transport.getPeer(), "host", "")
        if not self._owner.connections.admit(self):
            self._owner.telemetry.discarded("http", self.peer, "too_many_connections")
            self.abort()
            return
        transport.registerProducer(self, True)
        self._flush()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._owner.connections.leave(self)
        cast(Any, self.transport).unregisterProducer()

    def dataReceived(self, data: bytes) -> None:
        try:
            for call in self._grpc.receive_data(data):
                self._open(call)
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded("http", self.peer, error.reason)
            self._flush()
            cast(Any, self.transport).loseConnection()
        except Exception:
            self._owner.telemetry.fault("ext_authz")
            self.abort()
        else:
            self._flush()

    def _open(self, call: Call) -> None:
        """A question that cannot be read is refused, too: an error would let it through where Envoy is told to let
        errors through."""
        try:
            asked = ext_authz.question(call.message)
        except BadMessage:
            self._owner.telemetry.discarded("proxy", self.peer, "bad_forwarding")
            self._grpc.answer(call, ext_authz.denied(400, [], UNREADABLE))
            return
        fields = [field for field in asked.headers if field[0] != b"x-forwarded-for"]
        if asked.client:
            fields.append((b"x-forwarded-for", asked.client.encode("latin-1")))
        if asked.scheme and not any(name == b"x-forwarded-proto" for name, _ in fields):
            fields.append((b"x-forwarded-proto", asked.scheme))
        method = asked.method if asked.method.isascii() else b""
        answered = partial(self._answer, call, asked)
        self._owner.door.answer(Asked(self.peer, method, asked.target, asked.host, fields, answered), "", TOLD)

    def _answer(
        self, call: Call, question: ext_authz.Question, asked: Asked, status: int, fields: Fields, body: bytes
    ) -> None:
        if status == TOLD.allowed:
            said = [field for field in fields if field[0] != b"Cache-Control"]
            message = ext_authz.allowed(question, said, keeps_authorization=not asked.spent_authorization)
        else:
            message = ext_authz.denied(status, fields, body)
        self._grpc.answer(call, message)
        self._flush()

    def _flush(self) -> None:
        data = self._grpc.data_to_send()
        if data:
            self._send(data)
        patience = IDLE_TIMEOUT if self._grpc.idle else BUSY_TIMEOUT
        self.deadline = self._owner.clock.seconds() + patience

    def abort(self) -> None:
        cast(Any, self.transport).abortConnection()

    def pauseProducing(self) -> None:
        """What is answered is not taken: nothing more is read."""
        cast(Any, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        cast(Any, self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """connectionLost follows."""


class ExtAuthzFactory(Factory):
    noisy = False

    def __init__(self, door: ForwardAuth, clock: IReactorTime, telemetry: Telemetry) -> None:
        self.door = door
        self.clock = cast(Any, clock)
        self.telemetry = telemetry
        self.connections = Connections(clock)

    def buildProtocol(self, addr: IAddress | None) -> ExtAuthzConnection:
        return ExtAuthzConnection(self)
