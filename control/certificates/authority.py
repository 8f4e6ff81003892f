"""A small private authority: certificates for people's devices and for servers, and what was revoked (RFC 5280)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from control.certificates.making import BACKDATED, SERIAL_BYTES, KeyPair, general_names, new_key, pem_of

if TYPE_CHECKING:
    from cryptography import x509

    from control.certificates.making import Key

AUTHORITY_DAYS = 3650
"""Longer than devices live: a new authority has to be brought to each of them."""
LIST_DAYS = 30
"""After which whoever has a revocation list looks for a newer one."""
UPN = "1.3.6.1.4.1.311.20.2.3"
"""The other name in which Windows looks for whose a certificate is."""
KDF_ROUNDS = 100_000


class CannotIssue(ValueError):
    """The text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom or what. ``principal``, ``mail``: of a person; ``hosts``: names and addresses of a server."""

    common_name: str
    principal: str = ""
    mail: str = ""
    hosts: Sequence[str] = field(default_factory=tuple)


def new_authority(
    common_name: str, now: float, random: Callable[[int], bytes], days: int = AUTHORITY_DAYS, algorithm: str = "ecdsa"
) -> KeyPair:
    """Signed by itself. It may issue certificates, and no further authorities."""
    from cryptography import x509  # X.509 is loaded only when a certificate is made
    from cryptography.hazmat.primitives import hashes

    key = new_key(algorithm)
    name = _name(common_name)
    certificate = (
        _builder(name, name, now, days, random)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pem_of(certificate, key)


def issue(
    authority: KeyPair,
    subject: Subject,
    now: float,
    random: Callable[[int], bytes],
    days: int,
    algorithm: str,
    lists: str = "",
) -> KeyPair:
    """For a server if the subject has hosts, else for a client. The authority's certificate follows in the PEM.

    ``lists``: the address of the authority's revocation list; empty: it says none. Raises CannotIssue.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    above, signing = _authority(authority)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if subject.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    key = new_key(algorithm)
    builder = _builder(_name(subject.common_name), above.subject, now, days, random, above.not_valid_after_utc)
    builder = builder.public_key(key.public_key())
    if names := _names(subject):
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if lists:
        place = x509.DistributionPoint([x509.UniformResourceIdentifier(lists)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([place]), critical=False)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, key_encipherment=algorithm == "rsa"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    made = pem_of(certificate, key)
    return KeyPair(made.certificate + authority.certificate.strip() + "\n", made.key)


def revocation_list(authority: KeyPair, revoked: Iterable[tuple[int, float]], now: float) -> str:
    """PEM. ``revoked``: serial numbers, and since when. Raises CannotIssue."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return _revocation_list(authority, revoked, now).public_bytes(Encoding.PEM).decode()


def revocation_list_der(authority: KeyPair, revoked: Iterable[tuple[int, float]], now: float) -> bytes:
    """As `revocation_list`, as RFC 5280 section 4.2.1.13 wants it at an address."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return _revocation_list(authority, revoked, now).public_bytes(Encoding.DER)


def _revocation_list(
    authority: KeyPair, revoked: Iterable[tuple[int, float]], now: float
) -> x509.CertificateRevocationList:
    """The same octets for the same arguments, whoever asks: outposts see that nothing has changed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    above, signing = _authority(authority)
    at = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(above.subject)
        .last_update(at)
        .next_update(at + timedelta(days=LIST_DAYS))
        .add_extension(x509.CRLNumber(int(now)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    for serial, since in revoked:
        when = datetime.fromtimestamp(since, UTC).replace(microsecond=0)
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
        builder = builder.add_revoked_certificate(entry)
    deterministic = True if isinstance(signing, ec.EllipticCurvePrivateKey) else None
    return builder.sign(signing, hashes.SHA256(), ecdsa_deterministic=deterministic)


def pkcs12(pair: KeyPair, name: str, password: str) -> bytes:
    """Certificate, its chain and the key in one file, as devices import it (RFC 7292), encrypted with AES-256."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat, load_pem_private_key
    from cryptography.hazmat.primitives.serialization.pkcs12 import PBES, serialize_key_and_certificates

    leaf, *chain = x509.load_pem_x509_certificates(pair.certificate.encode())
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(KDF_ROUNDS)
        .key_cert_algorithm(PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    key = load_pem_private_key(pair.key.encode(), None)
    return serialize_key_and_certificates(name.encode(), key, leaf, chain, encryption)  # type: ignore[arg-type]


def may_issue(pem: str) -> bool:
    """Is it the certificate of an authority?"""
    from cryptography import x509

    try:
        above = x509.load_pem_x509_certificates(pem.encode())[0]
        return above.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound):
        return False


def serial_of(pem: str) -> int:
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem.encode())[0].serial_number


def ends(pem: str) -> float:
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc.timestamp()


def _authority(pair: KeyPair) -> tuple[x509.Certificate, Key]:
    """Raises CannotIssue."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not pair.key or not may_issue(pair.certificate):
        raise CannotIssue("This is not an authority whose private key is here. Make one, or import one with its key.")
    key = load_pem_private_key(pair.key.encode(), None)
    return x509.load_pem_x509_certificates(pair.certificate.encode())[0], key  # type: ignore[return-value]


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    now: float,
    days: int,
    random: Callable[[int], bytes],
    most: datetime | None = None,
) -> x509.CertificateBuilder:
    """``most``: nothing outlives its authority. Raises CannotIssue."""
    from cryptography import x509

    begins = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    until = min(begins + timedelta(days=days), most or datetime.max.replace(tzinfo=UTC))
    if until <= begins:
        raise CannotIssue("The authority's own certificate has expired. Make a new authority.")
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(int.from_bytes(random(SERIAL_BYTES), "big") | 1)
        .not_valid_before(begins - BACKDATED)
        .not_valid_after(until)
    )


def _names(subject: Subject) -> list[x509.GeneralName]:
    from cryptography import x509

    found = general_names(subject.hosts)
    if subject.principal:
        octets = subject.principal.encode()
        if len(octets) < 128:  # a short length in DER; longer names are in the common name only
            found.append(x509.OtherName(x509.ObjectIdentifier(UPN), bytes((0x0C, len(octets))) + octets))
    if subject.mail.isascii() and "@" in subject.mail:
        found.append(x509.RFC822Name(subject.mail))
    return found


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(**wanted: bool) -> x509.KeyUsage:
    from cryptography import x509

    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in every})
