"""Class (RFC 2865 section 5.25): what a NAS sends back with its accounting, so that we know whose session it is.

It holds no secret, and is believed only from a NAS that knows its own.
"""

from __future__ import annotations

import re

PREFIX = b"outpost:user:"
OURS = re.compile(re.escape(PREFIX) + rb"([0-9]{1,18})(?::([A-Za-z0-9.-]{1,200}))?")


def class_of(user: int, credential: str = "") -> bytes:
    """``user``: the pk. ``credential``: control's word for what the session stands on beside the user."""
    return PREFIX + str(user).encode() + (b":" + credential.encode() if credential else b"")


def told_in(value: bytes) -> tuple[int, str] | None:
    """The pk and the credential in a Class of ours; None for another's."""
    found = OURS.fullmatch(value)
    return None if found is None else (int(found[1]), (found[2] or b"").decode())
