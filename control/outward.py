"""Requests of our own, to addresses that operators name: over TLS that is verified, without cookies or redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


async def ask(
    url: str, seconds: float, headers: Mapping[str, str], body: bytes | None = None, most_bytes: int = 0
) -> Answer:
    """Posts ``body``, or gets what is there. ``seconds``: how long to wait for each part of the answer;
    ``most_bytes``: of its content, the rest is not read. Raises OSError, ValueError."""
    return await asyncio.to_thread(_asked, url, seconds, headers, body, most_bytes)


def _asked(url: str, seconds: float, headers: Mapping[str, str], body: bytes | None, most_bytes: int) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts, seconds)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET" if body is None else "POST", target, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(most_bytes) if most_bytes else b"")
    except HTTPException as error:
        raise ValueError(f"no HTTP is spoken there: {error or type(error).__name__}") from error
    finally:
        connection.close()


def _connection(parts: SplitResult, seconds: float) -> HTTPConnection:
    """To whoever the address names, when it is used first. Raises ValueError."""
    if parts.hostname is None:
        raise ValueError("no host")
    if parts.scheme == "https":
        return HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=ssl.create_default_context())
    return HTTPConnection(parts.hostname, parts.port, timeout=seconds)
