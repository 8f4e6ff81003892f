"""Class (RFC 2865 section 5.25): what a NAS sends back with its accounting, so that we know whose session it is.

It holds no secret, and is believed only from a NAS that knows its own.
"""

from __future__ import annotations

PREFIX = b"outpost:user:"


def class_of(user: int) -> bytes:
    """``user``: the pk."""
    return PREFIX + str(user).encode()
