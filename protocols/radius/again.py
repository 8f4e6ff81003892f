"""Logins that are laid out as an earlier one of their NAS: of these, only what differs is read.

Two packets with the same heads (`layouts.heads`) are both well formed, and have the same attributes in the same places:
they differ in what the values say. Remembered is where name, password and signature of a login stand, if no other value
in it had a say. The signature of each one has to verify, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.radius.authenticators import signature_verifies
from protocols.radius.dictionary import (
    CHARGEABLE_USER_IDENTITY,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
)
from protocols.radius.layouts import heads
from protocols.radius.nas import Nas
from protocols.radius.packet import HEADER
from protocols.radius.password import reveal
from protocols.radius.request import Request
from protocols.radius.vendor import MICROSOFT

ANSWERED = frozenset((STATE, PROXY_STATE, CHARGEABLE_USER_IDENTITY))
"""What these hold comes back, or is the reply to a question."""
_MICROSOFT = MICROSOFT.to_bytes(4)


@dataclass(frozen=True, slots=True)
class Form:
    heads: Callable[[bytes], tuple[int, ...]]
    said: tuple[int, ...]
    nas: Nas
    signature: int
    """Where its Message-Authenticator begins."""
    name: slice
    """The whole attribute: its length keeps name and password apart."""
    hidden: slice
    """The value of User-Password."""

    def login(self, datagram: bytes) -> bytes | None:
        """Name and password of one that has the same heads, in one; None: it is signed by somebody else."""
        if not signature_verifies(datagram, self.signature, self.nas.secret):
            return None
        return datagram[self.name] + reveal(datagram[self.hidden], self.nas.secret, datagram[4:HEADER])


def form_of(request: Request) -> Form | None:
    """Of one that has asked with name and password. None: values of other attributes have a say."""
    packet, nas = request.packet, request.nas
    octets, first = packet.octets, packet.first
    if nas.devices or nas.behind is not None or MESSAGE_AUTHENTICATOR not in first or not ANSWERED.isdisjoint(first):
        return None
    if any(octets[at + 2 : at + 6] == _MICROSOFT for at in packet.offsets(VENDOR_SPECIFIC)):
        return None  # any of those may be a proof
    look, name, hidden = heads(octets), first[USER_NAME], first[USER_PASSWORD]
    return Form(
        look,
        look(octets),
        nas,
        first[MESSAGE_AUTHENTICATOR],
        slice(name, name + octets[name + 1]),
        slice(hidden + 2, hidden + octets[hidden + 1]),
    )
