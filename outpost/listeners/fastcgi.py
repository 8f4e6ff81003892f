"""FastCGI in the Authorizer role, as Apache's mod_authnz_fcgi asks: a port of its own, in front of the forward-auth
door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.asked import Asked, Fields
from outpost.listeners.forward_auth import ForwardAuth
from outpost.listeners.limits import Connections
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.proxy.conventions import TOLD
from protocols.proxy.fastcgi import FastCgiConnection, Question, variable

IDLE_TIMEOUT = 75.0
"""Seconds without a question."""
BUSY_TIMEOUT = 60.0
"""Seconds without an octet while one has begun to come, or waits for its answer."""
_SAID_ANEW = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"host"))
_MEANT_FOR_US = frozenset((b"Cache-Control",))


class FastCgiAuthorizer(Conversation):
    def __init__(self, owner: FastCgiFactory) -> None:
        self._owner = owner
        self._fastcgi = FastCgiConnection()
        self.deadline = 0.0

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self.peer: str = getattr(transport.getPeer(), "host", "")
        if not self._owner.connections.admit(self):
            self._owner.telemetry.discarded("http", self.peer, "too_many_connections")
            self.abort()
            return
        transport.registerProducer(self, True)
        self._wait()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._owner.connections.leave(self)
        cast(Any, self.transport).unregisterProducer()

    def dataReceived(self, data: bytes) -> None:
        try:
            for question in self._fastcgi.receive_data(data):
                self._open(question)
            self._send(b"")
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded("http", self.peer, error.reason)
            self.abort()
        except Exception:
            self._owner.telemetry.fault("fastcgi")
            self.abort()

    def _open(self, question: Question) -> None:
        said = question.variables
        method = said.get(b"REQUEST_METHOD", b"")
        asked = Asked(
            self.peer,
            method if method.isascii() else b"",
            said.get(b"REQUEST_URI", b""),
            said.get(b"HTTP_HOST", b""),
            _headers(said),
            partial(self._answer, question),
        )
        self._owner.door.answer(asked, "", TOLD)

    def _answer(self, question: Question, asked: Asked, status: int, fields: Fields, body: bytes) -> None:
        if status == TOLD.allowed:
            fields = [variable(name, value) for name, value in fields if name not in _MEANT_FOR_US]
        self._send(self._fastcgi.answer(question, status, fields, body))

    def _send(self, data: bytes) -> None:
        transport = cast(Any, self.transport)
        data, self._fastcgi.unsent = self._fastcgi.unsent + data, b""
        if data:
            transport.write(data)
        if self._fastcgi.must_close:
            transport.loseConnection()
        self._wait()

    def _wait(self) -> None:
        self.deadline = self._owner.clock.seconds() + (IDLE_TIMEOUT if self._fastcgi.idle else BUSY_TIMEOUT)

    def abort(self) -> None:
        cast(Any, self.transport).abortConnection()

    def pauseProducing(self) -> None:
        """What is answered is not taken: nothing more is read."""
        cast(Any, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        cast(Any, self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """connectionLost follows."""


def _headers(said: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The browser's, from variables; scheme and address are the web server's own word."""
    for name, value in said.items():
        if name.startswith(b"HTTP_"):
            header = name[5:].replace(b"_", b"-").lower()
            if header not in _SAID_ANEW:
                yield header, value
    secure = said.get(b"HTTPS", b"").lower() in (b"on", b"1")
    yield b"x-forwarded-proto", said.get(b"REQUEST_SCHEME") or (b"https" if secure else b"http")
    if said.get(b"REMOTE_ADDR"):
        yield b"x-forwarded-for", said[b"REMOTE_ADDR"]


class FastCgiFactory(Factory):
    noisy = False

    def __init__(self, door: ForwardAuth, clock: IReactorTime, telemetry: Telemetry) -> None:
        self.door = door
        self.clock = cast(Any, clock)
        self.telemetry = telemetry
        self.connections = Connections(clock)

    def buildProtocol(self, addr: IAddress | None) -> FastCgiAuthorizer:
        return FastCgiAuthorizer(self)
