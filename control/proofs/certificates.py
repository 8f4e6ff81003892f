"""Certificates of clients (EAP-TLS): issued by an authority that the provider trusts, current, meant for clients, not
revoked, and naming a user. The handshake has shown that the key is theirs.

The whole chain is checked here although the door has done so already: a door may be of another version.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from control.authentication import STATIC, Prove, Proved
from control.flows.state import FlowStore
from control.proofs.devices import stands_for
from control.proofs.names import named
from control.radius.credentials import SESSION, of_certificate
from control.records import Certificate, Device, IssuedCertificate, Provider, User
from control.store.interface import Query, Transaction
from control.verbs.certificates import certificates_in, known_certificates, known_revocations
from protocols.link.messages import Authenticate
from protocols.radius.realms import without_realm

if TYPE_CHECKING:
    from cryptography import x509

MOST_CERTIFICATES = 10
"""In one chain; real ones have three."""
LONGEST_CERTIFICATE = 32 * 1024
"""Characters of base64; real ones have three thousand."""
MOST_NAMES = 20
"""Of one certificate that are looked for."""
UPN = "1.3.6.1.4.1.311.20.2.3"
"""The other name that Windows writes a user's principal name into."""


class Refused(Exception):
    """``reason`` is a code of `rules.reasons`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def certificate(store: FlowStore, now: Callable[[], float]) -> Prove:
    async def prove(provider: Provider, question: Authenticate) -> Proved:
        try:
            chain = _chain(question.proof.get("chain"))
            authorities = await store.read(lambda tx: _authorities(tx, provider))
            settings = {**provider.settings, "client_authorities": authorities}
            path = check(chain, settings, datetime.fromtimestamp(now(), UTC))
        except Refused as refused:
            return Proved(refused.reason)
        proved = await store.read(lambda tx: _proved(tx, provider, chain[0], question.username.strip()))
        if proved.reason != "accepted":
            return proved
        ends = min(one.not_valid_after_utc for one in path).timestamp()
        return replace(proved, keys={SESSION: of_certificate(path)}, reuse=replace(STATIC, not_after=ends), ends=ends)

    return prove


def _proved(tx: Transaction, provider: Provider, leaf: x509.Certificate, claimed: str) -> Proved:
    """``claimed``: what whoever shows it calls themselves."""
    proved = _whose(tx, provider, leaf)
    if proved.user is not None and _is_of_another(tx, provider, leaf, claimed, proved.user):
        return Proved("certificate_of_another", proved.user)
    return proved


def _is_of_another(tx: Transaction, provider: Provider, leaf: x509.Certificate, claimed: str, user: int) -> bool:
    """Is it the name of somebody else of ours, and not in the certificate? An anonymous name, or one of nobody, is the
    device's own affair (RFC 9190 section 2.1.8)."""
    realms = frozenset(part.strip().lower() for part in str(provider.settings.get("stripped_realms", "")).split(","))
    for name in filter(None, {claimed, without_realm(claimed, realms)}):
        other = named(tx, provider, name, only_confirmed=True)
        if other is not None and other.pk != user and name.lower() not in map(str.lower, names_in(leaf)):
            return True
    return False


def _whose(tx: Transaction, provider: Provider, leaf: x509.Certificate) -> Proved:
    """What an authority of ours has issued stands for whom it was issued to, whatever they are called by now."""
    issued = issued_by(tx, provider.settings.get("client_authorities") or (), leaf)
    if issued is None:
        user = _first(tx, provider, list(names_in(leaf))[:MOST_NAMES])
    elif issued.revoked is not None:
        return Proved("certificate_revoked", issued.user)
    elif issued.device is not None:
        return _of_device(tx, issued.device)
    else:
        user = tx.find(User, pk=issued.user) if issued.user is not None else None
    if user is None:
        return Proved("certificate_names_nobody")
    return Proved("accepted", user.pk, user.credential_version, reuse=None)


def issued_by(tx: Transaction, authorities: Sequence[str], leaf: x509.Certificate) -> IssuedCertificate | None:
    """What one of these authorities of ours, by pk, has issued as this very certificate."""
    wanted = {"serial": [f"{leaf.serial_number:x}"], "authority": list(authorities)}
    found = tx.select(IssuedCertificate, Query(within=wanted))
    return next((one for one in found if certificates_in(one.certificate_data)[0] == leaf), None)


def _of_device(tx: Transaction, pk: str) -> Proved:
    device = tx.find(Device, pk=pk)
    return Proved("certificate_names_nobody") if device is None else stands_for(tx, device)


def _authorities(tx: Transaction, provider: Provider) -> str:
    """PEM of those whose certificates the provider believes."""
    wanted = list(provider.settings.get("client_authorities") or ())
    return "".join(one.certificate_data for one in tx.select(Certificate, Query(within={"pk": wanted})))


def check(chain: Sequence[x509.Certificate], settings: dict[str, Any], now: datetime) -> Sequence[x509.Certificate]:
    """The path from the leaf to the authority that is believed. ``settings``: PEM in ``client_authorities`` and
    ``client_revocations``. Raises Refused."""
    from cryptography.x509 import BasicConstraints
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

    leaf = chain[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise Refused("certificate_not_current")
    if not _is_for_clients(leaf):
        raise Refused("certificate_not_for_clients")
    trusted = known_certificates(str(settings.get("client_authorities") or ""))
    if not trusted:
        raise Refused("untrusted_certificate")
    authority = ExtensionPolicy.permit_all().require_present(BasicConstraints, Criticality.AGNOSTIC, _may_issue)
    policy = PolicyBuilder().store(Store(list(trusted))).time(now).max_chain_depth(MOST_CERTIFICATES)
    policy = policy.extension_policies(ca_policy=authority, ee_policy=ExtensionPolicy.permit_all())
    try:
        path = policy.build_client_verifier().verify(leaf, list(chain[1:])).chain
    except VerificationError:
        raise Refused("untrusted_certificate") from None
    if any(_is_revoked(one, issuer, settings) for one, issuer in pairwise(path)):
        raise Refused("certificate_revoked")
    return path


def names_in(leaf: x509.Certificate) -> Iterator[str]:
    """What it may call its user, most telling first: principal name, e-mail address, host name, common name."""
    from cryptography import x509

    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        alternatives = None
    if alternatives is not None:
        others = alternatives.get_values_for_type(x509.OtherName)
        yield from filter(None, (_utf8(other.value) for other in others if other.type_id.dotted_string == UPN))
        yield from alternatives.get_values_for_type(x509.RFC822Name)
        yield from alternatives.get_values_for_type(x509.DNSName)
    for attribute in leaf.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME):
        yield str(attribute.value)


def _first(tx: Transaction, provider: Provider, names: Sequence[str]) -> User | None:
    found = (named(tx, provider, name, only_confirmed=True) for name in names)
    return next((user for user in found if user is not None), None)


def _chain(given: object) -> list[x509.Certificate]:
    """Raises Refused."""
    from cryptography import x509

    if not isinstance(given, list) or not 0 < len(given) <= MOST_CERTIFICATES:
        raise Refused("malformed_proof")
    if not all(isinstance(text, str) and len(text) <= LONGEST_CERTIFICATE for text in given):
        raise Refused("malformed_proof")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(text, validate=True)) for text in given]
    except (ValueError, binascii.Error):
        raise Refused("malformed_proof") from None


def _is_for_clients(leaf: x509.Certificate) -> bool:
    """RFC 5280 section 4.2.1.12: one without this extension is for everything."""
    from cryptography import x509

    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    return any(
        use in uses
        for use in (x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH, x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    )


def _may_issue(policy: object, issuer: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    """Raises ValueError."""
    if not constraints.ca:
        raise ValueError("not an authority")


def _is_revoked(one: x509.Certificate, issuer: x509.Certificate, settings: dict[str, Any]) -> bool:
    """By a list that this issuer has signed. An old list still says what was revoked."""
    lists = known_revocations(str(settings.get("client_revocations") or ""))
    mine = [revoked for revoked in lists if revoked.issuer == issuer.subject]
    return any(
        revoked.get_revoked_certificate_by_serial_number(one.serial_number) is not None
        for revoked in mine
        if revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a key that cannot sign raises
    )


def _utf8(der: bytes) -> str:
    """A DER UTF8String with a short length: names are no longer."""
    if len(der) < 3 or der[0] != 0x0C or der[1] != len(der) - 2 or der[1] > 127:
        return ""
    return der[2:].decode("utf-8", "replace")
