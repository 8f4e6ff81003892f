"""Requests of our own, to addresses that operators name: over TLS that is verified, without cookies or redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from httpx import Response

UNPACKED = {"Accept-Encoding": "identity"}
"""What is small on the way must not become large here."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


async def ask(
    url: str,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
    most_bytes: int = 0,
    authorities: str = "",
) -> Answer:
    """Posts ``body``, or gets what is there. ``seconds``: for all of it, from the look-up of the name to the last
    octet; ``most_bytes``: of its content, the rest is not read; ``authorities``: PEM of who has to have issued the
    certificate, empty for whom this machine trusts. Raises OSError, TimeoutError among them, or ValueError.
    """
    import httpx  # 11 MB, for those who send something

    try:
        urlsplit(url).port  # noqa: B018  raises for what is none
    except ValueError as error:
        raise ValueError(f"no address of HTTP: {error}") from error
    method = "GET" if body is None else "POST"
    try:
        async with asyncio.timeout(seconds):
            # Files of authorities take 10 ms to read, and may be others the next time.
            context = partial(ssl.create_default_context, cadata=authorities or None)
            trusted = await asyncio.to_thread(context) if url.startswith("https:") else False
            async with (
                httpx.AsyncClient(verify=trusted, timeout=seconds, trust_env=False) as client,
                client.stream(method, url, headers={**UNPACKED, **headers}, content=body) as answer,
            ):
                return Answer(answer.status_code, await _beginning(answer, most_bytes))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from error
    except httpx.NetworkError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"no HTTP is spoken there: {error or type(error).__name__}") from error


async def _beginning(answer: Response, most_bytes: int) -> bytes:
    content = bytearray()
    if most_bytes:
        async for octets in answer.aiter_raw():
            content += octets
            if len(content) >= most_bytes:
                break
    return bytes(content[:most_bytes])
