"""TLS as Twisted speaks it, with fewer steps for what nearly every message needs (DESIGN D2).

Twisted reads until pyOpenSSL raises that there is no more, twice a message, and pyOpenSSL allocates 32 KiB for each
read: several times what the cryptography costs. Here OpenSSL's own functions are called, with one buffer for everybody.
Handshakes, the end of a connection, and whatever goes otherwise than nearly always are left to Twisted, which begins
where this stopped.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime
from twisted.internet.protocol import Protocol as Conversation
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from outpost.listeners.direct import direct_write
from outpost.reactor import Write

_openssl: Any = Binding.lib
SSL_read, SSL_write = _openssl.SSL_read, _openssl.SSL_write
BIO_read, BIO_write, BIO_get_mem_data = _openssl.BIO_read, _openssl.BIO_write, _openssl.BIO_get_mem_data
NULL: Any = Binding.ffi.NULL

LONGEST_RECORD = 2**14
"""Octets of plaintext (RFC 8446 s5.1)."""
ROOM = 2 * LONGEST_RECORD
"""More than a record, so that no read leaves a part of one inside of OpenSSL, where nobody sees it waiting."""
_buffer: Any = Binding.ffi.new("char[]", ROOM)
_content: Any = Binding.ffi.buffer(_buffer)
"""For the reactor's thread alone; copied before anything else happens."""


_twisted: Any = TLSMemoryBIOProtocol  # without types


class _Records:
    """What records of one connection need. It has slots, since what Twisted and pyOpenSSL have in common is a
    ``__getattr__``, which makes every look at an attribute of theirs a slow one."""

    __slots__ = ("behind", "coming", "leaving", "send", "ssl")

    def __init__(self, connection: Any, send: Write, behind: Any) -> None:
        self.ssl = connection._ssl
        self.coming = connection._into_ssl
        self.leaving = connection._from_ssl
        self.send = send
        self.behind = behind


class LeanTls(TLSMemoryBIOProtocol):
    """What is written is encrypted and sent at once: whoever writes here does not write in crumbs."""

    _records: _Records | None = None
    """None: this is Twisted's. Not before hands are shaken, and not from the beginning of the end on."""
    _handshakeDone: bool
    _tlsConnection: Any
    disconnecting: bool

    def makeConnection(self, transport: Any) -> None:
        self._send = direct_write(transport)
        _twisted.makeConnection(self, transport)

    def dataReceived(self, octets: bytes) -> None:
        records = self._records
        if records is None:
            _twisted.dataReceived(self, octets)
            return
        BIO_write(records.coming, octets, len(octets))
        while self._records is not None and (size := SSL_read(records.ssl, _buffer, ROOM)) > 0:
            records.behind.dataReceived(_content[:size])
            if not BIO_get_mem_data(records.coming, NULL):
                if BIO_get_mem_data(records.leaving, NULL):  # TLS itself has something to say
                    self._flushSendBIO()
                return
        _twisted._flushReceiveBIO(self)  # no whole record, or the end: it asks again, and hears the same

    def write(self, octets: bytes) -> None:
        records, sent = self._records, 0
        if records is not None and 0 < len(octets) <= LONGEST_RECORD:
            sent = SSL_write(records.ssl, octets, len(octets))
            if (size := BIO_read(records.leaving, _buffer, ROOM)) > 0:
                records.send(_content[:size])
        if sent < len(octets):
            _twisted.write(self, octets[max(sent, 0) :])

    def _flushSendBIO(self) -> None:
        leaving = self._tlsConnection._from_ssl
        while (size := BIO_read(leaving, _buffer, ROOM)) > 0:
            self._send(_content[:size])

    # --- from Twisted's way to this one, and back -------------------------------------------------------------------

    def _checkHandshakeStatus(self) -> None:
        _twisted._checkHandshakeStatus(self)
        if self._handshakeDone and not self.disconnecting:
            self._records = _Records(self._tlsConnection, self._send, self.wrappedProtocol)

    def _bufferedWrite(self, octets: bytes) -> None:
        self._records = None
        _twisted._bufferedWrite(self, octets)

    def _shutdownTLS(self) -> None:
        self._records = None
        _twisted._shutdownTLS(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._records = None
        _twisted.connectionLost(self, reason)


class OverTls(TLSMemoryBIOFactory):
    """In front of a door, or of what is said to a server."""

    protocol = LeanTls


def start_tls(conversation: Conversation, creator: IOpenSSLServerConnectionCreator, clock: IReactorTime) -> None:
    """A conversation in the clear, that is its transport's producer, goes on over TLS: its new transport."""
    below: Any = conversation.transport
    below.unregisterProducer()
    nothing_behind: Any = None
    lean: Any = LeanTls
    tls = lean(OverTls(creator, False, nothing_behind, clock), conversation, False)
    tls.makeConnection(below)
    below.protocol = conversation.transport = tls
    tls.registerProducer(conversation, True)
