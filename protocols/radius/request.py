"""An Access-Request from a known NAS, and the events that `exchange` makes of datagrams."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from protocols.radius.dictionary import CALLED_STATION_ID, CALLING_STATION_ID, NAS_IDENTIFIER
from protocols.radius.duplicates import Key, Peer
from protocols.radius.nas import Nas
from protocols.radius.offers import Offer
from protocols.radius.packet import MAX_LENGTH, Packet

ACCESS_POINT = re.compile(
    r"([0-9A-Fa-f]{2}(?:[-:]?[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}):(.+)", re.DOTALL
)
"""Called-Station-Id of an access point (RFC 3580 section 3.20): its MAC address, a colon, the SSID."""


@dataclass(slots=True)
class Request:
    """Never changed; not frozen, as `Packet` is not."""

    packet: Packet
    peer: Peer
    """Where the reply goes."""
    address: str
    """Of the peer, unmapped."""
    nas: Nas
    key: Key
    """Its copies have the same."""
    longest: int = MAX_LENGTH
    """Octets that its reply may have."""

    @property
    def attributes(self) -> dict[str, str]:
        """What deciding may want to know beside name and proof: nas, calling_station, called_station, ssid."""
        packet = self.packet
        known = {"nas": self._nas_name()}
        calling = packet.get(CALLING_STATION_ID)
        if calling:
            known["calling_station"] = calling.decode("utf-8", "replace")
        called = packet.get(CALLED_STATION_ID)
        if called:
            known["called_station"] = text = called.decode("utf-8", "replace")
            if access_point := ACCESS_POINT.fullmatch(text):
                known["called_station"], known["ssid"] = access_point.groups()
        return known

    def _nas_name(self) -> str:
        name = self.packet.get(NAS_IDENTIFIER)
        return name.decode("utf-8", "replace") if name else self.address


@dataclass(slots=True)
class AccessRequested:
    """Decide, then call `RadiusExchange.answer` with ``request``, whatever happens. Not frozen, as `Packet` is not."""

    request: Request
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """As `AccessRequested`, for other proofs than a password."""

    request: Request
    offer: Offer


@dataclass(slots=True)
class EapReceived:
    """Go on with the conversation, then call `RadiusExchange.answer` with ``request``, whatever happens. Not frozen, as
    `Packet` is not."""

    request: Request
    eap: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The request proves nothing that could be decided; its Access-Reject is on the way."""

    request: Request
    username: str
    reason: str
    """A code of `rules.reasons`."""
    text: str
    """Details for the operator."""


@dataclass(frozen=True, slots=True)
class Resend:
    """The reply to a duplicate: send these octets to the peer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class StatusAnswered:
    """The reply to Status-Server: send these octets to the peer."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class OrderDeclined:
    """The NAK to an order (RFC 5176): send these octets to the peer."""

    octets: bytes
    address: str
    """Of whoever gave it."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Say nothing."""

    reason: str
    """A code of `rules.discards`."""
    text: str
    """Details for the operator."""


Event = AccessRequested | OfferReceived | EapReceived | Refused | Resend | StatusAnswered | OrderDeclined | Discard
