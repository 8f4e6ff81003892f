"""Asking a TLS client for a certificate of given authorities that is on none of their revocation lists.

OpenSSL checks chain, dates, purpose and lists, so that the peer gets an alert that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

END_OF_LIST = "-----END X509 CRL-----"
NOT_TOLD = frozenset({3, 11, 12, 44})
"""X509_V_ERR_UNABLE_TO_GET_CRL, CRL_NOT_YET_VALID, CRL_HAS_EXPIRED, DIFFERENT_CRL_SCOPE: an authority need not have a
list, and an old one still says what was revoked, as at control (`control.proofs.certificates`)."""


def ask_for_certificate(context: SSL.Context, authorities: str, revocations: str) -> None:
    """``authorities`` and ``revocations``: PEM. Raises ValueError for what is none."""
    store = context.get_cert_store()
    assert store is not None
    trusted = certificates(authorities)
    for one in trusted:
        store.add_cert(crypto.X509.from_cryptography(one))
        context.add_client_ca(one)
    flags = crypto.X509StoreFlags.PARTIAL_CHAIN
    for revoked in _lists(revocations, trusted):
        store.add_crl(revoked)
        flags |= crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL
    store.set_flags(flags)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verified)


def certificates(pem: str) -> list[x509.Certificate]:
    """Each once."""
    return list({one.public_bytes(Encoding.DER): one for one in x509.load_pem_x509_certificates(pem.encode())}.values())


def _lists(pem: str, trusted: list[x509.Certificate]) -> Iterator[x509.CertificateRevocationList]:
    """Without those that bear the name of an authority of ours and were not signed by it: they say nothing."""
    for part in pem.split(END_OF_LIST)[:-1]:
        found = x509.load_pem_x509_crl((part + END_OF_LIST).strip().encode())
        issuers = [one for one in trusted if one.subject == found.issuer]
        if not issuers or any(found.is_signature_valid(one.public_key()) for one in issuers):  # type: ignore[arg-type]
            yield found


def _verified(connection: SSL.Connection, certificate: object, error: int, depth: int, fine: int) -> bool:
    return bool(fine) or error in NOT_TOLD
