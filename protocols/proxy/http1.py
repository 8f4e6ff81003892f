"""One HTTP/1.1 connection, seen from the server (RFC 9112): bytes in, events out; answers in, bytes out.

    connection.receive_data(data)
    while (event := connection.next_event()) not in (NEED_DATA, PAUSED): ...

One request is served at a time: what is pipelined behind it waits (PAUSED) until its answer is finished, so answers
leave in order by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from http import HTTPStatus

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.proxy.http1_plain import RequestReceived
from protocols.proxy.http1_requests import REQUEST_ENDED, BodyReceived, Mark, Refused, RequestReader

__all__ = [
    "DEFAULT_BODY_LIMIT",
    "NEED_DATA",
    "PAUSED",
    "REQUEST_ENDED",
    "BodyReceived",
    "Connection",
    "RequestReceived",
    "field_lines",
    "plain_answer",
]

DEFAULT_BODY_LIMIT = 1024 * 1024
"""Bytes of a request body, where the route names no other bound; forms and API calls are far smaller."""
MAX_HELD_BYTES = 1024 * 1024
"""Bytes kept behind an unanswered request. Who stops reading at PAUSED never gets near."""


class Waiting(Enum):
    NEED_DATA = "need data"
    PAUSED = "paused"


NEED_DATA = Waiting.NEED_DATA
"""More bytes must come."""
PAUSED = Waiting.PAUSED
"""The request has been read; its answer must be finished before anything else is read."""

STATUS_LINES: dict[int, bytes] = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode("ascii")) for status in HTTPStatus
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset((204, 304))
_PLAIN_STATUS_LINES = {
    status: line for status, line in STATUS_LINES.items() if status >= 200 and status not in BODILESS
}


def field_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines, rendered. Raises LocalProtocolError for what would become more lines than fields."""
    pieces: list[bytes] = []
    count = 0
    for name, value in fields:
        pieces += (name, b": ", value, b"\r\n")
        count += 1
    lines = b"".join(pieces)
    if lines.count(b"\n") != count or lines.count(b"\r") != count or b"\0" in lines:
        raise LocalProtocolError("a header holds a line break or NUL")
    return lines


def plain_answer(status: int, fields: bytes, body: bytes) -> bytes:
    """The whole answer to a `RequestReceived` that has its ``octets``. Raises KeyError for a status without a body."""
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (_PLAIN_STATUS_LINES[status], fields, len(body), body)


class Connection:
    """Raises RemoteProtocolError from `next_event` and `limit_body` when the client breaks the rules; its ``answer``
    is what to send before closing. LocalProtocolError when it is used wrongly. Any other exception is a bug."""

    def __init__(self) -> None:
        self._reader = RequestReader()
        self._held = b""
        self._delivered = 0
        self._must_close = False
        self._unread = False
        self._switched = False
        self._no_request()

    def _no_request(self) -> None:
        self._request: RequestReceived | None = None
        self._ended = False
        self._begun = False
        self._continued = False
        self._body_limit = DEFAULT_BODY_LIMIT
        self._body_seen = 0
        self._bodiless = False
        self._chunked = False
        self._unsent: int | None = None

    # --- in ---

    def receive_data(self, data: bytes) -> None:
        """Takes what the client sent. Never raises for what the client did."""
        if self.must_close:
            return
        if self._held or self._wholly_read:
            self._held += data
            if len(self._held) > MAX_HELD_BYTES:
                raise LocalProtocolError("reading went on although the connection is paused")
        else:
            self._held = self._reader.feed(data)

    def release(self) -> None:
        """Nothing more will come: frees the parser's memory at once, and not only when cycles are looked for."""
        self._reader.release()

    @property
    def _wholly_read(self) -> bool:
        """Is there a request, read to its end, whose answer is not finished?"""
        return self._request is not None and self._reader.completed >= self._delivered

    @property
    def head_begun(self) -> bool:
        """Has a part of the next request's head come?"""
        return self._request is None and self._reader.in_head

    @property
    def idle(self) -> bool:
        """Has every request been answered, and nothing of another come?"""
        return self._request is None and not (self._held or self._must_close) and self._reader.at_rest

    @property
    def request(self) -> RequestReceived | None:
        """The request being served."""
        return self._request

    @property
    def holds_more(self) -> bool:
        """Has something come behind the request being served? Then stop reading until it is answered."""
        return bool(self._held) or (self._ended and bool(self._reader.events))

    @property
    def must_close(self) -> bool:
        """True once the connection is to be closed, as soon as what was handed out is sent."""
        return self._must_close and self._request is None

    @property
    def unread(self) -> bool:
        """Was the answer given before the whole request had come? Then the client may still be sending."""
        return self._unread

    @property
    def body_expected(self) -> bool:
        """Is more of the request being served to come?"""
        return self._request is not None and not self._wholly_read

    def next_event(self) -> RequestReceived | BodyReceived | Mark | Waiting:
        """The next event in order, NEED_DATA, or PAUSED."""
        if self._switched and self._ended:
            octets, self._held = self._held, b""
            return BodyReceived(octets) if octets else NEED_DATA
        if self._ended:
            return PAUSED
        if self.must_close:
            return NEED_DATA
        if not self._reader.events:
            if self._held and self._request is None:
                self._held = self._reader.feed(self._held)
            if not self._reader.events:
                return NEED_DATA
        event = self._reader.events.popleft()
        if isinstance(event, RequestReceived):
            self._request = event
            self._delivered += 1
        elif event is REQUEST_ENDED:
            self._ended = True
        elif isinstance(event, BodyReceived):
            self._body_seen += len(event.content)
            if self._body_seen > self._body_limit:
                raise self._broken(413, "the body is longer than the route allows")
        elif isinstance(event, Refused):
            raise self._broken(event.status, event.text)
        return event

    def limit_body(self, limit: int) -> None:
        """Sets how many bytes the body of the request being served may have."""
        self._body_limit = limit
        request = self._request
        if request is not None and request.body_length is not None and request.body_length > limit:
            raise self._broken(413, "the body is longer than the route allows")

    def _broken(self, status: int, text: str) -> RemoteProtocolError:
        answer = b""
        if not self._begun:
            phrase = HTTPStatus(status).phrase.encode("ascii")
            answer = (
                b"%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n"
                % (STATUS_LINES[status], len(phrase) + 1, phrase)
            )
        self._must_close = self._unread = True
        self._no_request()
        return RemoteProtocolError(text, answer=answer)

    # --- out ---

    def inform_continue(self) -> bytes:
        """Tells a client that waits for leave to send its body (RFC 9110 10.1.1). Empty when none waits."""
        request = self._request
        if request is None or self._continued or self._begun or not request.expects_continue:
            return b""
        self._continued = True
        return b"" if request.version == "1.0" or self._body_seen or self._wholly_read else CONTINUE

    def respond(self, status: int, fields: bytes, body: bytes = b"") -> bytes:
        """A whole answer. ``fields`` are lines from `field_lines`, without framing or Connection."""
        request = self._request
        if (
            request is None
            or self._begun
            or self._must_close
            or not request.keep_alive
            or not self._wholly_read
            or request.version != "1.1"
            or request.method == b"HEAD"
            or status not in _PLAIN_STATUS_LINES
        ):
            return self.begin(status, fields, len(body)) + self.send_body(body) + self.finish()
        # Nearly every answer; the line above would say the same.
        while not self._ended:
            self._ended = self._reader.events.popleft() is REQUEST_ENDED
        self._no_request()
        return plain_answer(status, fields, body)

    def switch_protocols(self, fields: bytes) -> bytes:
        """101: from here on the connection speaks what the request asked for in Upgrade (RFC 9110, 7.8). What comes is
        handed on as `BodyReceived`, until the connection is closed. ``fields`` hold Connection and Upgrade."""
        request = self._request
        if request is None or self._begun or not request.upgrade or not self._wholly_read:
            raise LocalProtocolError("there is no request to switch protocols")
        self._begun = self._switched = self._must_close = True
        return b"%b%b\r\n" % (STATUS_LINES[101], fields)

    def begin(self, status: int, fields: bytes, length: int | None = None) -> bytes:
        """The head of an answer whose body has ``length`` bytes; None: chunked, or until the end for HTTP/1.0."""
        request = self._request
        if request is None or self._begun:
            raise LocalProtocolError("there is no request to answer")
        if not 200 <= status <= 599:
            raise LocalProtocolError(f"{status} is no final status")
        self._begun = True
        self._bodiless = status in BODILESS or request.method == b"HEAD"
        framing = b""
        if status in BODILESS:
            pass
        elif length is not None:
            framing = b"Content-Length: %d\r\n" % length
        elif request.version == "1.1" and not self._bodiless:
            framing = b"Transfer-Encoding: chunked\r\n"
            self._chunked = True
        self._unsent = length
        self._unread = not self._wholly_read
        unframed = length is None and not self._chunked and not self._bodiless
        # a body that has not come yet could be taken for the next request
        if unframed or not request.keep_alive or self._unread:
            self._must_close = True
            framing += b"Connection: close\r\n"
        elif request.version == "1.0":
            framing += b"Connection: keep-alive\r\n"
        line = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        return line + fields + framing + b"\r\n"

    def send_body(self, content: bytes) -> bytes:
        if not self._begun:
            raise LocalProtocolError("the answer has not begun")
        if not content or self._bodiless:
            return b""
        if self._chunked:
            return b"%x\r\n%s\r\n" % (len(content), content)
        if self._unsent is not None:
            self._unsent -= len(content)
            if self._unsent < 0:
                raise LocalProtocolError("the answer's body is longer than announced")
        return content

    def finish(self) -> bytes:
        """Ends the answer; what the client sent of this request and nobody took is dropped."""
        if not self._begun:
            raise LocalProtocolError("the answer has not begun")
        if self._unsent and not self._bodiless:
            raise LocalProtocolError("the answer's body is shorter than announced")
        ending = b"0\r\n\r\n" if self._chunked else b""
        while not self._ended and not self._must_close:
            self._ended = self._reader.events.popleft() is REQUEST_ENDED
        self._no_request()
        return ending
