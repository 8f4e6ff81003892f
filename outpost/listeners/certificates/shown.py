"""Which certificate is shown to whom: by the name that a client asks for (SNI, RFC 6066 s3), of the newest revision.

A pair in the watched folder stands for the certificate of the same name that control has, and is shown for the names
in it. One called ``default`` is shown where there is nothing better than the generated one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography import x509

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.tls import Asked
from protocols.link.messages import CertificateRecord, LdapSettings, ProviderRecord, ProxySettings, RadiusSettings

DEFAULT = "default"


class ShownCertificates:
    """Follows a directory, so that a renewed certificate is shown from the next handshake on.

    ``files``: what the watched folder holds now, by name. Publish the directory again when that changes.
    """

    def __init__(self, directory: Directory, files: Callable[[], Mapping[str, CertificateRecord]] = dict) -> None:
        self.generated: CertificateRecord | None = None
        """The self-signed one or the files' default, for whoever has none of their own."""
        self._files = files
        self._asked = False
        self._of_ldap: CertificateRecord | None = None
        self._by_name: dict[str, CertificateRecord] = {}
        self._by_pk: dict[str, CertificateRecord] = {}
        directory.follow(self._follow)

    def at(self, server_name: str) -> CertificateRecord | None:
        """For a client that asks for this name; "": for none."""
        return self._named(server_name) or self.generated

    def at_ldap(self, server_name: str) -> CertificateRecord | None:
        """The same at the LDAP door, where many clients name nobody: the one certificate that its providers have."""
        return self._named(server_name) or self._of_ldap or self.generated

    def own(self, pk: str | None) -> CertificateRecord | None:
        """What a provider that chose this certificate shows; None: it has none of its own."""
        return self._by_pk.get(pk or "")

    def of_radius(self, settings: RadiusSettings) -> CertificateRecord | None:
        """For EAP with this provider."""
        return self.own(settings.certificate) or self.generated

    def every(self) -> dict[str, CertificateRecord]:
        """By name. Those of files stand for their namesakes."""
        mine = {one.name: one for one in self._by_pk.values()}
        return mine | dict(self._files())

    def asked_of_clients(self) -> Asked:
        """May clients of LDAP show certificates of their own? Any will do."""
        return () if self._asked else None

    def _named(self, server_name: str) -> CertificateRecord | None:
        name = server_name.lower().rstrip(".")
        return self._by_name.get(name) or self._by_name.get(f"*.{name.partition('.')[2]}")

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if not (touched.everything or touched.configuration):
            return
        files, providers = self._files(), list(snapshot.providers.values())
        ldap = [(one, one.settings) for one in providers if isinstance(one.settings, LdapSettings)]
        self._asked = any(settings.client_certificates for _, settings in ldap)
        known = {pk: files.get(one.name, one) for pk, one in snapshot.certificates.items()}
        self._by_pk = known
        chosen = [(one, own) for one in providers if (own := self.own(one.settings.certificate)) is not None]
        theirs = {one.settings.certificate for one in providers}
        generated = next((one for pk, one in sorted(known.items()) if pk not in theirs), None)
        self.generated = files.get(DEFAULT, generated)
        names = {name: one for _, one in chosen for name in _names_in(one)}
        names |= {name: one for provider, one in chosen for name in _names_of(provider)}
        self._by_name = names | {name: one for one in files.values() for name in _names_in(one)}
        of_ldap = {id(one): one for provider, _ in ldap if (one := self._certificate_of(provider)) is not None}
        self._of_ldap = next(iter(of_ldap.values())) if len(of_ldap) == 1 else None

    def _certificate_of(self, provider: ProviderRecord) -> CertificateRecord | None:
        named = (found for name in _names_of(provider) if (found := self._named(name)) is not None)
        return self.own(provider.settings.certificate) or next(named, None)


@lru_cache(maxsize=200)
def ends_at(pem: str) -> float | None:
    """Of the leaf, seconds since the epoch; None: it cannot be read, which its handshakes tell of."""
    try:
        return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def _names_of(provider: ProviderRecord) -> Iterable[str]:
    """Under which a provider is to be found."""
    match provider.settings:
        case LdapSettings(tls_server_name=name) if name:
            return (name.lower().rstrip("."),)
        case ProxySettings(external_host=url) if host := urlsplit(url).hostname:
            return (host,)
    return ()


def _names_in(certificate: CertificateRecord) -> Iterator[str]:
    """Host names that it is for; none if it cannot be read: the handshake then says why."""
    try:
        leaf = x509.load_pem_x509_certificate(certificate.certificate.encode())
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return
    yield from (name.lower() for name in alternatives.get_values_for_type(x509.DNSName))
