"""Documents of foreign issuers."""

from __future__ import annotations

from control.outward import ask

TIMEOUT = 5.0
"""Seconds for an issuer to answer."""
MOST_BYTES = 256 * 1024
"""A discovery document has some 4 kB, a key set of a large issuer 20."""


async def fetch(url: str) -> bytes:
    """Raises OSError, ValueError."""
    answer = await ask(url, TIMEOUT, {"Accept": "application/json"}, most_bytes=MOST_BYTES + 1)
    if answer.status != 200:
        raise ValueError(f"{url} answered {answer.status}")
    if len(answer.content) > MOST_BYTES:
        raise ValueError(f"{url} is longer than {MOST_BYTES} bytes")
    return answer.content
