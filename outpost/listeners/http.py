"""HTTP/1.1 on Twisted: connections that hand each request to a route, and write its answer.

A `Route` answers through the `Exchange` it is given, now or later. The connection keeps order, bounds and time-outs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any, cast

from twisted.internet.interfaces import IAddress, IReactorTime, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.certificates.clients import shown_over
from outpost.listeners.direct import direct_write
from outpost.listeners.exchange import PLAIN, Exchange, Intake, Route
from outpost.listeners.limits import Connections, nobody
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.proxy import http1
from protocols.proxy.http1 import NEED_DATA, PAUSED, REQUEST_ENDED, BodyReceived, RequestReceived, field_lines

HEAD_TIMEOUT = 30.0
"""Seconds for a whole head, from its first byte or from the connection's start."""
IDLE_TIMEOUT = 75.0
"""Seconds between requests; longer than nginx's 60, so that the proxy closes first and no request meets a close."""
BODY_TIMEOUT = 60.0
"""Seconds without a byte of an announced body."""
SEND_TIMEOUT = 60.0
"""Seconds without progress while a client does not take its answer."""
STREAM_TIMEOUT = 900.0
"""The same for an answer that comes in parts: a slow line, or a player that somebody has paused."""
LINGER_TIMEOUT = 5.0
"""Seconds for a client to read its refusal while it still sends: closing at once could destroy the answer."""


class HttpConnection(Conversation):
    def __init__(self, owner: HttpFactory) -> None:
        self.owner = owner
        self.http = http1.Connection()
        self.deadline = math.inf
        """When, on the factory's clock, patience ends."""
        self._exchange: Exchange | None = None
        self._intake: Intake | None = None
        self._advancing = False
        self._body_paused = False
        self._reading_paused = False
        self._writing_paused = False
        self._streaming = False
        self._head_begun = False
        self._closing = False

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._send = direct_write(transport)
        peer, here = transport.getPeer(), transport.getHost()
        self.peer: str = getattr(peer, "host", "")
        self.port: int = getattr(peer, "port", 0)
        self.server: tuple[str, int] = (getattr(here, "host", ""), getattr(here, "port", 0))
        self.secure: bool = ISSLTransport.providedBy(transport)
        if self.owner.connections.admit(self):
            transport.registerProducer(self, True)
            self._wait(HEAD_TIMEOUT)
        else:
            self.owner.telemetry.discarded("http", self.peer, "too_many_connections")
            self.abort()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.owner.connections.leave(self)
        cast(Any, self.transport).unregisterProducer()
        self._drop_exchange()
        self.http.release()

    # --- in ---

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        if self.owner.repeated is not None and self.http.idle and not self._writing_paused:
            answer = self.owner.repeated(self.peer, data, self.owner.date())
            if answer is not None:
                self._send(answer)
                self._wait(IDLE_TIMEOUT)
                return
        self.http.receive_data(data)
        self._advance()
        if self._exchange is None and not self._head_begun and not self._closing and self.http.head_begun:
            self._head_begun = True
            self._wait(HEAD_TIMEOUT)

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        try:
            while not (self._body_paused or self._writing_paused or self._closing):
                event = self.http.next_event()
                if event is NEED_DATA or event is PAUSED:
                    break
                if isinstance(event, RequestReceived):
                    self._open(event)
                elif isinstance(event, BodyReceived):
                    if self._intake is not None:
                        self._intake.body_received(event.content)
                elif event is REQUEST_ENDED and self._intake is not None:
                    self._intake.body_ended()
        except RemoteProtocolError as error:
            self._refuse(error)
        except Exception:
            self.owner.telemetry.fault("http")
            self.abort()
        finally:
            self._advancing = False
        self._pace_reading()

    def _open(self, request: RequestReceived) -> None:
        self._exchange = exchange = Exchange(self, request)
        route = self.owner.route(exchange)
        if route is None:
            exchange.respond(404, PLAIN, b"Not Found\n")
            return
        self.http.limit_body(route.body_limit)
        self.deadline = math.inf
        try:
            intake = route.open(exchange)
        except Exception:
            self.owner.telemetry.fault("http route")
            exchange.fail()
            return
        if self._exchange is exchange:
            self._intake = intake

    def _pace_reading(self) -> None:
        """Stops reading when something waits behind this request, its taker wants no more, or answers are not taken."""
        if self._closing:
            return
        paused = self._body_paused or self._writing_paused or self.http.holds_more
        if paused != self._reading_paused:
            self._reading_paused = paused
            transport = cast(Any, self.transport)
            if paused:
                transport.pauseProducing()
            else:
                transport.resumeProducing()
        if self._exchange is not None and not self._streaming and not self._writing_paused:
            if paused or not self.http.body_expected:
                self.deadline = math.inf
            else:
                self._wait(BODY_TIMEOUT)

    def pause_body(self, paused: bool) -> None:
        self._body_paused = paused
        if not paused:
            self._advance()
        elif not self._advancing:
            self._pace_reading()

    # --- out ---

    def write(self, data: bytes) -> None:
        """The one place that writes."""
        if data:
            self._send(data)

    def answered(self) -> None:
        """The answer is finished: on to the next request, or close."""
        if self._exchange is not None:
            self._exchange.detach()
        self._exchange = self._intake = None
        self._body_paused = self._head_begun = self._streaming = False
        if self.http.must_close or self.owner.draining:
            self._close()
        elif not self._writing_paused:  # or else the next request waits until this answer is taken
            self._wait(IDLE_TIMEOUT)
            self._advance()

    @property
    def busy(self) -> bool:
        """Has somebody asked something whose answer is not finished? An answer without end does not count."""
        return not self._closing and (self._exchange is not None or self._head_begun) and not self._streaming

    def finish(self) -> None:
        """Closes when nothing is asked any more: now, or with the answer."""
        if not (self._closing or self.busy or self._streaming):
            self._close()

    def _refuse(self, error: RemoteProtocolError) -> None:
        self.owner.telemetry.discarded("http", self.peer, error.reason)
        self._drop_exchange()
        if error.answer:
            self.write(error.answer)
            self._close()
        else:
            self.abort()

    def _close(self) -> None:
        """Closes once everything is sent; if the client may still be sending, only our side first (RFC 9112 9.6)."""
        self._closing = True
        transport = cast(Any, self.transport)
        transport.unregisterProducer()
        if self.http.unread and not self.secure and hasattr(transport, "loseWriteConnection"):
            self._wait(LINGER_TIMEOUT)
            transport.loseWriteConnection()
            if self._reading_paused:
                transport.resumeProducing()
        else:
            self._wait(SEND_TIMEOUT)
            transport.loseConnection()

    def client_certificates(self) -> tuple[bytes, ...]:
        return shown_over(self.transport) if self.secure else ()

    def abort(self) -> None:
        self._closing = True
        self._drop_exchange()
        cast(Any, self.transport).abortConnection()

    def _drop_exchange(self) -> None:
        exchange, intake = self._exchange, self._intake
        self._exchange = self._intake = None
        self._streaming = False
        if exchange is not None:
            exchange.detach()
        if intake is not None:
            intake.connection_lost()

    # --- time and pace ---

    def _wait(self, seconds: float) -> None:
        self.deadline = self.owner.clock.seconds() + seconds

    def stream(self) -> None:
        """The answer comes in parts; its deadline is that of its client's taking them."""
        if not self._streaming and ITCPTransport.providedBy(self.transport):
            cast(Any, self.transport).setTcpKeepAlive(True)  # it may be silent for long, and its client gone
        self._streaming = True
        if not self._writing_paused:
            self.deadline = math.inf

    def pauseProducing(self) -> None:
        """The client does not take what is written: nothing more of it is read, and no further request answered."""
        self._writing_paused = True
        self._wait(STREAM_TIMEOUT if self._streaming else SEND_TIMEOUT)
        if self._intake is not None:
            self._intake.writing_paused()
        self._pace_reading()

    def resumeProducing(self) -> None:
        self._writing_paused = False
        if self._exchange is None:
            self._wait(IDLE_TIMEOUT)
        else:
            self.deadline = math.inf
        if self._intake is not None:
            self._intake.writing_resumed()
        self._advance()

    def stopProducing(self) -> None:
        """connectionLost follows."""


class HttpFactory(Factory):
    """``routes``: (prefix, route), the first that fits. A prefix ending in ``/`` stands for everything below it, any
    other for itself. ``fallback`` takes the rest; without one the rest is 404. ``now``: seconds since the epoch.
    ``hosted`` is asked before all of these whether the host that a request names is somebody else's, and ``repeated``,
    with the peer, the octets and the Date line, whether this is a question that has its answer. ``brings_others``: of
    `Connections`."""

    noisy = False

    def __init__(
        self,
        routes: Sequence[tuple[bytes, Route]],
        fallback: Route | None,
        clock: IReactorTime,
        now: Callable[[], float],
        telemetry: Telemetry,
        most_connections: int | None = None,
        most_of_host: int | None = None,
        hosted: Callable[[Exchange], Route | None] | None = None,
        repeated: Callable[[str, bytes, bytes], bytes | None] | None = None,
        brings_others: Callable[[str], bool] = nobody,
    ) -> None:
        self._routes = tuple(routes)
        self._hosted = hosted
        self.repeated = repeated
        self._fallback = fallback
        self.clock = cast(Any, clock)
        self._now = now
        self.telemetry = telemetry
        self.connections = Connections(clock, most_connections, most_of_host, brings_others=brings_others)
        self.draining = False
        """Is every answer a connection's last?"""
        self._date_second = -1
        self._date = b""

    def buildProtocol(self, addr: IAddress | None) -> HttpConnection:
        return HttpConnection(self)

    def drain(self) -> None:
        self.draining = True
        for one in self._open:
            one.finish()

    @property
    def busy(self) -> bool:
        return any(one.busy for one in self._open)

    @property
    def _open(self) -> list[HttpConnection]:
        return cast(list[HttpConnection], list(self.connections))

    def route(self, exchange: Exchange) -> Route | None:
        if self._hosted is not None and (found := self._hosted(exchange)) is not None:
            return found
        path = exchange.path
        for prefix, route in self._routes:
            if path.startswith(prefix) and (prefix.endswith(b"/") or path == prefix):
                return route
        return self._fallback

    def date(self) -> bytes:
        """The Date line, made once a second."""
        second = int(self._now())
        if second != self._date_second:
            self._date_second = second
            self._date = field_lines([(b"Date", formatdate(second, usegmt=True).encode("ascii"))])
        return self._date
