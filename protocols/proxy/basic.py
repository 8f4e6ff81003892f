"""Basic credentials (RFC 7617), read strictly: UTF-8, bounded, no control characters."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

MAX_BASIC_LENGTH = 2048
"""Characters of base64: room for a long name and a 1,000-character password."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class NotCredentials(ValueError):
    """There is an Authorization header, and it holds no Basic credentials that can be read."""


def basic_credentials(authorization: bytes) -> tuple[str, str]:
    """User name and password. Raises NotCredentials, also for other schemes; it never repeats what it read."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        raise NotCredentials("the scheme is not Basic")
    encoded = encoded.strip(b" ")
    if len(encoded) > MAX_BASIC_LENGTH:
        raise NotCredentials("the credentials are too long")
    try:
        text = a2b_base64(encoded, strict_mode=True).decode("utf-8")
    except (Error, UnicodeDecodeError):
        raise NotCredentials("the credentials are not base64 of UTF-8") from None
    username, colon, password = text.partition(":")
    if not colon or not username:
        raise NotCredentials("there is no user name")
    if _CONTROL.search(text):
        raise NotCredentials("the credentials hold a control character")
    return username, password
