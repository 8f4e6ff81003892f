"""What policies may see of a visitor's request beside its address: header lines that open no door."""

from __future__ import annotations

from protocols.proxy.trust import Headers

MOST_LINES = 50
"""Browsers send about twenty; what comes after these is not told."""
LONGEST_LINE = 1024
"""Octets of a value. A longer one is not told at all: half of it could mean something else."""
CREDENTIALS = frozenset((b"cookie", b"authorization", b"proxy-authorization", b"x-csrftoken", b"x-authentik-csrf"))
OURS = b"x-authentik-"
"""Only we say who somebody is; a visitor's own of these mean nothing."""


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
