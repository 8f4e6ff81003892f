"""Object identifiers (RFC 4512 s1.4)."""

from __future__ import annotations

import hashlib
import re

_NUMERIC = re.compile(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+\Z", re.ASCII)


def is_numeric(text: str) -> bool:
    """Is it a ``numericoid``?"""
    return _NUMERIC.match(text) is not None


def own_oid(name: str) -> str:
    """An OID for what nobody has registered: the same for a name everywhere, under the arc of UUIDs (X.667)."""
    digest = bytearray(hashlib.sha256(b"outpost schema\0" + name.lower().encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
