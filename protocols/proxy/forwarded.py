"""What a reverse proxy tells about the request it asks for: one dialect per kind of proxy.

A dialect reads its own headers and never falls back to another's: a client can send those through its proxy untouched.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Protocol

from protocols.proxy.hosts import normalised
from protocols.proxy.trust import SCHEMES, ForwardingError, Headers, single, title

MAX_TARGET_LENGTH = 8 * 1024
"""As for a request line of our own."""
UNTOLD = ""
"""A target that the proxy does not tell: no path, so that no rule for paths ever fits it."""
MAX_METHOD_LENGTH = 32
MAX_REMEMBERED_ORIGINS = 4096
"""Some 2 MB; the parts that pass are short."""

METHOD = re.compile(r"[A-Z][A-Z_-]*")
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<host>[^/?#\\@\s]+)(?P<target>[/?].*)?", re.DOTALL)
_TARGET = re.compile(r"/[!-~]*")
_BAD_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


class ForwardedRequest(NamedTuple):
    """The request that a browser made to the proxy. A named tuple for the same reason as `RequestReceived`."""

    scheme: str
    host: str
    """As `hosts.normalised`."""
    target: str
    """Path and query, as the browser sent them: printable ASCII, beginning with a slash; or `UNTOLD`."""
    method: str
    asked_host: str
    """Host of the proxy's question, normalised; empty if unreadable. Often the browser's, or else our own name."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Dialect(Protocol):
    def __call__(self, host: str, headers: Headers, method: str = ..., rest: str = ...) -> ForwardedRequest:
        """Of the proxy's question: its Host and headers, its method, and what follows the dialect's own path in its
        target. Raises ForwardingError."""


def nginx(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """nginx ``auth_request``: X-Original-URL, or X-Original-URI with the host in X-Forwarded-Host or Host.

    X-Original-Method may be missing, as most configurations do not set it, and is then GET. When both X-Original
    headers are there, one of them came from the browser; they must agree.
    """
    url = single(headers, b"x-original-url")
    uri = single(headers, b"x-original-uri")
    forwarded_host = single(headers, b"x-forwarded-host")
    if url is not None:
        scheme, said_host, target = _split(url)
        if uri is not None and uri != target:
            raise ForwardingError(
                "X-Original-URI and X-Original-URL disagree: set one of them, and the other to the empty string."
            )
        if forwarded_host and _normalised(b"x-forwarded-host", forwarded_host, scheme) != said_host:
            raise ForwardingError(
                "X-Forwarded-Host and X-Original-URL name two hosts: add proxy_set_header X-Forwarded-Host $host."
            )
    elif uri is not None:
        target = uri
        scheme = _scheme(b"x-forwarded-proto", single(headers, b"x-forwarded-proto") or "http")
        name, said = (b"x-forwarded-host", forwarded_host) if forwarded_host else (b"host", host)
        said_host = _normalised(name, said, scheme)
    else:
        raise ForwardingError(
            "X-Original-URL is missing: add proxy_set_header X-Original-URL $scheme://$host$request_uri."
        )
    return ForwardedRequest(
        scheme,
        said_host,
        _checked_target(b"x-original-uri" if url is None else b"x-original-url", target),
        _method(b"x-original-method", single(headers, b"x-original-method")),
        _asked(host, scheme),
    )


def forwarded_headers(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """Caddy ``forward_auth`` and Traefik ForwardAuth: X-Forwarded-Proto, -Host, -Uri and -Method, all of them."""
    try:
        (proto,), (said_host,), (uri,), (said_method,) = [headers[name] for name in _FORWARDED]
        scheme, normal, checked_method, asked = _origin(proto, said_host, said_method, host)
    except (KeyError, ValueError):
        for name in _FORWARDED:
            _required(headers, name)
        raise ForwardingError("X-Forwarded-Proto, -Host, -Uri and -Method must be there once each.") from None
    return ForwardedRequest(
        scheme, normal, _checked_target(b"x-forwarded-uri", uri.decode("latin-1")), checked_method, asked
    )


@lru_cache(MAX_REMEMBERED_ORIGINS)
def _origin(proto: bytes, said_host: bytes, said_method: bytes, host: str) -> tuple[str, str, str, str]:
    """Scheme, host, method and the question's own host: few are served, and asked for all the time.

    Raises ForwardingError, KeyError for what is empty; neither is remembered.
    """
    if not (proto and said_host and said_method):
        raise KeyError
    scheme = _scheme(b"x-forwarded-proto", proto.decode("latin-1"))
    return (
        scheme,
        _normalised(b"x-forwarded-host", said_host.decode("latin-1"), scheme),
        _method(b"x-forwarded-method", said_method.decode("latin-1")),
        _asked(host, scheme),
    )


def envoy(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """Envoy ext_authz over HTTP: the browser's own Host and method, its target behind ``path_prefix``.

    X-Forwarded-Proto comes only if `allowed_headers` names it; without it, https.
    """
    if rest.startswith("//"):  # a prefix that ends in a slash, as Authelia's configurations have it
        rest = rest[1:]
    return told(host, headers, method, rest if rest.startswith("/") else f"/{rest}")


def told(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """All of it said outright, the target as it is: what is no path (``*``, or nothing, of a CONNECT) is refused."""
    scheme = _scheme(b"x-forwarded-proto", single(headers, b"x-forwarded-proto") or "https")
    said_host = _normalised(b"host", host, scheme)
    target = _checked_target(b"path", rest)
    return ForwardedRequest(scheme, said_host, target, _method(b"x-forwarded-method", method), said_host)


def visited(scheme: str, host: str, target: str, method: str) -> ForwardedRequest:
    """A request that came to us as the reverse proxy; ``host`` is normalised. Raises ForwardingError."""
    return ForwardedRequest(scheme, host, _checked_target(b"path", target), _method(b"method", method), host)


_FORWARDED = (b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-uri", b"x-forwarded-method")


def original_url(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """Authelia's AuthRequest: X-Original-URL and X-Original-Method, both of them."""
    for name in (b"x-original-url", b"x-original-method"):
        _required(headers, name)
    return _of_letters(b"x-original-method", nginx(host, headers))


def forwarded_origin(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """Authelia's ForwardAuth: as `forwarded_headers`, but X-Forwarded-Uri may be missing or empty."""
    if single(headers, b"x-forwarded-uri"):
        return _of_letters(b"x-forwarded-method", forwarded_headers(host, headers))
    scheme = _scheme(b"x-forwarded-proto", _required(headers, b"x-forwarded-proto"))
    said_host = _normalised(b"x-forwarded-host", _required(headers, b"x-forwarded-host"), scheme)
    said_method = _method(b"x-forwarded-method", _required(headers, b"x-forwarded-method"))
    return _of_letters(
        b"x-forwarded-method", ForwardedRequest(scheme, said_host, UNTOLD, said_method, _asked(host, scheme))
    )


def sub_path(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """Authelia's ExtAuthz: as `envoy`."""
    return _of_letters(b"method", envoy(host, headers, method, rest))


def _of_letters(name: bytes, asked: ForwardedRequest) -> ForwardedRequest:
    """Authelia takes no other methods."""
    if not asked.method.isalpha():
        raise ForwardingError(f"{title(name)} is no method that Authelia takes: it has letters alone.")
    return asked


def host_and_uri(host: str, headers: Headers, method: str = "GET", rest: str = "") -> ForwardedRequest:
    """oauth2-proxy behind nginx: the browser's Host, and X-Forwarded-Uri; or X-Original-URL, as ingress-nginx asks.

    When both are there, one of them came from the browser: they must agree, and Host, which goes with the first, too.
    """
    uri = single(headers, b"x-forwarded-uri")
    if single(headers, b"x-original-url") is not None:
        found = nginx(host, headers)
        if uri and (uri, found.asked_host) != (found.target, found.host):
            raise ForwardingError(
                "X-Original-URL names another address than X-Forwarded-Uri and Host: set X-Original-URL to the empty "
                "string, or X-Forwarded-Uri if that is not set on purpose."
            )
        return found
    scheme = _scheme(b"x-forwarded-proto", single(headers, b"x-forwarded-proto") or "https")
    said_host = _normalised(b"host", host, scheme)
    target = _checked_target(b"x-forwarded-uri", _required(headers, b"x-forwarded-uri"))
    said_method = _method(b"x-forwarded-method", single(headers, b"x-forwarded-method"))
    return ForwardedRequest(scheme, said_host, target, said_method, said_host)


def _required(headers: Headers, name: bytes) -> str:
    said = single(headers, name)
    if not said:
        raise ForwardingError(f"{title(name)} is missing: the proxy must set it; ask with its forward-auth directive.")
    return said


def _split(url: str) -> tuple[str, str, str]:
    found = _URL.fullmatch(url)
    if found is None:
        raise ForwardingError("X-Original-URL is no URL: set it to $scheme://$host$request_uri.")
    scheme = _scheme(b"x-original-url", found["scheme"])
    target = found["target"] or "/"
    return scheme, _normalised(b"x-original-url", found["host"], scheme), target if target[0] == "/" else "/" + target


def _scheme(name: bytes, said: str) -> str:
    try:
        return SCHEMES[said.lower()]
    except KeyError:
        raise ForwardingError(f"{title(name)} names a scheme that is neither http nor https.") from None


def _normalised(name: bytes, host: str, scheme: str) -> str:
    try:
        return normalised(host, scheme)
    except ValueError:
        raise ForwardingError(f"{title(name)} names no host that could exist.") from None


def _asked(host: str, scheme: str) -> str:
    try:
        return normalised(host, scheme)
    except ValueError:
        return ""


def _checked_target(name: bytes, target: str) -> str:
    """Refuses what two readers could read in two ways: a fragment, bytes outside of ASCII, broken escapes, NUL."""
    if len(target) > MAX_TARGET_LENGTH:
        raise ForwardingError(f"{title(name)} is longer than {MAX_TARGET_LENGTH} characters.")
    if not _TARGET.fullmatch(target) or "#" in target or _BAD_PATH.search(target.partition("?")[0]):
        raise ForwardingError(f"{title(name)} holds a path that is ambiguous or not allowed in a URL.")
    return target


def _method(name: bytes, said: str | None) -> str:
    if said is None:
        return "GET"
    if len(said) > MAX_METHOD_LENGTH or not METHOD.fullmatch(said):
        raise ForwardingError(f"{title(name)} is no method: set it to the request's ($request_method).")
    return said
