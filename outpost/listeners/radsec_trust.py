"""Who may speak RADIUS over TLS: NAS with a certificate of their provider's authority, and with a name that is known.

One context for all, for nobody has said yet who they are; which authority it must be is looked at after the handshake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from outpost.directory.snapshot import Snapshot
from outpost.listeners.client_trust import ask_for_certificate, certificates
from outpost.listeners.nas import nas_of
from outpost.listeners.tls import server_context
from protocols.link.messages import CertificateRecord, RadiusSettings
from protocols.radius.nas import Nas
from protocols.radius.stream import SECRET

NOBODY = SSL.Context(SSL.TLS_SERVER_METHOD)
"""Without a certificate, every handshake fails."""
MOST_NAMES = 20
"""Of one certificate that are looked for."""


@dataclass(frozen=True, slots=True)
class Line:
    nas: Nas
    authorities: tuple[bytes, ...]
    """DER of those that may vouch for its certificate."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Never changes; a new configuration makes a new one. ``lines``: by the name in the certificate, lower case."""

    lines: dict[str, tuple[Line, ...]]
    certificate: CertificateRecord | None
    """That we show."""
    authorities: str
    """PEM of all."""
    revocations: str = ""
    """PEM of the lists that there are."""

    def nas_of(self, chain: Iterable[x509.Certificate]) -> Nas | None:
        """The NAS whose verified chain this is, the leaf first and who vouches for it last."""
        certificates = list(chain)
        if len(certificates) < 2:
            return None
        anchor = certificates[-1].public_bytes(Encoding.DER)
        for name in list(names_in(certificates[0]))[:MOST_NAMES]:
            for line in self.lines.get(name.lower(), ()):
                if anchor in line.authorities:
                    return line.nas
        return None


def names_in(leaf: x509.Certificate) -> list[str]:
    """Host names; the common name only where there are no other names at all (RFC 6125 section 6.4.4): people's
    certificates come from the same authority, and people may be called as a NAS is."""
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(one.value) for one in leaf.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)]
    except ValueError:
        return []
    return [str(name) for name in alternatives.get_values_for_type(x509.DNSName)]


def trust_of(
    snapshot: Snapshot,
    own: Callable[[str | None], CertificateRecord | None],
    default: Callable[[], CertificateRecord | None],
) -> Trust:
    """``own``: what a provider that chose this certificate shows."""
    lines: dict[str, tuple[Line, ...]] = {}
    authorities, revocations, shown = "", "", None
    for provider in sorted(snapshot.providers.values(), key=lambda one: one.pk):
        settings = provider.settings
        if not isinstance(settings, RadiusSettings) or not settings.client_authorities:
            continue
        named = [one for one in settings.nas if one.radsec_name]
        if not named:
            continue
        trusted = tuple(one.public_bytes(Encoding.DER) for one in certificates(settings.client_authorities))
        authorities += settings.client_authorities
        revocations += settings.client_revocations
        shown = shown or own(settings.certificate)
        for one in named:
            line = Line(nas_of(one, provider.pk, settings, SECRET), trusted)
            key = one.radsec_name.lower()
            lines[key] = (*lines.get(key, ()), line)
    return Trust(lines, shown or default(), authorities, revocations)


@implementer(IOpenSSLServerConnectionCreator)
class RadSecTls:
    """``trust`` may be replaced whenever the configuration changes."""

    def __init__(self) -> None:
        self.trust = Trust({}, None, "")
        self._made: tuple[Trust, SSL.Context] | None = None

    def serverConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """While there is nobody who may speak, no handshake ends well."""
        return SSL.Connection(self._context(), None)

    def _context(self) -> SSL.Context:
        if self._made is None or self._made[0] is not self.trust:
            shown = self.trust.certificate
            made = _context(shown, self.trust) if shown and self.trust.lines else NOBODY
            self._made = (self.trust, made)
        return self._made[1]


def _context(certificate: CertificateRecord, trust: Trust) -> SSL.Context:
    context = server_context(certificate)
    ask_for_certificate(context, trust.authorities, trust.revocations)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return context
