"""One visitor's request on its way to the application, and the answer on its way back."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from outpost.listeners.exchange import PLAIN, Exchange
from outpost.listeners.upstream import Upstream, UpstreamConnection
from outpost.listeners.upstreams import failure_of
from protocols.proxy.http1 import field_lines
from protocols.proxy.http1_client import AnswerReceived
from protocols.proxy.onward import WEBSOCKET, back_fields, is_websocket

REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS"))
"""Without a body they may be sent once more, when a kept connection turns out to be closed (RFC 9112, 9.3.1)."""
ENDED = b"Your session has ended.\n"
SWITCHED = field_lines([(b"Connection", b"Upgrade"), (b"Upgrade", WEBSOCKET)])


class Passage:
    """The rest of a request (`exchange.Intake`) goes to the application, its answer (`upstream.Taker`) comes back, each
    as fast as the other side takes it. ``finished`` is called once, with one of `upstream.FAILURES`, empty if there was
    none, or None if the visitor was the one to leave; ``broken`` with what went wrong on our side."""

    def __init__(
        self, exchange: Exchange, finished: Callable[[Passage, str | None], None], broken: Callable[[Failure], None]
    ) -> None:
        self.exchange = exchange
        self._finished = finished
        self._broken = broken
        self.upstream: Upstream | None = None
        """Whom it went to, once it may pass."""
        self._connection: UpstreamConnection | None = None
        self._connecting: Deferred[None] | None = None
        self._fields = b""
        self._over = False
        request = exchange.request
        self._repeatable = request.method in REPEATABLE and request.body_length == 0 and not is_websocket(request)
        if request.body_length != 0:
            exchange.pause_body()  # until there is somebody to take it

    # --- to the application ---

    def go(self, upstream: Upstream, fields: bytes) -> None:
        """The visitor may pass. ``fields``: of the request, as `onward_fields`."""
        self.upstream = upstream
        self._fields = fields
        kept = upstream.kept(self._repeatable)
        if kept is not None:
            self._ask(kept)
        else:
            self._connect(upstream)

    def _connect(self, upstream: Upstream) -> None:
        self._connecting = upstream.connect().addCallbacks(self._ask, self._not_connected).addErrback(self._fault)

    def _ask(self, connection: UpstreamConnection) -> None:
        self._connecting = None
        if self._over:
            connection.leave()
            return
        self._connection = connection
        request = self.exchange.request
        connection.ask(
            self, request.method, request.target, self._fields, request.body_length, upgrading=is_websocket(request)
        )
        if request.body_length != 0:
            self.exchange.resume_body()

    def _not_connected(self, reason: Failure) -> None:
        self._connecting = None
        if not reason.check(CancelledError):
            self._end(failure_of(reason))

    def _fault(self, reason: Failure) -> None:
        self.exchange.fail()
        self._end(None)
        self._broken(reason)

    def body_received(self, content: bytes) -> None:
        if self._connection is not None:
            self._connection.send_body(content)

    def body_ended(self) -> None:
        if self._connection is not None:
            self._connection.finish()

    def taking_paused(self) -> None:
        self.exchange.pause_body()

    def taking_resumed(self) -> None:
        self.exchange.resume_body()

    # --- back to the visitor ---

    def answered(self, head: AnswerReceived | None, content: bytes, ended: bool) -> None:
        if ended:
            self._connection = None
        exchange = self.exchange
        if head is None:
            exchange.send(content, ended)
        elif head.status == 101:
            self._switch(head, content, ended)
        else:
            fields, dated = back_fields(head.headers)
            exchange.begin(head.status, fields, head.length, content, ended, dated=not dated)
        if ended:
            self._end("")

    def _switch(self, head: AnswerReceived, content: bytes, ended: bool) -> None:
        if [value.lower() for name, value in head.headers if name.lower() == b"upgrade"] != [WEBSOCKET]:
            self._end("bad_answer")
            return
        self.exchange.switch(back_fields(head.headers)[0] + SWITCHED)
        if content or ended:
            self.exchange.send(content, ended)

    def continued(self) -> None:
        self.exchange.inform_continue()

    def failed(self, failure: str) -> None:
        connection, self._connection = self._connection, None
        stale = connection is not None and connection.reused and not connection.http.heard
        if stale and failure == "closed" and self._repeatable and self.upstream is not None and not self._over:
            self._connect(self.upstream)
        else:
            self._end(failure)

    def writing_paused(self) -> None:
        if self._connection is not None:
            self._connection.pause_answer(True)

    def writing_resumed(self) -> None:
        if self._connection is not None:
            self._connection.pause_answer(False)

    # --- the end ---

    def cut(self) -> None:
        """Whoever asked may not be in any more (`watch.Cuttable`)."""
        if self.exchange.begun:
            self.exchange.fail()
        else:
            self.exchange.respond(401, PLAIN, ENDED)
        self._end(None)

    def connection_lost(self) -> None:
        self._end(None)

    def _end(self, failure: str | None) -> None:
        if self._over:
            return
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.leave()
        if self._connecting is not None:
            self._connecting.cancel()
        self._finished(self, failure)
