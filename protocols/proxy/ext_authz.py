"""Envoy's external authorization over gRPC: its question and our answer (envoy.service.auth.v3, CheckRequest and
CheckResponse), as protocol buffers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocols.proxy.onward import plain
from protocols.proxy.protobuf import BadMessage, Parts, content, number, part, parts

CHECK = "/envoy.service.auth.v3.Authorization/Check"
"""Where the question is put."""
MAX_HEADERS = 100
"""As for a request of our own."""

_OK, _PERMISSION_DENIED = 0, 7
"""google.rpc.Code"""
_APPEND, _OVERWRITE = 0, 2
"""HeaderValueOption.HeaderAppendAction"""
_MANY = frozenset((b"set-cookie",))

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Question:
    """The request that a browser made to Envoy."""

    method: bytes
    scheme: bytes
    host: bytes
    target: bytes
    """Path and query."""
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, without those that begin with a colon. Envoy has joined what came more than once."""
    client: str
    """Address of whoever Envoy takes for the browser, or empty."""


def question(message: bytes) -> Question:
    """Raises BadMessage."""
    attributes = part(message, 1)
    asked = part(attributes, 4, 2)
    if not asked:
        raise BadMessage("the question is about no HTTP request")
    http = Parts(asked)
    headers = tuple(_headers(http))
    if len(headers) > MAX_HEADERS:
        raise BadMessage("too many headers")
    return Question(
        method=http.last(2),
        scheme=http.last(6),
        host=http.last(5),
        target=http.last(4),
        headers=headers,
        client=part(attributes, 1, 1, 1, 2).decode("latin-1"),
    )


def _headers(http: Parts) -> Iterable[tuple[bytes, bytes]]:
    """``headers``, a map, or ``header_map``, a list, if Envoy is told to send headers as they came."""
    for entry in map(Parts, http.all(3)):
        yield from _header(entry.last(1), entry.last(2))
    for entry in map(Parts, parts(http.last(13), 1)):
        yield from _header(entry.last(1), entry.last(3) or entry.last(2))


def _header(name: bytes, value: bytes) -> Iterable[tuple[bytes, bytes]]:
    if name and not name.startswith(b":"):
        yield name.lower(), value


def allowed(asked: Question, said: Fields, keeps_authorization: bool) -> bytes:
    """Let the request through. ``said``: headers for the application, in place of the browser's own; what is empty is
    taken away, and so is all that the application could take for one of them."""
    written = {name.lower(): value for name, value in said}
    ours = {plain(name) for name in written}
    removed = {name for name, value in written.items() if not value}
    removed |= {name for name, _ in asked.headers if plain(name) in ours and name not in written}
    if not keeps_authorization and not written.get(b"authorization"):
        removed.add(b"authorization")
    fields = [_option(name, value, _OVERWRITE) for name, value in said if value]
    ok = b"".join([content(2, one) for one in fields] + [content(5, name) for name in sorted(removed)])
    return content(1, number(1, _OK)) + content(3, ok)


def denied(status: int, fields: Fields, body: bytes) -> bytes:
    """Envoy answers the browser with this."""
    told = [_option(name, value, _APPEND if name.lower() in _MANY else _OVERWRITE) for name, value in fields]
    answer = content(1, number(1, status)) + b"".join(content(2, one) for one in told) + content(3, body)
    return content(1, number(1, _PERMISSION_DENIED)) + content(2, answer)


def _option(name: bytes, value: bytes, action: int) -> bytes:
    return content(1, content(1, name.lower()) + content(2, value)) + number(3, action)
