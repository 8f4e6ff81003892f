"""The entryUUID of virtual groups: another than the user's, and as lasting."""

from __future__ import annotations

from uuid import UUID

_APART = UUID("9d3c1f62-7a5e-0b48-06d1-e24b8f35c790").int
"""Nothing in it where a UUID has its version and variant (RFC 9562 s4)."""


def of_group(user: str) -> str | None:
    """entryUUID of the virtual group of the user with this one, and the other way round; None for what is none."""
    try:
        return str(UUID(int=UUID(user).int ^ _APART))
    except ValueError:
        return None
