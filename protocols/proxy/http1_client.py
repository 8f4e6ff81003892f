"""One HTTP/1.1 connection, seen from the client (RFC 9112): requests in, bytes out; bytes in, answers out.

    send(connection.request(b"GET", b"/", fields, 0))
    connection.receive_data(data)
    while (event := connection.next_event()) is not NEED_DATA: ...

httptools reads the answers, and refuses what two readers would cut in different places. One request at a time.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from protocols.errors import LocalProtocolError, RemoteProtocolError
from protocols.proxy.http1 import BODILESS, NEED_DATA, Waiting
from protocols.proxy.http1_requests import BodyReceived

MAX_ANSWER_HEAD_BYTES = 64 * 1024
"""Status line and headers; nginx takes 4 to 32 KiB of an upstream's, and some applications set large cookies."""
MAX_ANSWER_HEADERS = 256
MAX_INTERIM = 16
"""Answers 1xx before the one that counts."""
MAX_PADDING = 128 * 1024
"""Chunk extensions and trailers over a whole body, beside eight times its content."""
CONTENT_EXPECTED = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods whose request says that it has no content (RFC 9110, 8.6)."""

_LENGTHS = frozenset(map(len, ("content-length", "transfer-encoding")))
"""A quick look that few names pass."""


class AnswerReceived(NamedTuple):
    """An answer's head. 101: the connection speaks another protocol from here on."""

    status: int
    headers: list[tuple[bytes, bytes]]
    length: int | None
    """Of the content; None: not known before its end."""


class Mark(Enum):
    CONTINUE = "continue"
    ANSWER_ENDED = "answer ended"


CONTINUE = Mark.CONTINUE
"""The server asks for the body that an Expect has announced."""
ANSWER_ENDED = Mark.ANSWER_ENDED

Event = AnswerReceived | BodyReceived | Mark


class Connection:
    """Raises RemoteProtocolError from `next_event` when the server breaks the rules or has closed too early;
    LocalProtocolError when it is used wrongly."""

    def __init__(self) -> None:
        self._parser: HttpResponseParser | None = None
        self._events: deque[Event] = deque()
        self._broken = ""
        self._closes = False
        self._closed = False
        self.switched = False
        self._no_request()

    def _no_request(self) -> None:
        self._method = b""
        self._upgrading = False
        self._unsent: int | None = 0
        """Of the body; None: chunked, and not finished."""
        self._answering = False
        self._heard = False
        self._interims = 0
        self._expect_head()

    def _expect_head(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._lengths: list[bytes] = []
        self._encodings: list[bytes] = []
        self._head_octets = 0
        self._raw = self._payload = 0
        self._in_head = True
        self._until_close = False
        self._interim = False

    # --- out ---

    def request(
        self, method: bytes, target: bytes, fields: bytes, length: int | None, upgrading: bool = False
    ) -> bytes:
        """A request's head. ``fields`` are lines from `field_lines`, without framing. ``length``: bytes of the body;
        None: not known, so that it goes in chunks. ``upgrading``: may the answer be 101?"""
        if self._method or self._closes or self._closed or self._broken:
            raise LocalProtocolError("this connection takes no request now")
        self._method, self._unsent, self._upgrading = method, length, upgrading
        self._answering = True
        framing = b""
        if length is None:
            framing = b"Transfer-Encoding: chunked\r\n"
        elif length or method in CONTENT_EXPECTED:
            framing = b"Content-Length: %d\r\n" % length
        return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, fields, framing)

    def send_body(self, content: bytes) -> bytes:
        """More of the body; or, once switched, what is said."""
        if self.switched or not content:
            return content
        if self._unsent is None:
            return b"%x\r\n%b\r\n" % (len(content), content)
        self._unsent -= len(content)
        if self._unsent < 0:
            raise LocalProtocolError("the body is longer than announced")
        return content

    def finish(self) -> bytes:
        """Ends the body."""
        if self._unsent is None:
            self._unsent = 0
            return b"0\r\n\r\n"
        if self._unsent:
            raise LocalProtocolError("the body is shorter than announced")
        return b""

    # --- in ---

    @property
    def heard(self) -> bool:
        """Has anything of the answer come?"""
        return self._heard

    @property
    def ready(self) -> bool:
        """Is the exchange over on both sides, so that another request may follow?"""
        return not (self._method or self._closes or self._closed or self._broken or self.switched)

    def receive_data(self, data: bytes) -> None:
        """Takes what the server sent. Never raises for what it did."""
        if self._broken:
            return
        if self.switched:
            self._receive_switched(data)
            return
        if not self._answering:
            self._refuse("the server speaks without being asked")
            return
        self._heard = True
        self._raw += len(data)
        if self._parser is None:
            self._parser = HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._receive_switched(data[upgrade.args[0] :])
        except HttpParserError as error:
            if self._answering:
                self._refuse(str(error))
            self._closes = True  # behind a whole answer it spoils only what would come next
        if self._answering:
            self._check_raw()

    def _receive_switched(self, data: bytes) -> None:
        if self.switched and data:
            self._events.append(BodyReceived(data))

    def receive_end(self) -> None:
        """The server has closed its side."""
        self._closed = True
        if self.switched or (self._answering and self._until_close and not self._in_head):
            self._ended()
        elif self._answering:
            self._refuse("the server closed before its answer was complete")

    def release(self) -> None:
        """Nothing more will come: breaks the cycle with the parser."""
        self._parser = None
        self._closed = True

    def next_event(self) -> Event | Waiting:
        if self._events:
            event = self._events.popleft()
            if event is ANSWER_ENDED:
                self._closes = self._closes or self._unsent != 0
                self._no_request()
            return event
        if self._broken:
            raise RemoteProtocolError(self._broken)
        return NEED_DATA

    def _refuse(self, text: str) -> None:
        self._broken = self._broken or text

    def _check_raw(self) -> None:
        if self._in_head:
            if self._raw > MAX_ANSWER_HEAD_BYTES:
                self._refuse("the answer's head is too long")
        elif self._raw > 9 * self._payload + MAX_ANSWER_HEAD_BYTES + MAX_PADDING:
            self._refuse("the chunks hold more padding than content")

    # --- httptools calls these ---

    def on_message_begin(self) -> None:
        if not self._answering:  # behind the answer, in the same piece: it must not answer the next request
            self._closes = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head or self._broken:
            return
        if len(self._headers) == MAX_ANSWER_HEADERS:
            self._refuse("the answer has too many headers")
            return
        self._head_octets += len(name) + len(value) + 4
        if self._head_octets > MAX_ANSWER_HEAD_BYTES:
            self._refuse("the answer's head is too long")
            return
        value = value.strip(b" \t")
        self._headers.append((name, value))
        if len(name) in _LENGTHS:
            if name.lower() == b"content-length":
                self._lengths.append(value)
            elif name.lower() == b"transfer-encoding":
                self._encodings.append(value)

    def on_headers_complete(self) -> None:
        parser = self._parser
        if self._broken or not self._answering or parser is None:
            return
        status = parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._interim = True
            return
        self._in_head = False
        length = self._length(status, parser.get_http_version(), parser.should_upgrade())
        if not self._broken:
            self._closes = self._closes or self._until_close or not parser.should_keep_alive()
            self._events.append(AnswerReceived(status, self._headers, length))
            if self._method == b"HEAD":
                self._closes = self._closes or length != 0  # the parser would now wait for a body
                self._ended()

    def _length(self, status: int, version: str, upgrades: bool) -> int | None:
        """RFC 9112, 6.3."""
        encodings, lengths = self._encodings, self._lengths
        if not 100 < status <= 599 or version not in ("1.0", "1.1"):
            self._refuse(f"HTTP/{version} {status} is no answer")
        elif status == 101:
            self.switched = self._upgrading and upgrades
            if not self.switched:
                self._refuse("the server switches protocols without being asked")
        elif status in BODILESS:
            self._closes = self._closes or bool(encodings) or (status == 204 and lengths not in ([], [b"0"]))
            return 0
        elif encodings and (version == "1.0" or len(encodings) > 1 or encodings[0].lower() != b"chunked" or lengths):
            self._refuse("the answer's Transfer-Encoding is not chunked alone")
        elif len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
            self._refuse("the answer's Content-Length is no number")
        elif lengths:
            return int(lengths[0])
        elif not encodings:
            self._until_close = self._method != b"HEAD"
        return None

    def on_body(self, piece: bytes) -> None:
        if self._answering and not self._broken:
            self._payload += len(piece)
            self._events.append(BodyReceived(piece))

    def on_message_complete(self) -> None:
        if self._broken or not self._answering:
            return
        if self._interim:
            self._interims += 1
            if self._interims > MAX_INTERIM:
                self._refuse("there is no end of answers 1xx")
            elif self._parser is not None and self._parser.get_status_code() == 100:
                self._events.append(CONTINUE)
            self._expect_head()
        elif not self.switched:
            self._ended()

    def _ended(self) -> None:
        """What comes now was not asked for."""
        self._answering = False
        self._events.append(ANSWER_ENDED)
