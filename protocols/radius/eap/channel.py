"""The server's end of one TLS connection, in memory: OpenSSL between what came and what goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto

from protocols.errors import RemoteProtocolError
from protocols.radius.eap import alert
from protocols.radius.eap.hello import ClientHello, session_given

MAX_READ = 65_536  # octets of application data in one message
AT_ONCE = 16_384  # octets of a TLS record; to the allocator, room for four of them is a reason to tidy up
LABEL_1_3 = b"EXPORTER_EAP_TLS_Key_Material"
"""RFC 9190 section 2.3 and RFC 9427 section 2.1: the EAP type is its context."""
MSK_SIZE, EXPORTED_1_3 = 64, 128
SERVER_SECRET = b"SERVER_TRAFFIC_SECRET_0"

UNVERIFIED = {
    9: "certificate_not_current",  # X509_V_ERR_CERT_NOT_YET_VALID
    10: "certificate_not_current",  # X509_V_ERR_CERT_HAS_EXPIRED
    23: "certificate_revoked",  # X509_V_ERR_CERT_REVOKED
    26: "certificate_not_for_clients",  # X509_V_ERR_INVALID_PURPOSE
}
"""What OpenSSL finds wrong with a peer's certificate, as a code of `rules.reasons`; 0 is nothing, and of all else
the authority is to blame."""


class TlsFailed(RemoteProtocolError):
    """The handshake, or a record, was refused; the alert that says so is in `Channel.output`."""


class Channel:
    """``connection``: a fresh one with memory BIOs, in accept state."""

    def __init__(self, connection: SSL.Connection) -> None:
        self.established = False
        self.session_id = b""
        """Of a TLS 1.2 session that can be resumed; known when our first flight is out."""
        self._connection = connection
        self._first = True

    def receive(self, message: bytes) -> None:
        """Takes in TLS records. Raises TlsFailed."""
        try:
            if message:
                self._connection.bio_write(message)
            if not self.established:
                self._connection.do_handshake()
                self.established = True
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise TlsFailed(_sentence(error), self._refusal()) from error

    def read(self) -> bytes:
        """The application data that has come. Raises TlsFailed."""
        found = b""
        try:
            while len(found) < MAX_READ:
                found += self._connection.recv(AT_ONCE)
        except SSL.WantReadError:
            return found
        except (SSL.ZeroReturnError, SSL.Error) as error:
            raise TlsFailed(_sentence(error), "eap_tls_failed") from error
        raise TlsFailed("too much application data", "eap_tls_failed")

    def refusal(self) -> bytes:
        """The alert that says that the peer is not let in, in place of what else was to go out; then all is over.

        Empty for whoever resumes on TLS 1.2: they have finished last, so that for them the method is over, and they
        would discard another Request (RFC 4137 section 4) and wait.
        """
        self.output()
        if not self.is_1_3:
            return b"" if self.resumed else alert.PLAIN
        secret = (self._connection.get_app_data() or {}).get(SERVER_SECRET)
        suite = self._connection.get_cipher_name()
        return alert.sealed(suite, secret) if secret and suite in alert.SUITES else b""

    def write(self, octets: bytes) -> None:
        self._connection.sendall(octets)

    def output(self) -> bytes:
        """The records that are to go out now."""
        found = piece = self._taken()
        while len(piece) == AT_ONCE:
            found += (piece := self._taken())
        if self._first and found:
            self._first = False
            if not self.is_1_3:  # which repeats whatever id the peer has made up
                self.session_id = session_given(found)
        return found

    def _taken(self) -> bytes:
        """As much as there is, or `AT_ONCE` octets of it."""
        try:
            return self._connection.bio_read(AT_ONCE)
        except SSL.WantReadError:
            return b""

    @property
    def is_1_3(self) -> bool:
        return self._connection.get_protocol_version() == SSL.TLS1_3_VERSION

    @property
    def resumed(self) -> bool:
        return bool(SSL._lib.SSL_session_reused(self._connection._ssl))  # type: ignore[attr-defined]

    def msk(self, kind: int, label: bytes) -> bytes:
        """64 octets. ``kind``: the EAP type; ``label``: the one for TLS 1.2."""
        if self.is_1_3:
            return self.exported(LABEL_1_3, EXPORTED_1_3, bytes((kind,)))[:MSK_SIZE]
        return self.exported(label, MSK_SIZE)

    def exported(self, label: bytes, size: int, context: bytes | None = None) -> bytes:
        """Keying material of RFC 5705."""
        return bytes(self._connection.export_keying_material(label, size, context))

    def peer_chain(self) -> tuple[bytes, ...]:
        """DER of the certificates that the peer has shown, its own first; of a resumed session only that one."""
        leaf = self._connection.get_peer_certificate()
        if leaf is None:
            return ()
        first = _der(leaf)
        chain = map(_der, self._connection.get_peer_cert_chain() or ())
        return (first, *(other for other in chain if other != first))

    def _refusal(self) -> str:
        """Why a handshake failed: a code of `rules.reasons`."""
        found = SSL._lib.SSL_get_verify_result(self._connection._ssl)  # type: ignore[attr-defined]
        return UNVERIFIED.get(found, "untrusted_certificate") if found else "eap_tls_failed"

    def keep_session(self) -> None:
        """Call when all went well: OpenSSL forgets the session of a connection that is dropped without goodbye."""
        self._connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)


Connect = Callable[[ClientHello], Channel]
"""Makes our end for a peer that begins so; raises TlsFailed."""


def keep_server_secret(connection: SSL.Connection, line: bytes) -> None:
    """For `Channel.refusal`: as the callback of a context that has lines for a key log (RFC 9850 section 2)."""
    label, _, secret = line.split(b" ")
    if label == SERVER_SECRET:
        connection.set_app_data({label: bytes.fromhex(secret.decode())})


def accepting(context: SSL.Context) -> Channel:
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    return Channel(connection)


def _der(certificate: crypto.X509) -> bytes:
    return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)


def _sentence(error: Any) -> str:
    """OpenSSL's own words, such as ``certificate has expired``."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(sorted({str(entry[-1]) for entry in queue if entry})) or type(error).__name__
