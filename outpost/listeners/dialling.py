"""How connections to applications behind us are made: by name, over TCP or TLS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from outpost.listeners.lean_tls import OverTls
from outpost.listeners.upstream import CONNECT_TIMEOUT
from outpost.listeners.upstreams import Connect, Place

END_OF_CERTIFICATE = "-----END CERTIFICATE-----"


def dialling(reactor: Any) -> Callable[[Place], Connect]:
    def dial(place: Place) -> Connect:
        @cache
        def way() -> tuple[Any, Any]:
            plain = HostnameEndpoint(reactor, place.host.encode("idna"), place.port, timeout=CONNECT_TIMEOUT)
            return plain, tls_towards(place) if place.scheme == "https" else None

        def connected(factory: Factory) -> Any:
            plain, tls = way()
            if tls is None:
                return plain.connect(factory)
            made = plain.connect(OverTls(tls, isClient=True, wrappedFactory=factory, clock=reactor))
            return made.addCallback(lambda over_tls: over_tls.wrappedProtocol)

        def connect(factory: Factory) -> Deferred[Any]:
            return maybeDeferred(connected, factory)

        return connect

    return dial


def tls_towards(place: Place) -> Any:
    """Raises crypto.Error, SSL.Error or ValueError for certificates or a key that cannot be used."""
    creator: Any
    if not place.verified:
        creator = Unverified(place.host)
    elif place.authorities:
        creator = optionsForClientTLS(place.host, trustRoot=only(place.authorities))
    else:
        creator = optionsForClientTLS(place.host)
    return Showing(creator, place.certificate, place.key) if place.key else creator


def only(authorities: str) -> Any:
    """Trust in those of this PEM, and in nobody else. Raises crypto.Error."""
    parts = authorities.split(END_OF_CERTIFICATE)[:-1]
    return trustRootFromCertificates([Certificate.loadPEM((part + END_OF_CERTIFICATE).encode()) for part in parts])


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """Whatever certificate the other side shows: the operator has said so (``internal_host_ssl_validation``)."""

    def __init__(self, host: str, options: CertificateOptions | None = None) -> None:
        self._host = host.encode("idna")
        self._context = (options or CertificateOptions()).getContext()

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_tlsext_host_name(self._host)
        return connection


@implementer(IOpenSSLClientConnectionCreator)
class Showing:
    """A certificate of ours goes with every connection that ``creator`` makes. PEM, the certificate and its key.

    Raises ValueError when they do not fit.
    """

    def __init__(self, creator: Any, certificate: str, key: str) -> None:
        self._creator = creator
        self._certificate = x509.load_pem_x509_certificate(certificate.encode())
        self._key: Any = load_pem_private_key(key.encode(), None)
        if self._key.public_key() != self._certificate.public_key():
            raise ValueError("the key does not belong to the certificate")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection: Any = self._creator.clientConnectionForTLS(tlsProtocol)
        connection.use_certificate(self._certificate)
        connection.use_privatekey(self._key)
        made: SSL.Connection = connection
        return made
