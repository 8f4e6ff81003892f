"""Certificates for tests: a small authority, and what it issues. Keys are P-256, because making RSA ones is slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from protocols.link.messages import CertificateRecord

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CLIENT, SERVER_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: Key

    @cached_property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @cached_property
    def key_pem(self) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @cached_property
    def record(self) -> CertificateRecord:
        return CertificateRecord("c" * 32, "test", self.pem, self.key_pem)


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    usage: Sequence[x509.ObjectIdentifier] = (),
    names: Sequence[x509.GeneralName] = (),
    valid: tuple[timedelta, timedelta] = (-DAY, 30 * DAY),
    bits: int = 0,
    authority: bool = False,
) -> Issued:
    """Signed by ``issuer``, or an authority signed by itself. ``bits``: of an RSA key; 0: P-256. ``authority``: may
    issue, too."""
    key: Key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + valid[0])
        .not_valid_after(NOW + valid[1])
        .add_extension(x509.BasicConstraints(ca=authority or issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is not None:
        signer = issuer.key.public_key()
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def revocations(issuer: x509.Name, key: Key, now: datetime, *revoked: x509.Certificate) -> str:
    """A revocation list, PEM; ``key`` signs it."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(now).next_update(now + DAY)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number).revocation_date(now)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


AUTHORITY = issue("Test authority")
SERVER = issue("radius.example.com", AUTHORITY, usage=[SERVER_AUTH], names=[x509.DNSName("radius.example.com")])
