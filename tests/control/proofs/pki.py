"""Certificates for tests: an authority, what it issues, and what it revokes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.certificates import revocations

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


class Authority:
    """``above`` issues its certificate; without one it does so itself. ``may_issue`` False: it is none after all."""

    def __init__(self, name: str, now: float, above: Authority | None = None, may_issue: bool = True) -> None:
        self.now = datetime.fromtimestamp(now, UTC)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = above or self
        self.certificate = (
            self._builder(
                self.name, issuer.name, self.key, self.now - timedelta(days=1), self.now + timedelta(days=900)
            )
            .add_extension(x509.BasicConstraints(ca=may_issue, path_length=None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )

    def issue(
        self,
        common_name: str = "alice",
        alternatives: Sequence[x509.GeneralName] = (),
        uses: Sequence[ObjectIdentifier] | None = (CLIENT,),
        begins: float = -3600,
        ends: float = 3600,
    ) -> x509.Certificate:
        """``begins`` and ``ends`` in seconds from now."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
        key = ec.generate_private_key(ec.SECP256R1())
        begin, end = (self.now + timedelta(seconds=seconds) for seconds in (begins, ends))
        builder = self._builder(subject, self.name, key, begin, end)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=not common_name)
        if uses is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoking(self, *certificates: x509.Certificate, signed_by: Authority | None = None) -> str:
        """A revocation list, PEM."""
        return revocations(self.name, (signed_by or self).key, self.now, *certificates)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )


def principal(name: str) -> x509.OtherName:
    """What Windows writes for a user."""
    octets = name.encode()
    return x509.OtherName(UPN, bytes((0x0C, len(octets))) + octets)
