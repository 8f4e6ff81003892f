"""What the private authority issues, as other programs read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID

from control.certificates.authority import (
    AUTHORITY_DAYS,
    CannotIssue,
    Subject,
    issue,
    new_authority,
    pkcs12,
    revocation_list,
)
from control.certificates.making import KeyPair, self_signed
from control.proofs.certificates import names_in
from tests.fakes import counted_random

NOW = 1_700_000_000.0
DAY = 86_400.0
RANDOM = counted_random()
AUTHORITY = new_authority("Wi-Fi", NOW, RANDOM)
BOB = Subject("bob", principal="bob", mail="bob@example.com")


def leaf_of(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pair.certificate.encode())[0]


@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
def test_an_authority_issues_for_a_person(algorithm: str) -> None:
    pair = issue(AUTHORITY, BOB, NOW, RANDOM, 365, algorithm)
    leaf, above = x509.load_pem_x509_certificates(pair.certificate.encode())
    leaf.verify_directly_issued_by(above)
    assert above.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert above.not_valid_after_utc == datetime.fromtimestamp(NOW + AUTHORITY_DAYS * DAY, UTC)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert list(names_in(leaf)) == ["bob", "bob@example.com", "bob"]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert load_pem_private_key(pair.key.encode(), None).public_key() == leaf.public_key()


def test_a_server_gets_its_names_and_another_purpose() -> None:
    leaf = leaf_of(
        issue(
            AUTHORITY,
            Subject("radius.example.com", hosts=["radius.example.com", "192.0.2.1"]),
            NOW,
            RANDOM,
            365,
            "ecdsa",
        )
    )
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["radius.example.com"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]


def test_nothing_outlives_its_authority() -> None:
    short = new_authority("Short", NOW, RANDOM, days=10)
    assert (
        leaf_of(issue(short, BOB, NOW, RANDOM, 365, "ecdsa")).not_valid_after_utc == leaf_of(short).not_valid_after_utc
    )
    with pytest.raises(CannotIssue, match="has expired"):
        issue(short, BOB, NOW + 11 * DAY, RANDOM, 365, "ecdsa")


@pytest.mark.parametrize(
    "pair",
    [KeyPair(AUTHORITY.certificate, ""), self_signed("no authority", ["x"], NOW, RANDOM, algorithm="ecdsa")],
    ids=["without key", "no authority"],
)
def test_only_an_authority_issues(pair: KeyPair) -> None:
    with pytest.raises(CannotIssue, match="not an authority"):
        issue(pair, BOB, NOW, RANDOM, 365, "ecdsa")


def test_what_was_revoked_is_on_a_signed_list() -> None:
    revoked = x509.load_pem_x509_crl(revocation_list(AUTHORITY, [(0x2A, NOW - DAY)], NOW).encode())
    assert revoked.is_signature_valid(leaf_of(AUTHORITY).public_key())  # type: ignore[arg-type]
    found = revoked.get_revoked_certificate_by_serial_number(0x2A)
    assert found is not None
    assert found.revocation_date_utc == datetime.fromtimestamp(NOW - DAY, UTC)
    assert revoked.get_revoked_certificate_by_serial_number(0x2B) is None


def test_one_file_for_a_device() -> None:
    pair = issue(AUTHORITY, BOB, NOW, RANDOM, 365, "ecdsa")
    key, leaf, chain = load_key_and_certificates(pkcs12(pair, "Bob's laptop", "secret"), b"secret")
    assert key is not None
    assert leaf == leaf_of(pair)
    assert chain == [leaf_of(AUTHORITY)]
    with pytest.raises(ValueError, match="password"):
        load_key_and_certificates(pkcs12(pair, "Bob's laptop", "secret"), b"guess")


def test_a_name_that_is_no_mail_address_or_too_long_is_left_out() -> None:
    long = "ü" * 64
    leaf = leaf_of(issue(AUTHORITY, Subject("b", principal=long, mail="bob@exämple.com"), NOW, RANDOM, 1, "ecdsa"))
    assert list(names_in(leaf)) == ["b"]
