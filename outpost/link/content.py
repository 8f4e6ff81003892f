"""The body of an answer that fits in memory: whoever sends more than it may is not read on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from protocols.errors import RemoteProtocolError


def whole(response: Any, most: int) -> Deferred[bytes]:
    """All of it. Fails with RemoteProtocolError if it is longer than ``most`` bytes, and with what ends it early."""
    content = _Content(most, cut=False)
    response.deliverBody(content)
    return content.come


def beginning(response: Any, most: int) -> Deferred[bytes]:
    """As much of it as fits into ``most`` bytes; the rest is not waited for."""
    content = _Content(most, cut=True)
    response.deliverBody(content)
    return content.come


class _Content(Protocol):
    """``come`` fires with what is there; cancelled, it closes the connection."""

    transport: Any

    def __init__(self, most: int, cut: bool) -> None:
        self.come: Deferred[bytes] = Deferred(lambda _: self._stop())
        self._most = most
        self._cut = cut
        self._octets = bytearray()

    def dataReceived(self, data: bytes) -> None:
        if self.come.called:
            return
        self._octets += data
        if len(self._octets) <= self._most:
            return
        if self._cut:
            self.come.callback(bytes(self._octets[: self._most]))
        else:
            self.come.errback(RemoteProtocolError(f"an answer is longer than {self._most} bytes", "oversize"))
        self._octets.clear()
        self._stop()

    def connectionLost(self, reason: Failure = Failure(ConnectionClosed())) -> None:  # noqa: B008
        if self.come.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.come.callback(bytes(self._octets))
        else:
            self.come.errback(reason)

    def _stop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
