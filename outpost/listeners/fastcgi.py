"""FastCGI in the Authorizer role, as Apache's mod_authnz_fcgi asks: a port of its own, in front of the forward-auth
door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, cast

from outpost.listeners.asked import Asked, AskedConnection, AskedFactory, Fields
from protocols.errors import RemoteProtocolError
from protocols.proxy.conventions import TOLD
from protocols.proxy.fastcgi import FastCgiConnection, Question, variable

IDLE_TIMEOUT = 75.0
"""Seconds without a question."""
BUSY_TIMEOUT = 60.0
"""Seconds without an octet while one has begun to come, or waits for its answer."""
_SAID_ANEW = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"host"))
_MEANT_FOR_US = frozenset((b"Cache-Control",))


class FastCgiAuthorizer(AskedConnection):
    def __init__(self, owner: AskedFactory) -> None:
        super().__init__(owner)
        self._fastcgi = FastCgiConnection()

    def _opened(self) -> None:
        self._wait()

    def dataReceived(self, data: bytes) -> None:
        try:
            for question in self._fastcgi.receive_data(data):
                self._open(question)
            self._send(b"")
        except RemoteProtocolError as error:
            self._owner.telemetry.discarded("http", self.peer, error.reason)
            self.abort()
        except Exception:
            self._owner.telemetry.fault("fastcgi")
            self.abort()

    def _open(self, question: Question) -> None:
        said = question.variables
        method = said.get(b"REQUEST_METHOD", b"")
        asked = Asked(
            self.peer,
            method if method.isascii() else b"",
            _target(said),
            said.get(b"HTTP_HOST", b""),
            _headers(said),
            partial(self._answer, question),
        )
        self._owner.door.answer(asked, "", TOLD)

    def _answer(self, question: Question, asked: Asked, status: int, fields: Fields, body: bytes) -> None:
        if status == TOLD.allowed:
            fields = [variable(name, value) for name, value in fields if name not in _MEANT_FOR_US]
        self._send(self._fastcgi.answer(question, status, fields, body))

    def _send(self, data: bytes) -> None:
        transport = cast(Any, self.transport)
        data, self._fastcgi.unsent = self._fastcgi.unsent + data, b""
        if data:
            transport.write(data)
        if self._fastcgi.must_close:
            transport.loseConnection()
        self._wait()

    def _wait(self) -> None:
        self.deadline = self._owner.clock.seconds() + (IDLE_TIMEOUT if self._fastcgi.idle else BUSY_TIMEOUT)


def _target(said: Mapping[bytes, bytes]) -> bytes:
    """Path and query. Apache tells an absolute target as it came, serves its path, and says its host in HTTP_HOST; of
    another one it stays as it is, and is refused."""
    target = said.get(b"REQUEST_URI", b"")
    authority, slash, path = target.partition(b"://")[2].partition(b"/")
    if target.startswith(b"/") or not authority or authority.lower() != said.get(b"HTTP_HOST", b"").lower():
        return target
    return (slash + path) or b"/"


def _headers(said: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The browser's, from variables; scheme and address are the web server's own word."""
    for name, value in said.items():
        if name.startswith(b"HTTP_"):
            header = name[5:].replace(b"_", b"-").lower()
            if header not in _SAID_ANEW:
                yield header, value
    secure = said.get(b"HTTPS", b"").lower() in (b"on", b"1")
    yield b"x-forwarded-proto", said.get(b"REQUEST_SCHEME") or (b"https" if secure else b"http")
    if said.get(b"REMOTE_ADDR"):
        yield b"x-forwarded-for", said[b"REMOTE_ADDR"]


class FastCgiFactory(AskedFactory):
    connection = FastCgiAuthorizer
