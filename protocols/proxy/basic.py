"""Basic credentials (RFC 7617) and Bearer tokens (RFC 6750), read strictly: bounded, no control characters."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

MAX_BASIC_LENGTH = 2048
"""Characters of base64: room for a long name and a 1,000-character password."""

MAX_TOKEN_LENGTH = 8 * 1024
"""Ours have some 1,200 characters; with many groups more."""
TOKEN_USER = "goauthentik.io/token"  # noqa: S105  # it is no secret
"""Basic credentials of this user hold a token as password."""

_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class NotCredentials(ValueError):
    """There is an Authorization header, and it holds no credentials that can be read."""


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


def bearer_token(authorization: bytes) -> str | None:
    """RFC 6750, 2.1. None for other schemes; raises NotCredentials for what is no token."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    token = token.strip(b" ")
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise NotCredentials("the token is too long, or none")
    return token.decode("ascii")
