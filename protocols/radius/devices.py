"""Devices that can show nothing but their hardware address: how NAS write that down, and when it is meant as proof.

A person could type an address as a name. So it counts where the NAS says that nobody was asked (Service-Type
Call-Check), or where it repeats, as name and password, what it says of the device itself (Calling-Station-Id).
"""

from __future__ import annotations

import re
from hmac import compare_digest

from protocols.errors import RemoteProtocolError
from protocols.radius.chap import chap_offer
from protocols.radius.dictionary import CALLING_STATION_ID, CHAP_PASSWORD, SERVICE_TYPE, USER_NAME, USER_PASSWORD
from protocols.radius.md5 import md5
from protocols.radius.offers import DeviceOffer
from protocols.radius.packet import Packet
from protocols.radius.password import reveal

CALL_CHECK = (10).to_bytes(4)
"""RFC 2865 section 5.6."""
FORMS = re.compile(
    r"[0-9a-f]{12}|[0-9a-f]{6}-[0-9a-f]{6}|[0-9a-f]{4}([.:-])[0-9a-f]{4}\1[0-9a-f]{4}|[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\2[0-9a-f]{2}){4}",
    re.IGNORECASE,
)
LONGEST = 17  # characters


def hardware_address(text: str) -> str | None:
    """``aa:bb:cc:dd:ee:ff`` of an address in any of the usual forms; None for anything else."""
    if len(text) > LONGEST or FORMS.fullmatch(text) is None:
        return None
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def device_offer(packet: Packet, proof: int, secret: bytes) -> DeviceOffer | None:
    """``proof``: what `protocols.radius.proof.only_proof` found. None: this is about a person."""
    name = (packet.get(USER_NAME) or b"").decode("utf-8", "replace")
    address = hardware_address(name)
    if address is None:
        return None
    calling = packet.get(CALLING_STATION_ID)
    claimed = hardware_address(calling.decode("utf-8", "replace")) if calling else None
    if calling and claimed != address:
        return None
    checked = packet.get(SERVICE_TYPE) == CALL_CHECK
    if not checked and claimed is None:
        return None
    means_it = _by_password if proof == USER_PASSWORD else _by_chap if proof == CHAP_PASSWORD else None
    if means_it is None or not means_it(packet, name, address, secret):
        return None
    return DeviceOffer(name, address, by_nas=proof == USER_PASSWORD and packet.get(USER_PASSWORD) != b"")


def _by_password(packet: Packet, name: str, address: str, secret: bytes) -> bool:
    """The address once more, or nothing (RouterOS)."""
    try:
        hidden = packet.get(USER_PASSWORD)
        password = reveal(hidden, secret, packet.authenticator).decode() if hidden else ""
    except (RemoteProtocolError, UnicodeDecodeError):
        return False
    return password == "" or hardware_address(password) == address


def _by_chap(packet: Packet, name: str, address: str, secret: bytes) -> bool:
    try:
        offer = chap_offer(packet, name)
    except RemoteProtocolError:
        return False
    expected = md5(bytes((offer.identifier,)) + name.encode() + offer.challenge).digest()
    return compare_digest(expected, offer.response)
