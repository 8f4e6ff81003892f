"""Whom an outpost takes for control: by authorities or pinned keys; and the certificate that it shows of itself."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from outpost.listeners.dialling import END_OF_CERTIFICATE, Showing, Unverified, only
from settings import Settings

UNUSABLE = (OSError, ValueError, TypeError, SSL.Error, crypto.Error)
"""What files bring that are not there, half written, or do not fit."""


class NotControl(Exception):
    """Whoever answers has another key than the pinned ones."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Without anything: the machine's authorities are believed, and the name must fit.

    ``pins``: control shows one of these keys or certificates (`settings.kinds.PINS`). Whoever has the key needs no name
    and no authority; with ``ca_file``, the certificate must come from there as well.
    """

    ca_file: Path | None = None
    pins: tuple[str, ...] = ()
    insecure: bool = False
    """Whoever answers is taken for control, unless there are pins."""
    certificate: Path | None = None
    """Shown to a control that asks for one. PEM."""
    key: Path | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Trust:
        return cls(
            ca_file=settings.ca_file,
            pins=settings.host_pins,
            insecure=settings.insecure,
            certificate=settings.client_certificate,
            key=settings.client_key,
        )

    def creator(self, hostname: str) -> IOpenSSLClientConnectionCreator:
        """Reads the files. Raises `UNUSABLE`."""
        root = _trust_in(self.ca_file) if self.ca_file is not None else None
        creator: Any
        if self.pins:
            creator = Pinned(hostname, self.pins, root)
        elif self.insecure:
            creator = Unverified(hostname)
        else:
            creator = optionsForClientTLS(hostname, trustRoot=root)
        if self.certificate is None:
            return creator  # type: ignore[no-any-return]
        return Showing(creator, self.certificate.read_text(), (self.key or self.certificate).read_text())

    def stamp(self) -> tuple[object, ...]:
        """Another one whenever a file is. Raises OSError."""
        files = [path.stat() for path in (self.ca_file, self.certificate, self.key) if path is not None]
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in files)


@implementer(IPolicyForHTTPS)
class ControlPolicy:
    """What was renewed counts from the next connection on; while a file cannot be used, what it held before does.

    The first look is taken at once: raises `UNUSABLE`.
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._stamp = trust.stamp()
        self._creators: dict[bytes, IOpenSSLClientConnectionCreator] = {}
        """By host name; there are as many as addresses of control."""
        trust.creator("localhost")

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """Raises OSError."""
        try:
            stamp = self._trust.stamp()
            if stamp != self._stamp or hostname not in self._creators:
                made = self._trust.creator(hostname.decode("ascii"))
                if stamp != self._stamp:
                    self._creators.clear()
                self._creators[hostname], self._stamp = made, stamp
        except UNUSABLE as error:
            if hostname not in self._creators:
                raise OSError(f"certificates for the way to control cannot be used: {error}") from error
        return self._creators[hostname]


@implementer(IOpenSSLClientConnectionCreator)
class Pinned:
    """``root``: authorities that the certificate must come from as well; None: the pin is enough."""

    def __init__(self, hostname: str, pins: tuple[str, ...], root: Any) -> None:
        self._unpinned = Unverified(hostname, CertificateOptions(trustRoot=root))
        self._pins = frozenset(pins)
        self._is_issued = root is not None

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        def check(_: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
            if depth == 0 and self._pins.isdisjoint(shown := pins_of(certificate.to_cryptography())):
                tlsProtocol.failVerification(Failure(NotControl(OTHER_KEY.format(shown[0]))))
                return False
            return bool(ok) or not self._is_issued

        connection = self._unpinned.clientConnectionForTLS(tlsProtocol)
        connection.set_verify(SSL.VERIFY_PEER, check)
        return connection


OTHER_KEY = (
    "whoever answers shows the key {}, which OUTPOST_HOST_PINS does not name. If control has a new key, add it there; "
    "if not, somebody stands between"
)


def pins_of(leaf: x509.Certificate) -> tuple[str, str]:
    """Of its key, as curl writes it; of the certificate, in hexadecimal digits. Both are SHA-256."""
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    of_key = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"sha256//{of_key}", hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()


def _trust_in(path: Path) -> Any:
    authorities = path.read_text()
    if END_OF_CERTIFICATE not in authorities:
        raise ValueError(f"{path} holds no certificate; it must be PEM")
    return only(authorities)
