"""What policies may see of a visitor's request beside its address: header lines that open no door."""

from __future__ import annotations

import re
from collections.abc import Iterable

from protocols.proxy.trust import Headers, by_name

MOST_LINES = 50
"""Browsers send about twenty; what comes after these is not told."""
LONGEST_LINE = 1024
"""Octets of a value. A longer one is not told at all: half of it could mean something else."""
CREDENTIALS = frozenset((b"cookie", b"authorization", b"proxy-authorization", b"x-csrftoken", b"x-authentik-csrf"))
OURS = b"x-authentik-"
"""Only we say who somebody is; a visitor's own of these mean nothing."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile("[\t\x20-\x7e\x80-\xff]*")
"""RFC 9110, 5.1 and 5.5."""


def shown_lines(headers: Headers) -> dict[str, str]:
    """Names as people write them; of several values all, with commas between (RFC 9110, section 5.2)."""
    told: dict[str, str] = {}
    for name, values in headers.items():
        if len(told) == MOST_LINES:
            break
        value = b", ".join(values)
        if name not in CREDENTIALS and not name.startswith(OURS) and len(value) <= LONGEST_LINE:
            told[name.decode("latin-1").title()] = value.decode("latin-1")
    return told


def typed_lines(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What the door would tell of lines that an operator typed. Raises ValueError for what is none."""
    fields: list[tuple[bytes, bytes]] = []
    for name, value in lines:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header line.")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"The value of {name} is not one that a header line can have.")
        fields.append((name.lower().encode("latin-1"), value.strip(" \t").encode("latin-1")))
    return shown_lines(by_name(fields))
