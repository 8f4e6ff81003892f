"""Host names as one spelling, so that two spellings of one host cannot lead to two decisions (RFC 3986 3.2.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address

MAX_HOST_LENGTH = 260
"""A DNS name has at most 253 characters; then a colon and a port."""
MAX_REMEMBERED_HOSTS = 4096
"""Names kept in their one spelling: the few that are served are asked for all the time."""
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{1,5}))?")


@lru_cache(MAX_REMEMBERED_HOSTS)
def normalised(host: str, scheme: str) -> str:
    """``host[:port]`` in lower case, without a trailing dot or the scheme's own port, IPv6 in its short form.

    Raises ValueError for what is no host: empty, with user name, with characters outside of DNS names, a bad port.
    """
    found = _HOST.fullmatch(host.lower()) if len(host) <= MAX_HOST_LENGTH and host.isascii() else None
    if found is None:
        raise ValueError("not a host")
    name = _name(found["name"])
    if found["port"] is None:
        return name
    port = int(found["port"])
    if not 0 < port < 65536:
        raise ValueError("not a port")
    return name if port == DEFAULT_PORTS.get(scheme) else f"{name}:{port}"


def _name(name: str) -> str:
    if name.startswith("["):
        return f"[{IPv6Address(name[1:-1])}]"
    name = name.removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name


def without_port(host: str) -> str:
    """The name alone, of a normalised host."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def parents(name: str) -> list[str]:
    """``a.b.c`` gives itself, ``b.c`` and ``c``: the longest first."""
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]
