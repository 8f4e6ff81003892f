"""Certificates and their keys, in PEM."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from control.certificates.authority import CannotIssue, Subject, issue
from control.certificates.making import LONGEST_VALID_DAYS, VALID_DAYS, KeyPair, self_signed
from control.records import Certificate
from control.store.interface import Query, Transaction
from control.verbs.authorities import list_address
from control.verbs.fields import Fields, Invalid, LongText, Name, Uuid, existing, overlaid, parse, unique
from control.verbs.tokens import Random

if TYPE_CHECKING:
    from cryptography import x509

MOST_CERTIFICATES = 16
"""In one chain; real ones have three."""
END_OF_LIST = "-----END X509 CRL-----"
MOST_NAMES = 100
"""Alternative names of a generated certificate."""


def pems(tx: Transaction, pks: Sequence[str]) -> str:
    """Certificates, one after another."""
    found = {one.pk: one for one in tx.select(Certificate, Query(within={"pk": pks}))}
    return "".join(f"{found[pk].certificate_data.strip()}\n" for pk in pks if pk in found)


def certificates_in(pem: str) -> list[x509.Certificate]:
    """The chain, leaf first. Raises ValueError."""
    from cryptography import x509  # X.509 is loaded only where a certificate is looked into
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
        chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("Unable to load certificate.") from None
    if len(chain) > MOST_CERTIFICATES:
        raise ValueError(f"No more than {MOST_CERTIFICATES} certificates.")
    return chain


def revocations_in(pem: str) -> list[x509.CertificateRevocationList]:
    """The revocation lists. Raises ValueError."""
    from cryptography import x509

    parts = [part + END_OF_LIST for part in pem.split(END_OF_LIST)[:-1]]
    if len(parts) > MOST_CERTIFICATES:
        raise ValueError(f"No more than {MOST_CERTIFICATES} revocation lists.")
    try:
        found = [x509.load_pem_x509_crl(part.strip().encode()) for part in parts]
    except ValueError:
        found = []
    if not found:
        raise ValueError("Unable to load revocation list.")
    return found


@lru_cache(16)
def known_certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """As `certificates_in`, for what is asked again and again; empty for an empty text. Raises ValueError."""
    return tuple(certificates_in(pem)) if pem.strip() else ()


@lru_cache(16)
def known_revocations(pem: str) -> tuple[x509.CertificateRevocationList, ...]:
    """As `revocations_in`, likewise: lists may be long. Raises ValueError."""
    return tuple(revocations_in(pem)) if pem.strip() else ()


def _certificate(pem: str) -> str:
    certificates_in(pem)
    return pem + "\n"


def _key(pem: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not pem:
        return ""
    try:
        load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("Unable to load private key (possibly encrypted?).") from None
    return pem + "\n"


class CertificateFields(Fields):
    name: Name
    certificate_data: Annotated[LongText, AfterValidator(_certificate)]
    key_data: Annotated[LongText, AfterValidator(_key)] = ""


class GeneratedFields(Fields):
    common_name: Annotated[str, Field(min_length=1, max_length=64)]
    """RFC 5280, appendix A.1: ub-common-name."""
    subject_alt_name: Annotated[str, Field(max_length=8192)] = ""
    """Host names and addresses, with commas between."""
    validity_days: Annotated[int, Field(ge=1, le=LONGEST_VALID_DAYS)] = VALID_DAYS
    alg: Literal["rsa", "ecdsa"] = "rsa"
    authority: Uuid | None = None
    """An authority of ours that signs it, for a server whose clients know that; None: it signs itself."""

    @property
    def names(self) -> list[str]:
        return [name for part in self.subject_alt_name.split(",") if (name := part.strip())]


def parse_generated(given: Mapping[str, Any]) -> GeneratedFields:
    """Raises Invalid."""
    fields = parse(GeneratedFields, given)
    if len(fields.names) > MOST_NAMES:
        raise Invalid({"subject_alt_name": [f"No more than {MOST_NAMES} names."]})
    if not all(name.isascii() and name.isprintable() for name in fields.names):
        raise Invalid({"subject_alt_name": ["Write international names in their ASCII form (xn--...)."]})
    return fields


def generated(tx: Transaction, fields: GeneratedFields, now: float, random: Random) -> KeyPair:
    """Takes as long as a hundred writes, so for a reading transaction. Raises Invalid."""
    if fields.authority is None:
        return self_signed(fields.common_name, fields.names, now, random, fields.validity_days, fields.alg)
    (above,) = existing(tx, Certificate, "authority", [fields.authority])
    subject = Subject(fields.common_name, hosts=fields.names or [fields.common_name])
    pair = KeyPair(above.certificate_data, above.key_data)
    try:
        return issue(pair, subject, now, random, fields.validity_days, fields.alg, list_address(tx, above.pk))
    except CannotIssue as error:
        raise Invalid({"authority": [str(error)]}) from None


def create(tx: Transaction, given: Mapping[str, Any]) -> Certificate:
    """Raises Invalid."""
    fields = parse(CertificateFields, given)
    _check(fields)
    with unique():
        return tx.insert(Certificate(**fields.model_dump()))


def keep_generated(tx: Transaction, name: str, pair: KeyPair) -> Certificate:
    """Raises Invalid when the name is taken."""
    with unique():
        return tx.insert(Certificate(name=name, certificate_data=pair.certificate, key_data=pair.key))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Certificate:
    """Raises Invalid, NotFound."""
    certificate = tx.get(Certificate, pk)
    current = {name: getattr(certificate, name) for name in CertificateFields.model_fields}
    fields = overlaid(CertificateFields, current, given, partial)
    _check(fields)
    with unique():
        return tx.update(replace(certificate, **fields.model_dump()))


def delete(tx: Transaction, pk: str) -> None:
    """Providers that showed it show the generated one. Raises NotFound."""
    tx.delete(tx.get(Certificate, pk))


def _check(fields: CertificateFields) -> None:
    """A key that belongs to another certificate would only be noticed by the clients that refuse it."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if not fields.key_data:
        return
    key = load_pem_private_key(fields.key_data.encode(), None)
    if key.public_key() != certificates_in(fields.certificate_data)[0].public_key():
        raise Invalid({"key_data": ["This private key does not belong to the certificate."]})


@dataclass(frozen=True, slots=True)
class Described:
    """What a certificate says of itself."""

    sha256: str = ""
    sha1: str = ""
    subject: str = ""
    not_after: float | None = None
    key_type: str | None = None


@lru_cache(maxsize=1024)
def described(pem: str) -> Described:
    """Of the chain's first certificate; empty for what cannot be read."""
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        leaf = certificates_in(pem)[0]
        der = leaf.public_bytes(Encoding.DER)
        return Described(
            sha256=_colons(hashlib.sha256(der).hexdigest()),
            sha1=_colons(hashlib.sha1(der, usedforsecurity=False).hexdigest()),
            subject=leaf.subject.rfc4514_string(),
            not_after=leaf.not_valid_after_utc.timestamp(),
            key_type=_key_type(leaf),
        )
    except ValueError:
        return Described()


def _key_type(leaf: x509.Certificate) -> str | None:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    kinds = {
        "rsa": rsa.RSAPublicKey,
        "ec": ec.EllipticCurvePublicKey,
        "dsa": dsa.DSAPublicKey,
        "ed25519": ed25519.Ed25519PublicKey,
        "ed448": ed448.Ed448PublicKey,
    }
    key = leaf.public_key()
    return next((name for name, kind in kinds.items() if isinstance(key, kind)), None)


def _colons(digits: str) -> str:
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))
