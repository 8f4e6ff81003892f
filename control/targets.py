"""Where a browser may be sent after a flow."""

from __future__ import annotations

from urllib.parse import urlsplit

LONGEST_TARGET = 8000
"""Characters. An OIDC authorization request with everything in it fits; a header line stays acceptable to proxies."""


def is_local(target: str) -> bool:
    """Is this a path on this very host, for every browser?

    Browsers read a backslash as a slash and drop tabs and line ends, so `//`, `/\\` and control characters anywhere
    are refused, and so is everything that is not printable ASCII: it should have been percent-encoded.
    """
    if len(target) > LONGEST_TARGET or not target.startswith("/") or target.startswith("//"):
        return False
    if "\\" in target or not all("!" <= character <= "~" for character in target):
        return False
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc


def local_or(target: str | None, otherwise: str) -> str:
    return target if target is not None and is_local(target) else otherwise


def is_web(target: str) -> bool:
    """Is this an absolute http or https URL?"""
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
