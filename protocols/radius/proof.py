"""What an Access-Request offers as proof of a name, or why there is nothing to decide."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.radius.chap import MS_CHAP_RESPONSE, chap_offer, is_ms_chap, ms_chap_offer
from protocols.radius.dictionary import (
    ARAP_PASSWORD,
    CHAP_CHALLENGE,
    CHAP_PASSWORD,
    EAP_MESSAGE,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
)
from protocols.radius.eap.packet import gathered
from protocols.radius.offers import ChapOffer, MsChapV2Offer
from protocols.radius.packet import HEADER, Packet, attribute
from protocols.radius.password import reveal
from protocols.radius.vendor import MICROSOFT, vendor_values

PROOFS = (USER_PASSWORD, CHAP_PASSWORD, ARAP_PASSWORD, EAP_MESSAGE)
"""Kinds of proof; a request carries at most one of them (RFC 3579 section 3.3, note 1)."""

MS_CHAP = -VENDOR_SPECIFIC
"""Stands for an MS-CHAP2-Response among those numbers."""

ONCE = frozenset((USER_NAME, USER_PASSWORD, CHAP_PASSWORD, CHAP_CHALLENGE, ARAP_PASSWORD))
EAP_RESPONSE, EAP_FAILURE = 2, 4


class NoProof(RemoteProtocolError):
    """The request deserves an Access-Reject; ``reason`` is a code of `rules.reasons`."""


def name_and_password(packet: Packet, secret: bytes) -> tuple[str, str]:
    """Of a request whose `only_proof` is a User-Password. Raises NoProof."""
    username = _name(packet)
    try:
        revealed = reveal(packet.get(USER_PASSWORD) or b"", secret, packet.octets[4:HEADER])
    except RemoteProtocolError as error:
        raise NoProof(str(error), "malformed_credentials") from error
    password = _password(revealed)
    if not username or not password:
        raise NoProof("the name or the password is empty", "empty_credentials")
    return username, password


def only_proof(packet: Packet) -> int:
    """The number of the attribute that proves; 0 if there is none. Raises NoProof when it is not clear which."""
    present = packet.first
    if (
        len(present) == packet.count
        and USER_PASSWORD in present
        and not (
            EAP_MESSAGE in present or CHAP_PASSWORD in present or VENDOR_SPECIFIC in present or ARAP_PASSWORD in present
        )
    ):
        return USER_PASSWORD  # nearly always; what is below would find the same, and look at each attribute for it
    if (
        EAP_MESSAGE in present
        and not (USER_PASSWORD in present or CHAP_PASSWORD in present or VENDOR_SPECIFIC in present)
        and not (ARAP_PASSWORD in present or packet.repeats(ONCE))
    ):
        return EAP_MESSAGE  # the same of every round of a conversation
    proofs = [number for number in PROOFS if number in present]
    if VENDOR_SPECIFIC in present and is_ms_chap(packet):
        proofs.append(MS_CHAP)
    if len(proofs) > 1:
        raise NoProof(f"attributes {proofs} prove in different ways", "malformed_credentials")
    if packet.repeats(ONCE):
        raise NoProof("a name, a password or a challenge occurs twice", "malformed_credentials")
    return proofs[0] if proofs else 0


def challenge_response(packet: Packet, proof: int) -> ChapOffer | MsChapV2Offer:
    """``proof``: what `only_proof` found, and no User-Password. Raises NoProof."""
    try:
        if proof == MS_CHAP:
            return ms_chap_offer(packet, _name(packet, may_be_empty=False))
        if proof == CHAP_PASSWORD:
            return chap_offer(packet, _name(packet, may_be_empty=False))
    except NoProof:
        raise
    except RemoteProtocolError as error:
        raise NoProof(str(error), "malformed_credentials") from error
    raise NoProof(_unsupported(packet, proof), "unsupported_proof")


def _unsupported(packet: Packet, proof: int) -> str:
    if proof == ARAP_PASSWORD:
        return "it is ARAP"
    if any(number == MS_CHAP_RESPONSE for number, _ in vendor_values(packet, MICROSOFT)):
        return "it is MS-CHAP, version 1: let the NAS use version 2, PAP or EAP"
    return "neither password, nor CHAP, MS-CHAPv2 or EAP"


def eap_of(packet: Packet) -> bytes:
    """The whole EAP packet; empty for EAP-Start. Raises NoProof, for a User-Name beside it that is no name as well."""
    _name(packet)
    try:
        return gathered(packet)
    except RemoteProtocolError as error:
        raise NoProof(str(error), "malformed_credentials") from error


def _name(packet: Packet, may_be_empty: bool = True) -> str:
    try:
        username = (packet.get(USER_NAME) or b"").decode()
    except UnicodeDecodeError as error:
        raise NoProof("User-Name is not UTF-8", "malformed_credentials") from error
    if not username.isprintable():
        raise NoProof("User-Name holds control characters", "malformed_credentials")
    if not username and not may_be_empty:
        raise NoProof("the name is empty", "empty_credentials")
    return username


def claimed_name(packet: Packet) -> str:
    """User-Name for the operator's eyes, whatever its octets."""
    return (packet.get(USER_NAME) or b"").decode("utf-8", "replace")


def refusal_attributes(packet: Packet) -> bytes:
    """What an Access-Reject carries beside the usual: EAP-Failure when EAP was asked (RFC 3579 section 2.6.3)."""
    eap = packet.get(EAP_MESSAGE)
    if eap is None or len(eap) < 4 or eap[0] != EAP_RESPONSE:
        return b""
    return attribute(EAP_MESSAGE, bytes((EAP_FAILURE, eap[1], 0, 4)))


def _password(octets: bytes) -> str:
    """Noise, which a wrong shared secret leaves, is no password."""
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        raise NoProof("not UTF-8", "garbled_password") from error
    if "\0" in text:
        raise NoProof("holds NUL", "garbled_password")
    return text
