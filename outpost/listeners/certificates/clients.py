"""Certificates that clients show in a TLS handshake, and who these call themselves."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

NAMELESS = "certificate"
"""Stands in logs for the name that a certificate lacks."""


def shown_over(transport: Any) -> tuple[bytes, ...]:
    """DER, the leaf first; nothing when none was shown. The handshake has proved that the leaf's key is theirs."""
    handle = transport.getHandle()
    leaf = handle.get_peer_certificate(as_cryptography=True)
    if leaf is None:
        return ()
    chain = [leaf, *(handle.get_peer_cert_chain(as_cryptography=True) or ())]
    return tuple(dict.fromkeys(one.public_bytes(Encoding.DER) for one in chain))


def called(leaf: bytes) -> str:
    """The common name of a certificate."""
    try:
        names = x509.load_der_x509_certificate(leaf).subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
    except ValueError:
        return NAMELESS
    return str(names[0].value) if names else NAMELESS
