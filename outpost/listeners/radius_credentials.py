"""The offers of `protocols.radius` in the words of `outpost.outcome`, and the keys that a decision gives for them."""

from __future__ import annotations

from outpost.outcome import CertificateProof, ChallengeReply, Chap, Credentials, Decision, Device, MsChapV2, Password
from protocols.radius.chap import ms_chap_error, ms_chap_success
from protocols.radius.mppe import Keys
from protocols.radius.mschapv2 import session_keys
from protocols.radius.offers import (
    CertificateOffer,
    ChapOffer,
    DeviceOffer,
    MsChapV2Offer,
    Offer,
    PasswordOffer,
    ReplyOffer,
    ResumptionOffer,
)
from protocols.radius.realms import without_realm
from protocols.radius.request import Request
from rules.reasons import Outcome

SALT_SIZE = 4
"""Random octets for the keys in one reply."""


def credentials_of(offer: Offer, realms: frozenset[str] = frozenset()) -> Credentials:
    """For every offer that control decides about; a resumption is none. Raises TypeError for it.

    ``realms``: taken off the names. What MS-CHAPv2 has hashed stays as it was.
    """
    match offer:
        case PasswordOffer(username, password):
            return Password(without_realm(username, realms), password)
        case ReplyOffer(username, state, reply):
            return ChallengeReply(without_realm(username, realms), state, reply)
        case DeviceOffer(username, address):
            return Device(username, address)
        case ChapOffer(username, identifier, challenge, response):
            return Chap(without_realm(username, realms), identifier, challenge, response)
        case MsChapV2Offer(username, authenticator_challenge, peer_challenge, nt_response):
            name = without_realm(username, realms)
            return MsChapV2(name, username, authenticator_challenge, peer_challenge, nt_response)
        case CertificateOffer(identity, chain):
            return CertificateProof(identity, chain)
        case ResumptionOffer():
            raise TypeError("a resumption is decided here")


def reply_to_offer(offer: Offer, decision: Decision, request: Request, salt: bytes) -> bytes:
    """Encoded attributes that answer an offer at the door, beside those that every answer has."""
    if not isinstance(offer, MsChapV2Offer):
        return b""
    if decision.outcome is not Outcome.ACCEPTED:
        return ms_chap_error(request.packet, offer.authenticator_challenge, decision.reason)
    shown = decision.keys["authenticator_response"]
    keys = keys_of(offer, decision)
    if keys is None:
        raise ValueError("MS-CHAPv2 was accepted without keys")
    return ms_chap_success(request.packet, shown, keys, request.nas.secret, salt)


def keys_of(offer: MsChapV2Offer, decision: Decision) -> Keys | None:
    """None: the decision gives nothing to make them from."""
    told = decision.keys.get("password_hash_hash", "")
    if not told:
        return None
    send, receive = session_keys(bytes.fromhex(told), offer.nt_response)
    return Keys(receive, send)
