"""One FastCGI connection, seen from an application in the Authorizer role (FastCGI Specification 1.0, April 1996).

    for question in connection.receive_data(data): ...
    transport.write(connection.answer(question, status, fields, body))

One request at a time: a web server that wants more opens more connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocols.errors import RemoteProtocolError
from protocols.proxy.http1 import field_lines

MAX_PARAMS = 64 * 1024
"""Octets: a request's head, and what the web server says beside it."""
MAX_VARIABLES = 300
MAX_CONTENT = 0xFFFF
"""Of one record."""

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT = 1, 2, 3, 4, 5, 6
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
AUTHORIZER = 2
KEEP_CONN = 1
REQUEST_COMPLETE, CANT_MPX_CONN, UNKNOWN_ROLE = 0, 1, 3
_HEAD = 8
_VALUES = {b"FCGI_MAX_CONNS": b"100", b"FCGI_MAX_REQS": b"100", b"FCGI_MPXS_CONNS": b"0"}


@dataclass(frozen=True, slots=True)
class Question:
    number: int
    """Of the request on its connection."""
    variables: Mapping[bytes, bytes]
    keep: bool
    """Does the connection stay open when it is answered?"""


class FastCgiConnection:
    """`receive_data` raises RemoteProtocolError when the peer breaks the rules: close then. ``must_close`` is true once
    what was handed out is the last. Octets of its own that are to be sent are in ``unsent``."""

    def __init__(self) -> None:
        self.unsent = b""
        self.must_close = False
        self._held = b""
        self._number = 0
        """Of the request under way; 0: none."""
        self._keep = False
        self._params = bytearray()
        self._question: Question | None = None
        """That was handed out, of this request."""

    @property
    def idle(self) -> bool:
        return not (self._number or self._held)

    def receive_data(self, data: bytes) -> Iterator[Question]:
        self._held += data
        while len(self._held) >= _HEAD and not self.must_close:
            if self._held[0] != 1:
                raise RemoteProtocolError("not FastCGI 1")
            length = int.from_bytes(self._held[4:6], "big")
            end = _HEAD + length + self._held[6]
            if len(self._held) < end:
                return
            kind, number, content = (
                self._held[1],
                int.from_bytes(self._held[2:4], "big"),
                self._held[_HEAD : _HEAD + length],
            )
            self._held = self._held[end:]
            yield from self._record(kind, number, content)

    def _record(self, kind: int, number: int, content: bytes) -> Iterator[Question]:
        if number == 0:
            self._about_us(kind, content)
        elif kind == BEGIN_REQUEST:
            self._begin(number, content)
        elif number != self._number:
            return  # of a request that is over, or was never begun (3.3)
        elif kind == ABORT_REQUEST:
            self.unsent += self._ended(number, REQUEST_COMPLETE)
        elif kind == PARAMS and self._question is None:
            self._params += content
            if len(self._params) > MAX_PARAMS:
                raise RemoteProtocolError("the request's variables are too long")
            if not content:
                self._question = Question(number, variables(bytes(self._params)), self._keep)
                yield self._question

    def _begin(self, number: int, content: bytes) -> None:
        if len(content) != 8:
            raise RemoteProtocolError("a request that begins has 8 octets")
        role, keep = int.from_bytes(content[:2], "big"), bool(content[2] & KEEP_CONN)
        if self._number:
            self.unsent += record(END_REQUEST, number, b"\0\0\0\0" + bytes([CANT_MPX_CONN]) + b"\0\0\0")
            return
        self._number, self._keep = number, keep
        self._params.clear()
        if role != AUTHORIZER:
            self.unsent += self._ended(number, UNKNOWN_ROLE)

    def _about_us(self, kind: int, content: bytes) -> None:
        """Management records (4)."""
        if kind == GET_VALUES:
            known = {name: _VALUES[name] for name in variables(content) if name in _VALUES}
            self.unsent += record(GET_VALUES_RESULT, 0, b"".join(_pair(name, known[name]) for name in known))
        else:
            self.unsent += record(UNKNOWN_TYPE, 0, bytes([kind]) + bytes(7))

    def answer(self, question: Question, status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
        """As a CGI answer; empty if the web server has given up, and perhaps asks something else under the number. With
        200, the fields are `variable` lines (6.3)."""
        if question is not self._question:
            return b""
        content = field_lines([(b"Status", b"%d" % status), *fields]) + b"\r\n" + body
        pieces = [
            record(STDOUT, question.number, content[at : at + MAX_CONTENT])
            for at in range(0, len(content), MAX_CONTENT)
        ]
        return b"".join(pieces) + record(STDOUT, question.number, b"") + self._ended(question.number, REQUEST_COMPLETE)

    def _ended(self, number: int, how: int) -> bytes:
        self._number, self._question = 0, None
        self.must_close = not self._keep
        return record(END_REQUEST, number, b"\0\0\0\0" + bytes([how]) + b"\0\0\0")


def variable(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header of ours as the web server's own variable: X-Authentik-Uid becomes X_AUTHENTIK_UID."""
    return b"Variable-" + name.upper().replace(b"-", b"_"), value


def record(kind: int, number: int, content: bytes) -> bytes:
    return b"\1%c%b%b\0\0%b" % (kind, number.to_bytes(2, "big"), len(content).to_bytes(2, "big"), content)


def variables(content: bytes) -> dict[bytes, bytes]:
    """Name-value pairs (3.4). Raises RemoteProtocolError, also for a name that comes twice."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        name_length, at = _length(content, at)
        value_length, at = _length(content, at)
        end = at + name_length + value_length
        name = content[at : at + name_length]
        if end > len(content) or name in found or len(found) >= MAX_VARIABLES:
            raise RemoteProtocolError("variables that cannot be read")
        found[name] = content[at + name_length : end]
        at = end
    return found


def _length(content: bytes, at: int) -> tuple[int, int]:
    if at < len(content) and content[at] < 0x80:
        return content[at], at + 1
    if at + 4 > len(content):
        raise RemoteProtocolError("variables that cannot be read")
    return int.from_bytes(content[at : at + 4], "big") & 0x7FFFFFFF, at + 4


def _pair(name: bytes, value: bytes) -> bytes:
    """Of short ones."""
    return bytes([len(name), len(value)]) + name + value
