"""Acct-Session-Id as text: octets that a NAS has chosen, and knows a session by (RFC 2866 section 5.5).

Most are text. Whatever is none, or cannot be seen, is written as ``\\x00``; so different octets are different texts,
and the same octets come back to the NAS that is told what to do about the session.
"""

from __future__ import annotations

import re

LONGEST = 4 * 253
"""Characters."""
_MARK = "\\x"
_WRITTEN = re.compile(rb"\\x([0-9a-f]{2})")


def written(octets: bytes) -> str:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return _escaped(octets)
    return text if text.isprintable() and _MARK not in text else _escaped(octets)


def octets_of(text: str) -> bytes:
    """Of what `written` made."""
    return re.sub(_WRITTEN, lambda found: bytes((int(found[1], 16),)), text.encode())


def _escaped(octets: bytes) -> str:
    return "".join(chr(one) if 0x20 <= one < 0x7F and one != 0x5C else f"{_MARK}{one:02x}" for one in octets)
