"""Requests that are read at once: what nearly every one is, a GET that comes whole and alone, without a body.

Also what both ways of reading share: the bounds of a head, and what is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from operator import setitem
from typing import ClassVar, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

MAX_HEAD_BYTES = 32 * 1024
"""Request line and headers; nginx sends at most 32 KiB (4 x 8k) by default, so whatever it takes, we take."""
MAX_HEADERS = 100
"""Apache's default."""
MAX_TARGET_BYTES = 8 * 1024
"""One of nginx's header buffers."""


class RequestReceived(NamedTuple):
    """A request's head. A named tuple, because it is made for every request and costs a third of a frozen dataclass."""

    method: bytes
    target: bytes
    """Origin form (``/path?query``) or ``*``; what came in absolute form is delivered in origin form."""
    named: Mapping[bytes, tuple[bytes, ...]]
    """Headers: names in lower case, to every value in order, without space around them."""
    version: str
    """``1.1`` or ``1.0``."""
    host: bytes
    """The Host header's value; empty only for HTTP/1.0."""
    body_length: int | None
    """None: chunked, the length is not known."""
    keep_alive: bool
    expects_continue: bool
    upgrade: bytes
    """The Upgrade header of a request that asks for one."""
    listed: list[tuple[bytes, bytes]] | None = None
    """Of a request in which a name comes twice."""
    octets: bytes = b""
    """All of a request that was read at once."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names and values in the order in which they came."""
        if self.listed is not None:
            return self.listed
        return [(name, value) for name, values in self.named.items() for value in values]


_HEAD_END = b"\r\n\r\n"
_LINE_END = b" HTTP/1.1\r\n"
_NOT_PLAIN = frozenset(
    (b"connection", b"content-length", b"expect", b"proxy-connection", b"transfer-encoding", b"upgrade")
)


MAX_SHAPES = 256
MAX_SHAPE_BYTES = 2048
"""A browser behind a proxy sends the same names in every request; 256 kinds of them take at most some 2 MB."""


class _Collecting:
    """What httptools calls while it reads a plain request: C only, since a Python call for each header takes longer
    than all the rest."""

    def __init__(self, collected: dict[bytes, bytes], ended: list[bytes]) -> None:
        self.on_header = partial(setitem, collected)
        self.on_message_complete = partial(ended.append, b"")


class PlainReader:
    """Reads requests in which each header comes once, and none that tells of more than a head.

    httptools reads every octet of it. If there are as many lines as headers, of which only the last of each name is
    kept here, then none came twice and nothing was between them.
    """

    shapes: ClassVar[dict[tuple[bytes, ...], tuple[bytes, ...]]] = {}
    """Names of a request's headers, to the same in lower case; to none, if it is not plain."""

    def __init__(self) -> None:
        self._collected: dict[bytes, bytes] = {}
        self._ended: list[bytes] = []
        self._parser: HttpRequestParser | None = None

    def read(self, data: bytes) -> RequestReceived | None:
        """None says nothing: `RequestReader` reads it the long way, and knows what is wrong with it."""
        size, end = len(data), data.find(b"\n") + 1 - len(_LINE_END)
        if data[:5] != b"GET /" or not 5 <= end <= MAX_TARGET_BYTES or size > MAX_HEAD_BYTES:
            return None
        if not data.startswith(_LINE_END, end):
            return None
        if data.find(_HEAD_END, end) != size - 4:
            return None
        collected, ended = self._collected, self._ended
        parser = self._parser
        if parser is None:
            parser = HttpRequestParser(_Collecting(collected, ended))
        self._parser = None  # until it is known to be ready for another message
        try:
            parser.feed_data(data)
            shape = tuple(collected)
            names = self.shapes.get(shape) or self._shape(shape)
            if data.count(b"\n") != len(names) + 2 or len(ended) != 1 or not names:
                return None
            named = dict(zip(names, zip(map(bytes.rstrip, collected.values())), strict=True))
        except (HttpParserError, HttpParserUpgrade):
            return None
        finally:
            collected.clear()
            ended.clear()
        target = data[4:end]
        if b"#" in target or b" " in target:
            return None
        self._parser = parser
        return RequestReceived(b"GET", target, named, "1.1", named[b"host"][0], 0, True, False, b"", None, data)

    @classmethod
    def _shape(cls, shape: tuple[bytes, ...]) -> tuple[bytes, ...]:
        names = tuple(map(bytes.lower, shape))
        distinct = len(set(names)) == len(names) <= MAX_HEADERS
        if not (distinct and b"host" in names and _NOT_PLAIN.isdisjoint(names)):
            names = ()
        if sum(map(len, shape)) <= MAX_SHAPE_BYTES:
            if len(cls.shapes) >= MAX_SHAPES:
                cls.shapes.clear()
            cls.shapes[shape] = names
        return names
