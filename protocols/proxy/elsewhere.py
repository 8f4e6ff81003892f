"""Where somebody's requests go in place of the provider's own application, as the claim ``ak_proxy`` says it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from protocols.proxy.hosts import DEFAULT_PORTS, normalised

MAX_URL = 2048
"""Characters, as of ``internal_host``."""
MAX_REMEMBERED = 1024
HOST_HEADER, BACKEND_OVERRIDE = "host_header", "backend_override"
"""What the claim may hold; both are text."""
_PRINTABLE = re.compile(r"[!-~]+")


class Misdirected(Exception):
    """What a mapping says leads nowhere; the sentence names the claim."""


class Backend(NamedTuple):
    scheme: str
    host: str
    """Without brackets."""
    port: int


class Elsewhere(NamedTuple):
    host: bytes = b""
    """For the Host line; empty: the browser's."""
    backend: Backend | None = None
    """None: the provider's own."""


@lru_cache(MAX_REMEMBERED)
def elsewhere(host_header: str, backend_override: str) -> Elsewhere:
    """Empty ones say nothing. Raises Misdirected."""
    if host_header:
        try:
            normalised(host_header, "http")
        except ValueError:
            raise Misdirected(f"ak_proxy.{HOST_HEADER} is no host, such as app.example.com or app:8080") from None
    return Elsewhere(host_header.encode("ascii"), _backend(backend_override) if backend_override else None)


def _backend(url: str) -> Backend:
    """Paths in it do not count, as in authentik."""
    try:
        if len(url) > MAX_URL or _PRINTABLE.fullmatch(url) is None:
            raise ValueError
        parts = urlsplit(url)
        normal = normalised(parts.netloc, parts.scheme)
        default = DEFAULT_PORTS[parts.scheme]
        name = urlsplit(f"//{normal}")
        return Backend(parts.scheme, name.hostname or "", name.port or default)
    except (ValueError, KeyError):
        raise Misdirected(f"ak_proxy.{BACKEND_OVERRIDE} is no http or https URL, such as http://app:8080") from None
