"""Questions of proxies that differ in their targets and cookies only.

A browser that shows one page asks for thirty things, and its proxy asks us thirty times, each time with the same octets
around another target, and perhaps with other cookies of the application's. `asked_again` finds what those thirty
questions have in common.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

MAX_QUESTION_BYTES = 8 * 1024
"""Longer ones are read anew each time."""
TARGETS = (b"x-original-url", b"x-original-uri", b"x-forwarded-uri")
"""Headers that tell of a target."""

_MARKS = (b"\r\nX-Original-URL: ", b"\r\nX-Forwarded-Uri: ", b"\r\nX-Original-URI: ")
"""As proxies write them. Written otherwise they are no mark, and the target is one of the octets that have to agree."""
_TARGET = re.compile(
    rb"/(?![^\r]*outpost\.goauthentik\.io/)[!\"$&-.0-9:;<=>@-~/]*(?:\?(?![^\r]*X-authentik-)[!\"$-~]*)?"
)
"""Targets that every dialect takes, and none of which is a part of signing in or out, or a question of a proxy's."""
_ORIGIN_END = 8
"""Where a path begins at the earliest in a URL: behind ``https://``."""
NO_COOKIE = (b"",)
COOKIE = b"\r\nCookie: "
_PRINTABLE = bytes(range(0x20, 0x7F))
"""What a Cookie header may hold in which nothing else hides; others are read."""


def is_told_once(named: Mapping[bytes, Sequence[bytes]], cookie: bytes) -> bool:
    """Does one of these headers tell of a target, and no other, and is ``cookie`` all there is of cookies? Else they
    have to be looked at together, each time."""
    return sum(name in named for name in TARGETS) == 1 and named.get(b"cookie", NO_COOKIE) == (cookie.strip(),)


def asked_again(key: bytes, peer: str, octets: bytes) -> tuple[bytes, bytes] | None:
    """A digest that two questions of one peer share only if they are the same but for target and cookies, and the
    Cookie header, empty if there is none; or None if there is no telling. ``key``: 32 random octets, so that no
    password can be guessed by what is kept of it; in front it does for BLAKE2 what the keyed mode does, in half of the
    time.

    NUL stands where target and cookies were. HTTP has none, so that it says which lines they stood in.
    """
    if len(octets) > MAX_QUESTION_BYTES:
        return None
    for mark in _MARKS:
        at = octets.find(mark)
        if at >= 0:
            break
    else:
        return None
    begin = at + len(mark)
    end = octets.find(b"\r", begin)
    if octets.startswith(b"http", begin):
        begin = octets.find(b"/", begin + _ORIGIN_END, end)
    if begin < 0 or _TARGET.fullmatch(octets, begin, end) is None:
        return None
    start = octets.find(COOKIE) + len(COOKIE)
    if start < len(COOKIE):
        start = stop = len(octets)
    else:
        stop = octets.find(b"\r", start)
    cookie = octets[start:stop]
    if cookie.translate(None, _PRINTABLE):
        return None
    if start < begin:
        begin, end, start, stop = start, stop, begin, end
    rest = key, peer.encode(), octets[:begin], octets[end:start], octets[stop:]
    return blake2b(b"%b%b\0%b\0%b\0%b" % rest).digest(), cookie
