"""Basic credentials (RFC 7617), read strictly: UTF-8, bounded, no control characters."""

from __future__ import annotations

import binascii
from base64 import b64decode

MAX_BASIC_LENGTH = 2048
"""Characters of base64: room for a long name and a 1,000-character password."""


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
        text = b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise NotCredentials("the credentials are not base64 of UTF-8") from None
    username, colon, password = text.partition(":")
    if not colon or not username:
        raise NotCredentials("there is no user name")
    if any(character < " " or character == "\x7f" for character in text):
        raise NotCredentials("the credentials hold a control character")
    return username, password
