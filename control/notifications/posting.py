"""JSON posted to URLs of the operator's: within seconds, without redirects, and without reading what comes back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

SECONDS = 10.0
"""For all of it, name look-up and handshake included."""

PostJson = Callable[[str, bytes], Awaitable[str]]
"""Posts JSON to a URL. "": it was understood; else a sentence that says what went wrong. Raises nothing."""


async def post_json(url: str, body: bytes) -> str:
    import httpx  # only where there is somebody to tell

    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(verify=ssl.create_default_context(), trust_env=False, timeout=SECONDS) as client,
            client.stream("POST", url, content=body, headers={"Content-Type": "application/json"}) as answer,
        ):
            status = answer.status_code
    except TimeoutError:
        return f"It did not answer within {SECONDS:g} seconds."
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return f"It cannot be reached: {error or type(error).__name__}."
    return "" if 200 <= status < 300 else f"It answered {status}."
