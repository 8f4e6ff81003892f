"""Connections to one application behind us: asked one request at a time, kept for the next, given up in time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IReactorTime, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Conversation
from twisted.python.failure import Failure

from outpost.listeners.direct import direct_write
from outpost.listeners.limits import Connections
from protocols.errors import RemoteProtocolError
from protocols.proxy import http1_client
from protocols.proxy.http1 import NEED_DATA
from protocols.proxy.http1_client import ANSWER_ENDED, CONTINUE, AnswerReceived
from protocols.proxy.http1_requests import BodyReceived

CONNECT_TIMEOUT = 10.0
"""Seconds until somebody accepts."""
ANSWER_TIMEOUT = 300.0
"""Seconds from the end of a request to the head of its answer: reports take long. What follows may take for ever."""
TAKE_TIMEOUT = 60.0
"""Seconds without progress while the application does not take a body."""
MAX_IDLE = 64
"""Connections to one application that wait for the next request."""
IDLE_SECONDS = 30.0
"""How long they wait; most servers wait longer, so that few close under a request."""
FRESH_SECONDS = 1.0
"""After that, only requests that can be repeated go over a kept connection: it may be closing just now."""

FAILURES = {
    "refused": (502, "nobody listens at its address"),
    "not_found": (502, "its host name leads nowhere"),
    "unreachable": (502, "there is no way to its address"),
    "tls": (502, "no TLS connection could be made"),
    "closed": (502, "it closed the connection without answering"),
    "cut": (502, "it closed the connection within its answer"),
    "bad_answer": (502, "its answer breaks the rules of HTTP"),
    "slow_connect": (504, "nobody accepted the connection in time"),
    "slow_answer": (504, "it did not answer in time"),
    "not_configured": (502, "no address of it is configured"),
}
"""Why an application behind us could not answer: code to the status that we answer with, and a phrase."""


class Taker(Protocol):
    """Who asked."""

    def answered(self, head: AnswerReceived | None, content: bytes, ended: bool) -> None:
        """The next part of the answer; its head comes once, with the first."""

    def continued(self) -> None:
        """The application waits for the body that was announced."""

    def failed(self, failure: str) -> None:
        """There is no answer, or no end of it. ``failure`` is one of `FAILURES`."""

    def taking_paused(self) -> None:
        """The application takes the body more slowly than it comes."""

    def taking_resumed(self) -> None: ...


class UpstreamConnection(Conversation):
    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.peer = upstream.name
        self.http = http1_client.Connection()
        self.deadline = math.inf
        self.idle_since = 0.0
        self.reused = False
        self._taker: Taker | None = None
        self._sent = False
        self._reading_paused = False
        self._lost = False
        self._registered = False

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        self._secure = ISSLTransport.providedBy(transport)
        self._send = direct_write(transport)
        transport.registerProducer(self, True)
        self._registered = True
        if not self.upstream.connections.admit(self):
            transport.abortConnection()

    # --- what the taker does ---

    def ask(
        self, taker: Taker, method: bytes, target: bytes, fields: bytes, length: int | None, upgrading: bool
    ) -> None:
        """As `http1_client.Connection.request`."""
        self._taker = taker
        self._sent = False
        self._send(self.http.request(method, target, fields, length, upgrading))
        if length == 0:
            self._all_sent()

    def send_body(self, content: bytes) -> None:
        if self._taker is not None:
            self._send(self.http.send_body(content))

    def finish(self) -> None:
        if self._taker is not None and not self._sent:
            self._send(self.http.finish())
            self._all_sent()

    def pause_answer(self, paused: bool) -> None:
        if paused != self._reading_paused and not self._lost:
            self._reading_paused = paused
            transport = cast(Any, self.transport)
            if paused:
                transport.pauseProducing()
            else:
                transport.resumeProducing()

    def leave(self) -> None:
        """Nobody waits for the answer any more."""
        self._taker = None
        if self.http.switched:
            self._close()  # what was said last still gets there
        else:
            self.abort()

    def abort(self) -> None:
        """Also when patience has ended."""
        self._fail("slow_answer")
        if not self._lost:
            cast(Any, self.transport).abortConnection()

    def _all_sent(self) -> None:
        self._sent = True
        if not self.http.heard:
            self._wait(ANSWER_TIMEOUT)

    # --- what the application does ---

    def dataReceived(self, data: bytes) -> None:
        self.http.receive_data(data)
        self._advance()

    def _advance(self) -> None:
        head: AnswerReceived | None = None
        pieces: list[bytes] = []
        ended = False
        try:
            while (event := self.http.next_event()) is not NEED_DATA:
                if isinstance(event, BodyReceived):
                    pieces.append(event.content)
                elif isinstance(event, AnswerReceived):
                    head = event
                    self.deadline = math.inf
                elif event is CONTINUE and self._taker is not None:
                    self._taker.continued()
                ended = ended or event is ANSWER_ENDED
        except RemoteProtocolError:
            self._fail("cut" if self._lost and self.http.heard else "closed" if self._lost else "bad_answer")
            self.abort()
            return
        taker = self._taker
        if taker is not None and (head is not None or pieces or ended):
            if ended:
                self._release()
            taker.answered(head, b"".join(pieces), ended)

    def _release(self) -> None:
        """The answer has come; before it is told of, since the next request may come with that."""
        self._taker = None
        self.pause_answer(False)
        self.upstream.answers += 1
        if self.http.ready and not self._lost:
            self.upstream.keep(self)
        else:
            self._close()

    def _close(self) -> None:
        if not self._lost:
            self._wait(TAKE_TIMEOUT)
            self._unregister()  # TLS says no farewell while there is a producer
            cast(Any, self.transport).loseConnection()

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            cast(Any, self.transport).unregisterProducer()

    def _fail(self, failure: str) -> None:
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.failed(failure)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._lost = True
        self._unregister()
        if self._taker is not None:
            if reason is None or reason.check(ConnectionDone):
                self.http.receive_end()
                self._advance()
            elif self._secure and not self.http.heard and reason.check(ConnectionLost) is None:
                self._fail("tls")
            self._fail("cut" if self.http.heard else "closed")
        self.http.release()
        self.upstream.left(self)

    # --- time and pace ---

    def _wait(self, seconds: float) -> None:
        self.deadline = self.upstream.clock.seconds() + seconds

    def wait_for_next(self) -> None:
        self.idle_since = self.upstream.clock.seconds()
        self.reused = True
        self._wait(IDLE_SECONDS)

    def pauseProducing(self) -> None:
        self._wait(TAKE_TIMEOUT)
        if self._taker is not None:
            self._taker.taking_paused()

    def resumeProducing(self) -> None:
        if self._taker is not None:
            self.deadline = math.inf
            if self._sent and not self.http.heard:
                self._wait(ANSWER_TIMEOUT)
            self._taker.taking_resumed()

    def stopProducing(self) -> None:
        """connectionLost follows."""


class Upstream:
    """``connect`` makes a connection with the factory that it is given. ``connections`` are those to all applications;
    ``clock`` only counts seconds."""

    def __init__(
        self, name: str, connect: Callable[[Factory], Deferred[Any]], connections: Connections, clock: IReactorTime
    ) -> None:
        self.name = name
        """URL without a path."""
        self.connections = connections
        self.clock = cast(Any, clock)
        self.answers = 0
        self.failures: Counter[str] = Counter()
        self.failing = ""
        """Of `FAILURES`, while the last request failed."""
        self.probed = False
        """Somebody has looked whether it is there (`upstream_health`)."""
        self.dial = connect
        self._idle: list[UpstreamConnection] = []
        self._closed = False

    def kept(self, repeatable: bool) -> UpstreamConnection | None:
        """The one that waits since last, if it serves."""
        while self._idle:
            found = self._idle[-1]
            if not repeatable and self.clock.seconds() - found.idle_since > FRESH_SECONDS:
                return None
            self._idle.pop()
            if found.http.ready:
                found.deadline = math.inf
                return found
        return None

    def connect(self) -> Deferred[UpstreamConnection]:
        return self.dial(_Connecting(self))

    def keep(self, connection: UpstreamConnection) -> None:
        if self._closed or len(self._idle) >= MAX_IDLE:
            connection.leave()
        else:
            connection.wait_for_next()
            self._idle.append(connection)

    def left(self, connection: UpstreamConnection) -> None:
        self.connections.leave(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Nothing is kept any more; what is under way goes on."""
        self._closed = True
        for connection in tuple(self._idle):
            connection.leave()


class _Connecting(Factory):
    noisy = False

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return UpstreamConnection(self._upstream)
