"""One question to control, believing exactly whom the outpost believes (`outpost.link.trust`), without a reactor:
Twisted's TLS stands on a socket that waits."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

AT_ONCE = 65_536
MOST_OCTETS = 64 * 1024
"""Of an answer; the one that is wanted has some hundred."""
END_OF_HEAD = b"\r\n\r\n"


def head_of_answer(one: socket.socket, question: bytes, creator: IOpenSSLClientConnectionCreator | None) -> bytes:
    """What is answered, at least to the end of its head; ``creator``: over TLS. Raises OSError, or what ended the
    connection before."""
    answer = _Answer(question)
    protocol: Any = answer
    clock = Clock()
    if creator is not None:
        factory = TLSMemoryBIOFactory(creator, True, Factory.forProtocol(lambda: answer), clock)
        protocol = factory.buildProtocol(None)
    wire = _Wire(one)
    protocol.makeConnection(wire)
    while not answer.is_whole and not wire.ended:
        clock.advance(0)
        if not (octets := one.recv(AT_ONCE)):
            break
        protocol.dataReceived(octets)
    if not answer.is_whole:  # TLS has a better reason, where it was the one to end it
        protocol.connectionLost(Failure(ConnectionResetError("it closed the connection")))
        answer.why_ended.raiseException()
    return answer.octets


class _Answer(Protocol):
    def __init__(self, question: bytes) -> None:
        self.octets = b""
        self.why_ended = Failure(ConnectionResetError("it gave no reason"))
        self._question = question

    def connectionMade(self) -> None:
        if self.transport is not None:
            self.transport.write(self._question)

    def dataReceived(self, data: bytes) -> None:
        self.octets += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.why_ended = reason or self.why_ended

    @property
    def is_whole(self) -> bool:
        return END_OF_HEAD in self.octets or len(self.octets) > MOST_OCTETS


@implementer(ITransport)
class _Wire:
    """``ended``: nothing more comes, or is wanted."""

    def __init__(self, one: socket.socket) -> None:
        self.ended = False
        self._one = one

    def write(self, data: bytes) -> None:
        self._one.sendall(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.ended = True

    def abortConnection(self) -> None:
        self.ended = True

    def getPeer(self) -> Any:
        return None

    def getHost(self) -> Any:
        return None
