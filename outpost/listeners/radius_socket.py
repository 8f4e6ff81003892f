"""The socket of a RADIUS door: what goes out, who looks on, and what gets no answer."""

from __future__ import annotations

from outpost.listeners.answering import Answering
from outpost.listeners.direct import direct_send
from outpost.listeners.onlookers import Onlookers
from outpost.outcome import Circumstances, Decision
from outpost.telemetry import Telemetry, with_detail
from protocols.radius.duplicates import Peer
from protocols.radius.nas import unmapped
from protocols.radius.request import Request
from rules.discards import DISCARDS
from rules.reasons import REASONS

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
        self._telemetry.discarded(PROTOCOL, unmapped(peer[0]), reason, text)
        self._show("dropped", reason, with_detail(DISCARDS.get(reason, ""), text), peer)

    def _understood(self, address: str) -> None:
        """What it sends is made with the shared secret that is stored for it."""
        if self._telemetry.knocks.open:
            self._telemetry.answered("nas", address)
            self._telemetry.answered("nas_secret", address)

    def _refused(self, request: Request, username: str, reason: str, text: str) -> None:
        """Here at the door: control knows nothing of it."""
        self._telemetry.decided(username, Circumstances(PROTOCOL, request.address), Decision(reason), text)
        self._show("refused", reason, with_detail(REASONS[reason].operator, text), request.peer)

    def _show(self, what: str, reason: str, sentence: str, peer: Peer) -> None:
        if self._looking and self._onlookers is not None:
            self._onlookers.heard_why(what, reason, sentence, peer)

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
