"""Cookies of ours among a browser's (RFC 6265), read with bounded work, and the lines that set them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from protocols.proxy.trust import NONE, Headers

MAX_SAME_NAME = 4
"""Cookies of one name that are looked at: a browser may send one for each path and domain that somebody has set."""


@dataclass(frozen=True)
class Jar:
    """Where cookies of one sign-in live. ``domain`` is empty for one host alone."""

    mark: str
    """Sets the names apart from those of other applications under the same domain."""
    secure: bool
    domain: str = ""

    @property
    def _prefix(self) -> str:
        """Browsers take a prefixed name only from who may set it (RFC 6265bis, 4.1.3)."""
        if not self.secure:
            return ""
        return "__Secure-" if self.domain else "__Host-"

    @cached_property
    def session(self) -> bytes:
        return f"{self._prefix}authentik_proxy_{self.mark}".encode()

    @cached_property
    def browser(self) -> bytes:
        """Of the cookie that binds a sign-in to the browser which began it."""
        return f"{self._prefix}authentik_browser_{self.mark}".encode()

    def setting(self, name: bytes, value: bytes, seconds: int) -> tuple[bytes, bytes]:
        """The header field that sets a cookie for so many seconds; with 0, that removes it."""
        attributes = b"; Path=/; HttpOnly; SameSite=Lax"
        if self.secure:
            attributes += b"; Secure"
        if self.domain:
            attributes += b"; Domain=" + self.domain.encode()
        return b"Set-Cookie", b"%s=%s; Max-Age=%d%s" % (name, value, seconds, attributes)


def values(headers: Headers, name: bytes) -> Sequence[bytes]:
    """The values of cookies of this name, in order; the first few, if somebody sends many."""
    found: list[bytes] = []
    for header in headers.get(b"cookie", NONE):
        found += values_in(header, name)
    return found[:MAX_SAME_NAME]


def values_in(header: bytes, name: bytes) -> Sequence[bytes]:
    """The same, of one header."""
    before, found, rest = header.partition(name)
    if not found:
        return NONE
    if rest[:1] == b"=" and name not in rest and (not before or before.endswith((b"; ", b";"))):
        return (rest[1:].partition(b";")[0].strip(),)  # as nearly always
    pairs = [pair.partition(b"=") for pair in header.split(b";") if name in pair]
    return [value.strip() for key, equals, value in pairs if equals and key.strip() == name][:MAX_SAME_NAME]


_MARK = b"authentik_"
"""Stands in every name of ours, and hardly in another."""
_OURS = re.compile(rb"authentik_session|(?:__Host-|__Secure-)?authentik_(?:proxy|browser)_[0-9a-f]{8}")
"""Of any sign-in, not of one application's alone: one that lies under a domain is sent the domain's as well."""


def is_ours(name: bytes) -> bool:
    return _OURS.fullmatch(name) is not None


def without_ours(headers: Headers) -> list[bytes]:
    """The Cookie headers for whoever is behind us: every other cookie byte for byte, ours nowhere."""
    kept = []
    for header in headers.get(b"cookie", NONE):
        if _MARK in header:
            pairs = header.split(b";")
            others = [pair for pair in pairs if not (_MARK in pair and is_ours(pair.partition(b"=")[0].strip()))]
            if len(others) != len(pairs):
                header = b";".join(others).lstrip(b" ")
        if header:
            kept.append(header)
    return kept


def sets_ours(value: bytes) -> bool:
    """Does this Set-Cookie, of whoever is behind us, set or remove one of ours?"""
    return is_ours(value.partition(b";")[0].partition(b"=")[0].strip())
