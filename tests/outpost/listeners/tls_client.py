"""The other end of TLS over a transport in memory: OpenSSL's client, and the octets carried to and fro."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from OpenSSL import SSL
from twisted.internet.testing import StringTransport


class TlsClient:
    """Of whatever ``server`` is that speaks TLS over ``wire``; ``newest``: the version of TLS, if not 1.3."""

    def __init__(self, server: Any, wire: StringTransport, newest: int | None = None) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if newest is not None:
            context.set_max_proto_version(newest)
        self.server = server
        self.wire = wire
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()

    def shake_hands(self) -> bytes:
        """What the server says meanwhile."""
        heard = b""
        for _ in range(4):
            with suppress(SSL.WantReadError):
                self.tls.do_handshake()
            self.deliver(self.leaving())
            heard += self.hear()
        return heard

    def encrypted(self, octets: bytes) -> bytes:
        """One record, or as many as it takes."""
        if octets:
            self.tls.sendall(octets)
        return self.leaving()

    def leaving(self) -> bytes:
        found = b""
        try:
            while True:
                found += self.tls.bio_read(65_536)
        except SSL.WantReadError:
            return found

    def deliver(self, octets: bytes) -> None:
        if octets:
            self.server.dataReceived(octets)

    def hear(self) -> bytes:
        """What the server has said since. Raises SSL.ZeroReturnError when all it says is that it is the end."""
        told, _ = self.wire.value(), self.wire.clear()
        if told:
            self.tls.bio_write(told)
        found = b""
        try:
            while True:
                found += self.tls.recv(65_536)
        except SSL.WantReadError:
            return found
        except SSL.ZeroReturnError:
            if not found:
                raise
            return found

    def ask(self, octets: bytes) -> bytes:
        self.deliver(self.encrypted(octets))
        return self.hear()
