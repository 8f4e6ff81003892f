"""Documents of foreign issuers: short, over TLS that is verified, without redirects."""

from __future__ import annotations

import asyncio
from http.client import HTTPException
from urllib.parse import urlsplit

from control.oidc.posting import connected

MOST_BYTES = 256 * 1024
"""A discovery document has some 4 kB, a key set of a large issuer 20."""


async def fetch(url: str) -> bytes:
    """Raises OSError, ValueError."""
    return await asyncio.to_thread(_fetched, url)


def _fetched(url: str) -> bytes:
    parts = urlsplit(url)
    connection = connected(parts)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"{url} answered {answer.status}")
        content = answer.read(MOST_BYTES + 1)
    except HTTPException as error:
        raise ValueError(f"{url} does not speak HTTP: {error}") from error
    finally:
        connection.close()
    if len(content) > MOST_BYTES:
        raise ValueError(f"{url} is longer than {MOST_BYTES} bytes")
    return content
