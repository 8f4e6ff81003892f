"""May a request come without Message-Authenticator? (DESIGN D26; CVE-2024-3596, "BlastRADIUS")

An Access-Request without one can be forged by someone between NAS and us. Old equipment sends none, so that it can't
be demanded of everybody; but once an address has shown that it sends them, it must go on doing so. Requests with EAP
show nothing: RFC 3579 makes every NAS sign those, including the ones that do not sign a plain password.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.errors import RemoteProtocolError
from protocols.radius.authenticators import message_authenticator_verifies
from protocols.radius.dictionary import EAP_MESSAGE, MESSAGE_AUTHENTICATOR, PROXY_STATE
from protocols.radius.nas import Nas, Requirement
from protocols.radius.packet import Code, Packet

SIGNATURE = frozenset((MESSAGE_AUTHENTICATOR,))
MAX_PINS = 65_536  # addresses; only peers that hold a secret can add one. A full table pins nobody new


class Pins:
    """``addresses`` that have shown that they sign; ``told`` is called with each new one, for whoever keeps them."""

    def __init__(self, addresses: frozenset[str] = frozenset(), told: Callable[[str, Nas], None] | None = None) -> None:
        self.addresses: set[str] = set(addresses)
        self._told = told
        self._kept: frozenset[str] = frozenset()

    def keep(self, addresses: frozenset[str]) -> None:
        """All that are kept elsewhere, as of now. One that was, and is no more, is forgiven."""
        self.addresses -= self._kept - addresses
        self.addresses |= addresses
        self._kept = addresses

    def check(self, packet: Packet, nas: Nas, address: str) -> None:
        """Raises RemoteProtocolError: ``bad_`` or ``missing_message_authenticator``, ``malformed`` for two of them."""
        if MESSAGE_AUTHENTICATOR in packet.first:
            if len(packet.first) != packet.count and packet.repeats(SIGNATURE):
                raise RemoteProtocolError("Message-Authenticator occurs twice")
            if not message_authenticator_verifies(packet, nas.secret):
                raise RemoteProtocolError(
                    f"Message-Authenticator from {address} does not verify", "bad_message_authenticator"
                )
            if address not in self.addresses and EAP_MESSAGE not in packet.first:
                self._shown(packet, nas, address)
        elif self._is_required(packet, nas, address):
            raise RemoteProtocolError(f"no Message-Authenticator from {address}", "missing_message_authenticator")

    def _is_required(self, packet: Packet, nas: Nas, address: str) -> bool:
        if packet.code == Code.STATUS_SERVER or EAP_MESSAGE in packet.first:
            return True
        if nas.message_authenticator is Requirement.PINNED:
            return PROXY_STATE in packet.first or address in self.addresses
        return nas.message_authenticator is Requirement.REQUIRED

    def _shown(self, packet: Packet, nas: Nas, address: str) -> None:
        if packet.code == Code.ACCESS_REQUEST and len(self.addresses) < MAX_PINS:
            self.addresses.add(address)
            if self._told is not None:
                self._told(address, nas)
