"""Bytes to requests: what a client says on one HTTP/1.1 connection (RFC 9112), read with httptools.

httptools refuses what makes two readers see different messages: both or several Content-Length and Transfer-Encoding,
line folding, bare CR or LF, space before a colon, control characters. This file adds the bounds, the rules about Host,
target and version, and turns callbacks into events.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from itertools import chain
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from protocols.proxy.http1_plain import MAX_HEAD_BYTES, MAX_HEADERS, MAX_TARGET_BYTES, PlainReader, RequestReceived

MAX_RAW_HEAD_BYTES = 4 * MAX_HEAD_BYTES
"""Bytes of an unfinished head, padding and empty lines included: ends the wait for a head that never ends."""
MAX_CHUNK_OVERHEAD = 16 * 1024
"""Chunk extensions and trailers, which nobody reads, over a whole body..."""
CHUNK_OVERHEAD_RATIO = 8
"""...beside this many bytes for each byte of payload, since one-byte chunks are allowed."""


class BodyReceived(NamedTuple):
    content: bytes


class Mark(Enum):
    REQUEST_ENDED = "request ended"


REQUEST_ENDED = Mark.REQUEST_ENDED


class Refused(NamedTuple):
    """The client broke the rules here; what came before still counts."""

    status: int
    text: str


Event = RequestReceived | BodyReceived | Mark | Refused

_SINGLE = (b"host", b"transfer-encoding", b"content-length")


class RequestReader:
    """Feed it bytes; take events from ``events``. After a `Refused` nothing more is read."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.completed = 0
        """Requests read to their end."""
        self.refused = False
        self._plain = PlainReader()
        self._begun = False
        """Is the parser inside of a message?"""
        self._parser: HttpRequestParser | None = None
        self._expect_head()

    @property
    def in_head(self) -> bool:
        """Has a part of a head come?"""
        return self._in_head and (self._begun or self._raw > 0)

    @property
    def at_rest(self) -> bool:
        """Has everything been taken, and nothing of a head come?"""
        return not (self._raw or self._begun or self.events or self.refused)

    def feed(self, data: bytes) -> bytes:
        """Returns bytes that belong to whatever a request to upgrade asked for: usually none."""
        if self.refused:
            return b""
        if not (self._raw or self._begun):
            plain = self._plain.read(data)
            if plain is not None:
                self.events += (plain, REQUEST_ENDED)
                self.completed += 1
                return b""
        self._raw += len(data)
        if self._parser is None:
            self._parser = HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return self._after_upgrade(data[upgrade.args[0] :])
        except HttpParserError as error:
            self._refuse(400, str(error))
        if self._raw > MAX_CHUNK_OVERHEAD:
            self._check_raw()
        return b""

    def release(self) -> None:
        """Breaks the cycle of reader and parser. Nothing can be fed any more."""
        self.refused = True
        self._parser = None

    def _check_raw(self) -> None:
        if self._in_head:
            if self._raw > MAX_RAW_HEAD_BYTES:
                self._refuse(431, "the request's head does not end")
        elif self._raw - self._head_bytes() > (CHUNK_OVERHEAD_RATIO + 1) * self._payload + MAX_RAW_HEAD_BYTES:
            self._refuse(400, "the chunks hold more padding than content")

    def _head_bytes(self) -> int:
        """As nginx counts: the target, and each header with its colon, space and line end."""
        headers = self._headers
        return len(self._target) + sum(map(len, chain.from_iterable(headers))) + 4 * len(headers)

    def _expect_head(self) -> None:
        self._in_head = True
        self._raw = self._payload = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._named: dict[bytes, tuple[bytes, ...]] = {}
        self._body_hidden = False

    def _refuse(self, status: int, text: str) -> None:
        if not self.refused:
            self.refused = True
            self.events.append(Refused(status, text))

    # --- httptools calls these ---

    def on_message_begin(self) -> None:
        self._begun = True

    def on_url(self, piece: bytes) -> None:
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head or self.refused:
            return
        if len(self._headers) == MAX_HEADERS:  # at once: a kept header costs many times its bytes
            self._refuse(431, "the head has too many headers")
            return
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.refused or not self._in_head:
            return
        self._in_head = False
        parser, named = self._parser, self._named
        assert parser is not None  # it is calling
        for name, value in self._headers:
            named[name] = (*named.get(name, ()), value)
        method, version = parser.get_method(), parser.get_http_version()
        problem = self._problem(method, version)
        if problem is not None:
            self.refused = True
            self.events.append(problem)
            return
        body_length = None if b"transfer-encoding" in named else int(self._last(b"content-length") or b"0")
        upgrading = parser.should_upgrade()
        self._body_hidden = upgrading and body_length != 0
        self.events.append(
            RequestReceived(
                method,
                self._target,
                named,
                version,
                self._last(b"host"),
                body_length,
                parser.should_keep_alive(),
                self._last(b"expect").lower() == b"100-continue",
                self._last(b"upgrade") if upgrading else b"",
                self._headers if len(named) < len(self._headers) else None,
            )
        )

    def _last(self, name: bytes) -> bytes:
        """The last value of a header; empty without one."""
        values = self._named.get(name)
        return values[-1] if values else b""

    def on_body(self, piece: bytes) -> None:
        if not self.refused:
            self._payload += len(piece)
            self.events.append(BodyReceived(piece))

    def on_message_complete(self) -> None:
        self._begun = False
        if not self.refused and not self._body_hidden:
            self.events.append(REQUEST_ENDED)
            self.completed += 1
            self._expect_head()

    # --- rules ---

    def _problem(self, method: bytes, version: str) -> Refused | None:
        if version not in ("1.1", "1.0"):
            return Refused(505, f"HTTP/{version} is not spoken here")
        if len(self._target) > MAX_TARGET_BYTES:
            return Refused(414, "the target is too long")
        if self._head_bytes() > MAX_HEAD_BYTES:
            return Refused(431, "the head is too long")
        if method == b"CONNECT":
            return Refused(405, "CONNECT is for forward proxies, and this is none")
        if method == b"TRACE":
            return Refused(405, "TRACE would show a browser what is meant for the application")
        return (
            self._repeated() or self._host_problem(version) or self._target_problem() or self._framing_problem(version)
        )

    def _repeated(self) -> Refused | None:
        """Two readers would believe different ones."""
        for name in _SINGLE:
            if len(self._named.get(name, ())) > 1:
                return Refused(400, f"there are several {name.decode().title()} headers")
        return None

    def _host_problem(self, version: str) -> Refused | None:
        if version == "1.1" and b"host" not in self._named:
            return Refused(400, "HTTP/1.1 needs a Host header")
        return None

    def _target_problem(self) -> Refused | None:
        """Brings the target into origin form; refuses two hosts, since each reader would believe another one."""
        if b"#" in self._target:
            return Refused(400, "a target has no fragment")
        if self._target.startswith(b"/") or self._target == b"*":
            return None
        scheme, found, rest = self._target.partition(b"://")
        if not found or scheme.lower() not in (b"http", b"https"):
            return Refused(400, "the target is neither a path nor an http URL")
        authority, slash, path = rest.partition(b"/")
        if b"?" in authority or authority.lower() != self._last(b"host").lower():
            return Refused(400, "the target's host is not the Host header's")
        self._target = slash + path or b"/"
        return None

    def _framing_problem(self, version: str) -> Refused | None:
        if b"transfer-encoding" not in self._named:
            return None
        encoding = self._last(b"transfer-encoding")
        if version == "1.0":
            return Refused(400, "HTTP/1.0 has no Transfer-Encoding")
        if encoding.lower() != b"chunked":
            return Refused(501, "the only Transfer-Encoding here is chunked")
        return None

    # --- upgrades ---

    def _after_upgrade(self, rest: bytes) -> bytes:
        """httptools stops reading HTTP at a request to upgrade, which we are free to ignore (RFC 9110 7.8).

        Some clients (Java's) ask for h2c with every first request and send its body at once, so a body is read on
        with a second parser that is told of the same framing.
        """
        self._parser = HttpRequestParser(self)
        self._begun = False
        if self.refused:
            return b""
        if not self._body_hidden:
            return rest
        framing = [(n, v) for n, v in self._headers if n in (b"content-length", b"transfer-encoding")]
        # on_headers_complete and on_url take no notice, because _in_head is already over
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(n + b": " + v + b"\r\n" for n, v in framing) + b"\r\n")
        self._body_hidden = False
        return self.feed(rest) if rest else b""
