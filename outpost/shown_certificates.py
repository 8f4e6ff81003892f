"""Which certificate is shown to whom: by the name that a client asks for (SNI, RFC 6066 s3), of the newest revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from cryptography import x509

from outpost.directory.snapshot import Directory, Snapshot, Touched
from protocols.link.messages import CertificateRecord, LdapSettings, ProviderRecord, ProxySettings


class ShownCertificates:
    """Follows a directory, so that a renewed certificate is shown from the next handshake on."""

    def __init__(self, directory: Directory) -> None:
        self.generated: CertificateRecord | None = None
        """The self-signed one, for whoever has none of their own."""
        self._asked = False
        self._of_ldap: CertificateRecord | None = None
        self._by_name: dict[str, CertificateRecord] = {}
        directory.follow(self._follow)

    def at(self, server_name: str) -> CertificateRecord | None:
        """For a client that asks for this name; "": for none."""
        name = server_name.lower().rstrip(".")
        return self._by_name.get(name) or self._by_name.get(f"*.{name.partition('.')[2]}") or self.generated

    def at_ldap(self, server_name: str) -> CertificateRecord | None:
        """The same at the LDAP door, where many clients name nobody: the one certificate that its providers have."""
        found = self.at(server_name)
        return self._of_ldap or found if found is self.generated else found

    def asked_of_clients(self) -> bool:
        """May clients of LDAP show certificates of their own?"""
        return self._asked

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        if not (touched.everything or touched.configuration):
            return
        served = [provider.settings for provider in snapshot.providers.values()]
        self._asked = any(isinstance(one, LdapSettings) and one.client_certificates for one in served)
        known = snapshot.certificates
        chosen = [
            (provider, certificate)
            for provider in snapshot.providers.values()
            if (certificate := known.get(provider.settings.certificate or "")) is not None
        ]
        theirs = {certificate.pk for _, certificate in chosen}
        self.generated = next((one for pk, one in sorted(known.items()) if pk not in theirs), None)
        of_ldap = {one.pk: one for provider, one in chosen if isinstance(provider.settings, LdapSettings)}
        self._of_ldap = next(iter(of_ldap.values())) if len(of_ldap) == 1 else None
        names = {name: one for one in known.values() if one.pk in theirs for name in _names_in(one)}
        self._by_name = names | {name: one for provider, one in chosen for name in _names_of(provider)}


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
