"""Documents of foreign issuers, and what else they are asked."""

from __future__ import annotations

from collections.abc import Mapping

from control.outward import ask

TIMEOUT = 5.0
"""Seconds for an issuer to answer."""
MOST_BYTES = 256 * 1024
"""A discovery document has some 4 kB, a key set of a large issuer 20."""


class Declined(ValueError):
    """The answer is none, but says why not. ``content`` is its own."""

    def __init__(self, url: str, status: int, content: bytes) -> None:
        super().__init__(f"{url} answered {status}")
        self.content = content


async def fetch(url: str) -> bytes:
    """Raises OSError, ValueError."""
    return await inquire(url, {})


async def inquire(url: str, headers: Mapping[str, str], form: bytes | None = None) -> bytes:
    """What is there, or what a form gets. A redirect is followed nowhere. Raises OSError, ValueError, Declined."""
    answer = await ask(url, TIMEOUT, {"Accept": "application/json", **headers}, form, most_bytes=MOST_BYTES + 1)
    if answer.status == 400:
        raise Declined(url, answer.status, answer.content[:MOST_BYTES])
    if answer.status != 200:
        raise ValueError(f"{url} answered {answer.status}")
    if len(answer.content) > MOST_BYTES:
        raise ValueError(f"{url} is longer than {MOST_BYTES} bytes")
    return answer.content
