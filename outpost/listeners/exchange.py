"""One request on a connection of ours and its answer, as a `Route` sees them."""

from __future__ import annotations

from typing import Protocol

from outpost.browsers.sessions import Known
from outpost.outcome import NO_MORE, Grounds, Identity
from protocols.proxy import http1
from protocols.proxy.http1 import RequestReceived, field_lines

PLAIN = field_lines([(b"Content-Type", b"text/plain; charset=utf-8"), (b"X-Content-Type-Options", b"nosniff")])


class Intake(Protocol):
    """What a route leaves behind to hear the rest of a request."""

    def body_received(self, content: bytes) -> None: ...

    def body_ended(self) -> None: ...

    def connection_lost(self) -> None:
        """The client is gone, before its answer was finished."""

    def writing_paused(self) -> None:
        """The client takes its answer more slowly than it is written: wait for `writing_resumed`."""

    def writing_resumed(self) -> None: ...


class Route(Protocol):
    @property
    def body_limit(self) -> int:
        """Most bytes of a request's body."""
        ...

    def open(self, exchange: Exchange) -> Intake | None:
        """A request has come. Answer through the exchange, now or later. None: the body does not matter."""
        ...


class Dated(Protocol):
    def date(self) -> bytes:
        """The Date line."""
        ...


class Connection(Protocol):
    """What an exchange needs of the connection that it is on."""

    http: http1.Connection
    peer: str
    port: int
    server: tuple[str, int]
    secure: bool

    @property
    def owner(self) -> Dated: ...

    def client_certificates(self) -> tuple[bytes, ...]: ...

    def write(self, data: bytes) -> None: ...

    def answered(self) -> None: ...

    def stream(self) -> None: ...

    def pause_body(self, paused: bool) -> None: ...

    def abort(self) -> None: ...


class Exchange:
    """One request and its answer. Once the client is gone, or the answer finished, everything here does nothing."""

    __slots__ = (
        *("_connection", "begun", "grounds", "identity", "known"),
        *("path", "peer", "port", "request", "secure", "server"),
    )

    def __init__(self, connection: Connection, request: RequestReceived) -> None:
        self._connection: Connection | None = connection
        self.request = request
        self.peer: str = connection.peer
        self.port: int = connection.port
        self.server: tuple[str, int] = connection.server
        self.secure: bool = connection.secure
        self.path = request.target.partition(b"?")[0]
        self.begun = False
        self.identity: Identity | None = None
        """Who was let in, once somebody was; and by which session, if by one."""
        self.known: Known | None = None
        self.grounds: Grounds = NO_MORE

    def client_certificates(self) -> tuple[bytes, ...]:
        """DER, the leaf first, of what the client has shown when it was asked; its key is theirs."""
        return self._connection.client_certificates() if self._connection is not None else ()

    @property
    def octets(self) -> bytes:
        """All of the request, if the same octets would always get the same answer from whoever decided it."""
        return self.request.octets

    @property
    def gone(self) -> bool:
        return self._connection is None

    def respond(self, status: int, fields: bytes = b"", body: bytes = b"") -> None:
        """A whole answer, in one write. ``fields`` are lines from `field_lines`."""
        connection = self._connection
        if connection is not None:
            self.begun = True
            connection.write(connection.http.respond(status, connection.owner.date() + fields, body))
            connection.answered()

    def begin(
        self, status: int, fields: bytes, length: int | None, content: bytes, last: bool, dated: bool = True
    ) -> None:
        """The head with the first, perhaps only, part of the body, in one write. ``length`` as in `Connection.begin`;
        without ``dated``, ``fields`` hold a Date of their own."""
        connection = self._connection
        if connection is None:
            return
        http = connection.http
        head = http.begin(status, connection.owner.date() + fields if dated else fields, length)
        self.begun = True
        pieces = head + http.send_body(content)
        if last:
            connection.write(pieces + http.finish())
            connection.answered()
        else:
            connection.stream()
            connection.write(pieces)

    def send(self, content: bytes, last: bool) -> None:
        """More of the body."""
        connection = self._connection
        if connection is None:
            return
        pieces = connection.http.send_body(content)
        if last:
            pieces += connection.http.finish()
        connection.write(pieces)
        if last:
            connection.answered()

    def switch(self, fields: bytes) -> None:
        """101: what comes and goes from here on is not ours to read (`Intake.body_received`, `send`)."""
        connection = self._connection
        if connection is not None:
            self.begun = True
            connection.stream()
            connection.write(connection.http.switch_protocols(fields))

    def inform_continue(self) -> None:
        if self._connection is not None:
            self._connection.write(self._connection.http.inform_continue())

    def pause_body(self) -> None:
        """Take no more of the body until `resume_body`."""
        if self._connection is not None:
            self._connection.pause_body(True)

    def resume_body(self) -> None:
        if self._connection is not None:
            self._connection.pause_body(False)

    def fail(self) -> None:
        """Ends what went wrong on our side: 500 if nothing was written yet, otherwise the connection breaks off."""
        connection = self._connection
        if connection is None:
            return
        if self.begun:
            connection.abort()
            return
        try:
            self.respond(500, PLAIN, b"Internal Server Error")
        except Exception:
            connection.abort()
            raise

    def detach(self) -> None:
        self._connection = None
