"""Keys, and self-signed certificates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_BITS = 2048
VALID_DAYS = 365
LONGEST_VALID_DAYS = 36_500
"""A century; dates end with the year 9999."""
BACKDATED = timedelta(hours=1)
"""So that a client whose clock is a little behind believes it at once."""
SERIAL_BYTES = 19
"""RFC 5280, 4.1.2.2: positive, at most 20 octets."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    certificate: str
    """PEM."""
    key: str = field(repr=False)
    """PEM, PKCS #8."""


def self_signed(
    common_name: str,
    names: Sequence[str],
    now: float,
    random: Callable[[int], bytes],
    days: int = VALID_DAYS,
    algorithm: str = "rsa",
) -> KeyPair:
    """A certificate for these host names and addresses. ``algorithm`` is rsa or ecdsa (P-256).

    RSA takes a tenth of a second or more.
    """
    from cryptography import x509  # X.509 is loaded only when a certificate is made
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = new_key(algorithm)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begins = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(random(SERIAL_BYTES), "big") | 1)
        .not_valid_before(begins - BACKDATED)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pem_of(certificate, key)


def new_key(algorithm: str) -> Key:
    """``algorithm`` is rsa or ecdsa (P-256)."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if algorithm == "rsa":
        return rsa.generate_private_key(65537, RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Host names and addresses."""
    from cryptography import x509

    addresses = [(name, _address(name)) for name in names]
    return [x509.DNSName(name) if address is None else x509.IPAddress(address) for name, address in addresses]


def pem_of(certificate: x509.Certificate, key: Key) -> KeyPair:
    from cryptography.hazmat.primitives import serialization

    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
