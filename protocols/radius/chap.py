"""CHAP (RFC 2865 section 5.3) and MS-CHAPv2 (RFC 2548 section 2.3) at the door: offers and answers."""

from __future__ import annotations

from protocols.errors import RemoteProtocolError
from protocols.radius.dictionary import CHAP_CHALLENGE, CHAP_PASSWORD
from protocols.radius.mppe import Keys, key_attributes
from protocols.radius.mschapv2 import error_code
from protocols.radius.offers import ChapOffer, MsChapV2Offer, without_domain
from protocols.radius.packet import Packet
from protocols.radius.vendor import MICROSOFT, vendor_attribute, vendor_values

CHAP_PASSWORD_SIZE = 17
MS_CHAP_RESPONSE, MS_CHAP_ERROR, ENCRYPTION_POLICY, ENCRYPTION_TYPES = 1, 2, 7, 8
MS_CHAP_CHALLENGE, MS_CHAP2_RESPONSE, MS_CHAP2_SUCCESS = 11, 25, 26
MS_RESPONSE_SIZE, MS_CHALLENGE_SIZE = 50, 16
ALLOWED, RC4_40_OR_128 = (1).to_bytes(4), (6).to_bytes(4)
REFUSED = "E={code} R=0 C={challenge} V=3"
"""RFC 2759 section 6: after which this challenge is worth nothing."""


def chap_offer(packet: Packet, username: str) -> ChapOffer:
    """Raises RemoteProtocolError."""
    value = packet.get(CHAP_PASSWORD) or b""
    challenge = packet.get(CHAP_CHALLENGE)
    if len(value) != CHAP_PASSWORD_SIZE:
        raise RemoteProtocolError(f"a CHAP-Password of {len(value)} octets")
    if challenge == b"":
        raise RemoteProtocolError("an empty CHAP-Challenge")
    return ChapOffer(username, value[0], packet.authenticator if challenge is None else challenge, value[1:])


def is_ms_chap(packet: Packet) -> bool:
    return any(number == MS_CHAP2_RESPONSE for number, _ in vendor_values(packet, MICROSOFT))


def ms_chap_offer(packet: Packet, username: str) -> MsChapV2Offer:
    """Raises RemoteProtocolError."""
    values = list(vendor_values(packet, MICROSOFT))
    responses = [value for number, value in values if number == MS_CHAP2_RESPONSE]
    challenges = [value for number, value in values if number == MS_CHAP_CHALLENGE]
    if len(responses) != 1 or len(challenges) != 1:
        raise RemoteProtocolError("not one MS-CHAP2-Response and one MS-CHAP-Challenge")
    response, challenge = responses[0], challenges[0]
    if len(response) != MS_RESPONSE_SIZE or len(challenge) != MS_CHALLENGE_SIZE:
        raise RemoteProtocolError(f"an MS-CHAP2-Response of {len(response)} octets to {len(challenge)}")
    if response[2:18] == challenge:
        raise RemoteProtocolError("an MS-CHAP2-Response with the NAS' own challenge as the peer's")
    return MsChapV2Offer(without_domain(username), challenge, response[2:18], response[26:50])


def ms_chap_success(packet: Packet, authenticator_response: str, keys: Keys, secret: bytes, salt: bytes) -> bytes:
    """Encoded attributes: MS-CHAP2-Success and the keys of the link."""
    return b"".join(
        (
            vendor_attribute(MICROSOFT, MS_CHAP2_SUCCESS, _identifier(packet) + authenticator_response.encode()),
            vendor_attribute(MICROSOFT, ENCRYPTION_POLICY, ALLOWED),
            vendor_attribute(MICROSOFT, ENCRYPTION_TYPES, RC4_40_OR_128),
            key_attributes(keys, secret, packet.authenticator, salt),
        )
    )


def ms_chap_error(packet: Packet, challenge: bytes, reason: str) -> bytes:
    """``reason``: a code of `rules.reasons`."""
    text = REFUSED.format(code=error_code(reason), challenge=challenge.hex().upper())
    return vendor_attribute(MICROSOFT, MS_CHAP_ERROR, _identifier(packet) + text.encode())


def _identifier(packet: Packet) -> bytes:
    """Of the peer's response; both answers repeat it (RFC 2548 sections 2.1.5 and 2.3.3)."""
    return next(value for number, value in vendor_values(packet, MICROSOFT) if number == MS_CHAP2_RESPONSE)[:1]
