"""How connections to applications behind us are made: by name, over TCP or TLS."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.ssl import optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from outpost.listeners.upstream import CONNECT_TIMEOUT
from outpost.listeners.upstreams import Connect, Place


def dialling(reactor: Any) -> Connect:
    def connect(place: Place, factory: Factory) -> Deferred[Any]:
        endpoint = HostnameEndpoint(reactor, place.host.encode("idna"), place.port, timeout=CONNECT_TIMEOUT)
        if place.scheme == "https":
            made = optionsForClientTLS(place.host) if place.verified else Unverified(place.host)
            return wrapClientTLS(made, endpoint).connect(factory)
        return endpoint.connect(factory)

    return connect


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """Whatever certificate is shown: the operator has said so (``internal_host_ssl_validation``)."""

    def __init__(self, host: str) -> None:
        self._host = host.encode("idna")
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_verify(SSL.VERIFY_NONE)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._host)
        return connection
