"""The socket of a RADIUS door: what goes out, who looks on, and what gets no answer."""

from __future__ import annotations

from outpost.listeners.answering import Answering
from outpost.listeners.direct import direct_send
from outpost.listeners.onlookers import Onlookers
from outpost.telemetry import Telemetry
from protocols.radius.duplicates import Peer

PROTOCOL = "radius"


class RadiusSocket(Answering):
    noisy = False

    def __init__(self, telemetry: Telemetry, onlookers: Onlookers | None) -> None:
        self._telemetry = telemetry
        self._looking = onlookers.looking if onlookers is not None else []
        self._onlookers = onlookers

    def startProtocol(self) -> None:
        self._write = direct_send(self.transport)

    def _discarded(self, peer: Peer, reason: str, text: str) -> None:
        """A packet that gets no answer, whoever asks."""
        self._telemetry.discarded(PROTOCOL, peer[0], reason, text)

    def _send(self, octets: bytes, peer: Peer) -> None:
        if self.transport is None:  # the port was closed while the answer was found
            return
        if self._looking and self._onlookers is not None:
            self._onlookers.saw(False, octets, peer)
        try:
            self._write(octets, peer)
        except OSError:
            self.not_sent(peer)

    def not_sent(self, peer: Peer) -> None:
        """The NAS asks, or tells it, again."""
        self._telemetry.discarded(PROTOCOL, peer[0], "send_failed")
