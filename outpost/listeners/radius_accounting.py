"""RADIUS accounting: what NAS tell of their sessions goes into the outbox, and is answered when it is safe there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.nas import nas_table
from outpost.listeners.onlookers import Onlookers
from outpost.listeners.radius_socket import PROTOCOL, RadiusSocket
from outpost.telemetry import Telemetry
from protocols.radius.accounting import Accounted, AccountingExchange
from protocols.radius.duplicates import Peer
from protocols.radius.nas import unmapped
from protocols.radius.request import Discard, Resend, StatusAnswered

ACCOUNTING = "accounting"
"""Kind of the reports."""

Keep = Callable[[str, dict[str, Any]], Awaitable[bool]]
"""Kind and body of a report, to whether it is kept for good."""


class AccountingListener(RadiusSocket):
    """``now``: seconds since the epoch; ``seconds`` only counts them."""

    def __init__(
        self,
        directory: Directory,
        telemetry: Telemetry,
        keep: Keep,
        now: Callable[[], float],
        seconds: Callable[[], float],
        onlookers: Onlookers | None = None,
    ) -> None:
        self._directory = directory
        super().__init__(telemetry, onlookers)
        self._keep = keep
        self._now = now
        self._seconds = seconds
        self._exchange = AccountingExchange()
        directory.follow(self._follow)

    def datagramReceived(self, datagram: bytes, addr: Peer) -> None:
        try:
            if self._looking and self._onlookers is not None:
                self._onlookers.saw(True, datagram, addr)
            self._receive(datagram, addr)
        except Exception:
            self._telemetry.fault(PROTOCOL)

    def _receive(self, datagram: bytes, peer: Peer) -> None:
        match self._exchange.receive_datagram(datagram, peer, self._seconds()):
            case Accounted() as accounted:
                self._understood(accounted.request.address)
                Deferred.fromCoroutine(self._take(accounted))
            case Resend(octets):
                self._send(octets, peer)
            case StatusAnswered(octets):
                self._understood(unmapped(peer[0]))
                self._send(octets, peer)
            case Discard(reason, text):
                self._discarded(peer, reason, text)

    async def _take(self, accounted: Accounted) -> None:
        self._telemetry.taken[PROTOCOL, ACCOUNTING] += 1
        request, kept = accounted.request, False
        try:
            at = accounted.happened(self._now())
            kept = await self._keep(ACCOUNTING, {**accounted.told, "at": at})
        except Exception:
            self._telemetry.fault(PROTOCOL)
        reply = self._exchange.answer(request, kept, self._seconds())
        if reply is not None:
            self._send(reply, request.peer)
        elif not kept:
            self._discarded(request.peer, "not_kept", "")

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """What is wrong in the table is told of by the door for logins."""
        if self._directory.loaded and (touched.everything or touched.configuration):
            self._exchange.table = nas_table(snapshot)
