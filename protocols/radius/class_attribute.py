"""Class (RFC 2865 section 5.25): what a NAS sends back with its accounting, so that we know whose session it is.

It holds no secret, and is believed only from a NAS that knows its own.
"""

from __future__ import annotations

PREFIX = b"outpost:user:"


MOST_DIGITS = 18
"""Of a pk."""


def class_of(user: int) -> bytes:
    """``user``: the pk."""
    return PREFIX + str(user).encode()


def user_of(value: bytes) -> int | None:
    """The pk in a Class of ours; None for another's."""
    digits = value.removeprefix(PREFIX)
    if not value.startswith(PREFIX) or not digits.isdigit() or len(digits) > MOST_DIGITS:
        return None
    return int(digits)
