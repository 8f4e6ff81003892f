"""What a RADIUS session stands on beside its user: a certificate, a device, or a network password.

A word for it goes into the Class of the answer, and comes back with the accounting; so a session ends with what opened
it. The word is ours, and no secret. Verbs over a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from control.records import Certificate, Device, IssuedCertificate, Provider, Token
from control.store.interface import Query, Transaction
from control.verbs.certificates import known_certificates, known_revocations
from control.verbs.tokens import expired

if TYPE_CHECKING:
    from cryptography import x509

CERTIFICATE, DEVICE, PASSWORD = "c", "d", "p"
SESSION = "session"
"""Its name among the keys of an accepted proof."""
DIGITS = 16
"""Of the digests of names and certificates: enough to tell a provider's own apart."""


def of_certificate(path: Sequence[x509.Certificate]) -> str:
    """``path``: from the leaf to the authority that is believed."""
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf, anchor = path[0], path[-1]
    parts = (
        f"{leaf.serial_number:x}",
        f"{int(leaf.not_valid_after_utc.timestamp()):x}",
        _digest(leaf.issuer.public_bytes()),
    )
    return ".".join((CERTIFICATE, *parts, _digest(anchor.public_bytes(Encoding.DER))))


def of_device(pk: str) -> str:
    return f"{DEVICE}.{pk}"


def of_password(pk: str) -> str:
    """``pk``: of the token."""
    return f"{PASSWORD}.{pk}"


def ends(credential: str) -> float | None:
    """When it ends by itself, in seconds since the epoch."""
    kind, _, rest = credential.partition(".")
    try:
        return float(int(rest.split(".")[1], 16)) if kind == CERTIFICATE else None
    except (IndexError, ValueError):
        return None


def refusal(tx: Transaction, provider: Provider, credential: str) -> str | None:
    """Why it lets nobody in any more, a code of `rules.reasons`; None: it does, or says nothing that we know."""
    kind, _, rest = credential.partition(".")
    match kind:
        case "c" if rest.count(".") == 3:
            return _of_certificate(tx, provider, *rest.split("."))
        case "d":
            return _of_device(tx, rest)
        case "p":
            token = tx.find(Token, pk=rest)
            return (
                "credential_changed" if token is None else "device_password_expired" if expired(token, tx.now) else None
            )
    return None


def _of_device(tx: Transaction, pk: str) -> str | None:
    device = tx.find(Device, pk=pk)
    return "unknown_device" if device is None else None if device.enabled else "device_disabled"


def _of_certificate(
    tx: Transaction, provider: Provider, serial: str, until: str, issuer: str, anchor: str
) -> str | None:
    from cryptography.hazmat.primitives.serialization import Encoding

    if (ended := ends(f"{CERTIFICATE}.{serial}.{until}")) is not None and ended <= tx.now:
        return "certificate_not_current"
    wanted = list(provider.settings.get("client_authorities") or ())
    believed = tx.select(Certificate, Query(within={"pk": wanted}))
    every = [one for authority in believed for one in known_certificates(authority.certificate_data)]
    if anchor not in {_digest(one.public_bytes(Encoding.DER)) for one in every}:
        return "untrusted_certificate"
    issued = tx.select(IssuedCertificate, Query(within={"serial": [serial], "authority": wanted}))
    lists = known_revocations(str(provider.settings.get("client_revocations") or ""))
    revoked = any(one.revoked is not None for one in issued) or any(
        one.get_revoked_certificate_by_serial_number(int(serial, 16)) is not None
        for one in lists
        if _digest(one.issuer.public_bytes()) == issuer
    )
    if revoked:
        return "certificate_revoked"
    return next((why for one in issued if (why := _whose(tx, one)) is not None), None)


def _whose(tx: Transaction, issued: IssuedCertificate) -> str | None:
    if issued.device is not None:
        return _of_device(tx, issued.device)
    return "certificate_names_nobody" if issued.user is None else None


def _digest(octets: bytes) -> str:
    return sha256(octets).hexdigest()[:DIGITS]
