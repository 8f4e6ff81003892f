"""What goes on to the application, and what comes back from it, where we are the reverse proxy.

Who came in is said by us alone: the visitor's own headers of those names never get through, nor any that an
application could read as the same (CGI and WSGI write ``-``, ``_`` and ``.`` alike).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from protocols.proxy.cookies import sets_ours, without_ours
from protocols.proxy.hosts import DEFAULT_PORTS, without_port
from protocols.proxy.http1 import field_lines
from protocols.proxy.http1_plain import RequestReceived
from protocols.proxy.trust import NONE, Headers

MAX_REMEMBERED = 1024
MAX_REMEMBERED_NAMES = 2048
"""Lists of names whose fate is remembered, each at most so many octets long; with who came in, some 25 MB."""
MAX_REMEMBERED_WAY = 256
"""Characters of the proxies that somebody came through; longer ways are written each time."""
WEBSOCKET = b"websocket"
"""The only protocol that is switched to: h2c would carry requests past us that nobody decides about."""

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Of one connection, and not of the request (RFC 9110, 7.6.1)."""
_FRAMING = _HOP_BY_HOP | {b"content-length"}
_COMMON = frozenset((b"close", b"keep-alive", b"upgrade", b""))
"""What Connection usually says, and no name of a header that would be left."""
_WRITTEN = frozenset((b"host", b"content-length", b"expect", b"cookie", *_HOP_BY_HOP))
"""Written anew."""
_OURS = frozenset((b"forwarded", b"http2-settings", b"proxy", b"x-real-ip", b"x-rewrite-url", b"x-remote-user"))
"""Said by us or by nobody: `Proxy` becomes HTTP_PROXY in a CGI, X-Rewrite-URL another path than was decided about."""
_OUR_FAMILIES = (b"x-authentik-", b"x-forwarded-", b"x-original-", b"x-auth-request-", b"remote-")
OTHER_METHODS = frozenset((b"x-http-method", b"x-http-method-override", b"x-method-override"))
"""As `plain`: another method than was decided about. They are meant for POST, and only there do they go on."""
_NO_CREDENTIALS = field_lines([(b"Authorization", b"")])
"""Removes the visitor's own where somebody else is the proxy."""
_PLAIN = bytes(
    octet if octet in b"abcdefghijklmnopqrstuvwxyz0123456789" else ord("-") for octet in bytes(range(256)).lower()
)


class Visit(NamedTuple):
    """A request that may pass, as it came. A named tuple for the same reason as `RequestReceived`."""

    request: RequestReceived
    scheme: str
    host: str
    """As `normalised`."""
    client: str
    peer: str
    """Who asked us: the client, or a proxy in front of us."""
    through: str = ""
    """X-Forwarded-For as a trusted proxy in front of us said it."""
    authorization: bool = True
    """Does the Authorization header go on? Not if it was for us."""
    sent_host: bytes = b""
    """What the application hears as Host in place of ``host``."""


def plain(name: bytes) -> bytes:
    """One spelling for all names that somebody could take for the same."""
    return name.translate(_PLAIN)


def is_websocket(request: RequestReceived) -> bool:
    """Does the request ask for a WebSocket (RFC 6455, 4.1)?"""
    return request.upgrade.lower() == WEBSOCKET and request.method == b"GET" and request.body_length == 0


def onward_fields(visit: Visit, identity: bytes) -> bytes:
    """The lines of the request to the application. ``identity``: lines that say who came in."""
    request = visit.request
    left_out = listed(request.named.get(b"connection", NONE))
    if not visit.authorization:
        left_out |= {b"authorization"}
    names = tuple(request.named)
    chosen = _going if sum(map(len, names)) <= MAX_REMEMBERED_NAMES else _going.__wrapped__
    going = chosen(names, _names(identity), request.method == b"POST")
    fields = [(name, value) for name, value in request.headers if name in going and name not in left_out]
    if b"cookie" in request.named and b"cookie" not in left_out:
        fields += [(b"Cookie", cookies) for cookies in without_ours(request.named)]
    if request.upgrade and is_websocket(request):
        fields += [(b"Connection", b"Upgrade"), (b"Upgrade", WEBSOCKET)]
    if request.expects_continue:
        fields.append((b"Expect", b"100-continue"))
    way = f"{visit.through}, {visit.peer}" if visit.through else visit.peer
    came = _came if len(way) <= MAX_REMEMBERED_WAY else _came.__wrapped__
    first = came(visit.scheme, visit.host, way, visit.client, visit.sent_host)
    return first + field_lines(fields) + identity.replace(_NO_CREDENTIALS, b"")


@lru_cache(MAX_REMEMBERED)
def _came(scheme: str, host: str, way: str, client: str, sent_host: bytes) -> bytes:
    """How a request came here, for an application: the same of all that one browser asks of it."""
    port = host[len(without_port(host)) + 1 :] or str(DEFAULT_PORTS[scheme])
    return field_lines(
        [
            (b"Host", sent_host or host.encode()),
            (b"X-Forwarded-For", way.encode("latin-1")),
            (b"X-Forwarded-Host", host.encode()),
            (b"X-Forwarded-Port", port.encode()),
            (b"X-Forwarded-Proto", scheme.encode()),
            (b"X-Real-IP", client.encode("latin-1")),
        ]
    )


@lru_cache(MAX_REMEMBERED)
def _going(names: tuple[bytes, ...], said: frozenset[bytes], posted: bool) -> frozenset[bytes]:
    """Which of a request's headers go on, by name. Browsers send the same ones every time, and we ``said`` of one
    person what we say of another: there are few kinds of both, however many people come."""
    said_by_us = said if posted else said | OTHER_METHODS
    going = []
    for name in names:
        same = plain(name)
        if not (same in _WRITTEN or same in _OURS or same in said_by_us or same.startswith(_OUR_FAMILIES)):
            going.append(name)
    return frozenset(going)


def back_fields(headers: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """The lines of the application's answer for the visitor, without framing; and whether Date is among them."""
    kept, connection, dated = [], [], False
    for field in headers:
        same = field[0].lower()
        if same == b"connection":
            connection.append(field[1])
        elif same == b"set-cookie":
            if not sets_ours(field[1]):
                kept.append(field)
        elif same not in _FRAMING:
            dated = dated or same == b"date"
            kept.append(field)
    left_out = listed(connection)
    if not left_out <= _COMMON:
        kept = [field for field in kept if field[0].lower() not in left_out]
        dated = dated and b"date" not in left_out
    return field_lines(kept), dated


def listed(connection: Sequence[bytes]) -> frozenset[bytes]:
    """Headers that belong to one connection because its Connection header names them."""
    if not connection:
        return frozenset()
    return frozenset(token.strip().lower() for value in connection for token in value.split(b","))


@lru_cache(MAX_REMEMBERED)
def _names(lines: bytes) -> frozenset[bytes]:
    """Of rendered header lines, as `plain`. A person's are the same octets until the directory changes."""
    return frozenset(plain(line.partition(b":")[0]) for line in lines.split(b"\r\n") if line)


def through(headers: Headers) -> str:
    """X-Forwarded-For in one line."""
    return b", ".join(value for value in headers.get(b"x-forwarded-for", NONE) if value).decode("latin-1")
