"""Writes go to the socket first and to Twisted's buffer only for the rest (DESIGN D2).

Twisted queues every write, asks the poll for readiness, and sends on its next round: three system calls where one
nearly always does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection

from outpost.listeners.answering import AnsweringPort
from outpost.reactor import LeanReactor, Write

Send = Callable[[bytes, tuple[str, int]], object]


def direct_write(transport: Any) -> Write:
    """``transport.write``, past its buffer where that is possible: on a TCP connection with nothing waiting.

    Nobody may write there in any other way.
    """
    if not isinstance(transport, Connection):
        return transport.write  # type: ignore[no-any-return]  # TLS, or a transport in memory
    connection: Any = transport
    send = connection.socket.send

    def at_once(data: bytes) -> None:
        if connection.dataBuffer or connection._tempDataLen or connection.disconnecting or not connection.connected:
            connection.write(data)
            return
        try:
            sent = send(data)
        except OSError:  # full, or broken: Twisted finds out which, and tells the protocol
            sent = 0
        if sent < len(data):
            connection.write(data[sent:])

    reactor = connection.reactor
    if not isinstance(reactor, LeanReactor):
        return at_once

    def write(data: bytes) -> None:
        held = reactor.held
        if held is None:
            at_once(data)
        else:
            held.append((at_once, data))

    return write


def direct_end(transport: Any) -> None:
    """``transport.loseConnection()``, at once where that is possible: on a TCP connection with nothing waiting.

    Twisted asks the poll for readiness to write nothing, and ends it on its next round.
    """
    if not isinstance(transport, Connection):
        transport.loseConnection()  # TLS, which has a farewell, or a transport in memory
        return
    connection: Any = transport

    def at_once(nothing: bytes = b"") -> None:
        if connection.dataBuffer or connection._tempDataLen or connection.disconnecting or not connection.connected:
            connection.loseConnection()
        else:
            connection.connectionLost(connectionDone)

    reactor = connection.reactor
    held = reactor.held if isinstance(reactor, LeanReactor) else None
    if held is None:
        at_once()
    else:
        held.append((at_once, b""))  # behind what was said


def direct_send(transport: Any) -> Send:
    """``transport.write`` of datagrams, past its checks of an address that a datagram has just come from.

    What is returned raises OSError when a datagram cannot be sent now.
    """
    if isinstance(transport, AnsweringPort):
        return transport.answer
    return lambda octets, peer: transport.write(octets, peer)  # a transport in memory
