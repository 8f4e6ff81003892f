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

from outpost.telemetry import Telemetry
from protocols.link.messages import CertificateRecord

ALERTS = {
    40: "the two sides have no cipher in common",
    42: "the client finds the certificate bad",
    43: "the client does not take this kind of certificate",
    44: "the client has the certificate as revoked",
    45: "the client finds the certificate expired",
    46: "the client does not accept the certificate",
    48: "the client does not know the authority of the certificate",
    51: "the two sides disagree about the keys",
    70: "the client's version of TLS is too old",
    80: "the other side has a fault",
    112: "the client asks for another name than the certificate has",
    116: "the client shows no certificate",
}
"""What a fatal alert says (RFC 8446, section 6.2)."""
MOST_CONTEXTS = 100
"""Certificates whose contexts are kept; past it the memory starts again."""
CLOSED, DECODE_ERROR = 0, 50
"""close_notify: somebody left, and nothing is wrong; and what OpenSSL says to whoever leaves earlier."""


Shown = Callable[[str], CertificateRecord | None]
"""From the name that a client asks for ("": none) to the certificate that it is shown, if there is any."""


Asked = tuple[str, ...] | None
"""Authorities, PEM, of which a client may show a certificate, so that browsers with none of theirs ask nobody; empty:
any will do. None: no client is asked."""


class NoCertificate(Exception):
    """The snapshot holds no certificate to show."""


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """Makes the TLS side of accepted connections. ``certificate`` gives the one to show now.

    ``asks``: which certificates of their own clients may show. Whoever wants to know what these are worth asks control;
    the handshake shows that the key is theirs.

    Handshakes that fail are knocks: a client that does not trust the certificate says so here and nowhere else.
    """

    def __init__(
        self, certificate: Shown, telemetry: Telemetry | None = None, asks: Callable[[], Asked] = lambda: None
    ) -> None:
        self._certificate = certificate
        self._asks = asks
        self._telemetry = telemetry
        self._made: dict[tuple[str, Asked], tuple[CertificateRecord, SSL.Context]] = {}

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Raises NoCertificate; Twisted then drops the connection."""
        connection = SSL.Connection(self._context(""), None)
        connection.set_app_data(tlsProtocol)
        return connection

    def _context(self, server_name: str) -> SSL.Context:
        certificate = self._certificate(server_name)
        if certificate is None:
            raise NoCertificate
        asked = self._asks()
        place = certificate.pk, asked
        made = self._made.get(place)
        if made is None or made[0] is not certificate:
            context = server_context(certificate)
            context.set_tlsext_servername_callback(self._asked_for)
            if self._telemetry is not None:
                context.set_info_callback(self._happened)
            if asked is not None:
                _ask_for_certificates(context, asked)
            if len(self._made) >= MOST_CONTEXTS:
                self._made.clear()
            made = self._made[place] = (certificate, context)
        return made[1]

    def _asked_for(self, connection: SSL.Connection) -> None:
        """The client's first word may name whom it wants to reach. Whatever is wrong leaves the certificate that is
        shown without a name: the client then says what it thinks of it."""
        asked = connection.get_servername()
        try:
            context = self._context(asked.decode("ascii")) if asked else None
        except (NoCertificate, SSL.Error, ValueError, TypeError):
            return
        if context is not None:
            connection.set_context(context)

    def _happened(self, connection: SSL.Connection, where: int, value: int) -> None:
        """OpenSSL tells of every step. After the handshake nobody listens: ``app_data`` is let go."""
        tls: Any = connection.get_app_data()
        if tls is None or self._telemetry is None:
            return
        if where & SSL.SSL_CB_HANDSHAKE_DONE:
            connection.set_app_data(None)
            if self._telemetry.knocks.open:
                self._telemetry.answered("tls", _host(tls))
        elif where & SSL.SSL_CB_ALERT and not _is_no_failure(connection, value & 0xFF):
            why = ALERTS.get(value & 0xFF, f"alert {value & 0xFF}")
            self._telemetry.knocked("tls", _host(tls), why=why)


def _is_no_failure(connection: SSL.Connection, alert: int) -> bool:
    """Also whoever goes without a word: load balancers look whether a port is open."""
    said_nothing = alert == DECODE_ERROR and not any(connection.client_random() or b"")
    return alert == CLOSED or said_nothing


def _ask_for_certificates(context: SSL.Context, asked: tuple[str, ...]) -> None:
    """Whatever is shown is taken: what it is worth is looked at where it matters.

    Sessions are not resumed: OpenSSL would not bring back the whole chain with them.
    """
    context.set_verify(SSL.VERIFY_PEER, lambda connection, certificate, error, depth, ok: True)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    for_clients: Any = context  # its stubs know the deprecated types alone
    for authority in asked:
        for_clients.add_client_ca(x509.load_pem_x509_certificate(authority.encode()))


def _host(tls: TLSMemoryBIOProtocol) -> str:
    return str(getattr(tls.getPeer(), "host", ""))


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
