"""TLS for the doors: the certificate is looked up for each connection, so that a renewed one needs no restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from protocols.link.messages import CertificateRecord


class NoCertificate(Exception):
    """The snapshot holds no certificate to show."""


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the TLS side of accepted connections. ``certificate`` gives the one to show now, or None."""

    def __init__(self, certificate: Callable[[], CertificateRecord | None]) -> None:
        self._certificate = certificate
        self._made: tuple[CertificateRecord, SSL.Context] | None = None

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Raises NoCertificate; Twisted then drops the connection."""
        return SSL.Connection(self._context(), None)

    def _context(self) -> SSL.Context:
        certificate = self._certificate()
        if certificate is None:
            raise NoCertificate
        if self._made is None or self._made[0] is not certificate:
            self._made = (certificate, server_context(certificate))
        return self._made[1]


def server_context(certificate: CertificateRecord) -> SSL.Context:
    """TLS 1.2 or newer. Raises SSL.Error or ValueError for a certificate that does not fit its key."""
    context: Any = SSL.Context(SSL.TLS_SERVER_METHOD)  # its stubs know the deprecated types alone
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    leaf, *chain = x509.load_pem_x509_certificates(certificate.certificate.encode())
    context.use_certificate(leaf)
    for one in chain:
        context.add_extra_chain_cert(one)
    context.use_privatekey(load_pem_private_key(certificate.key.encode(), None))
    context.check_privatekey()
    made: SSL.Context = context
    return made
