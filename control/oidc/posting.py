"""Forms sent to applications: short, without cookies, redirects or a look at what comes back."""

from __future__ import annotations

import asyncio
import logging
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 5.0
"""Seconds for an application to answer."""
UNDERSTOOD = frozenset({200, 204})

log = logging.getLogger(__name__)


async def post(url: str, form: bytes) -> bool:
    """Whether it was understood: 200 or 204."""
    return await asyncio.to_thread(_posted, url, form)


def _posted(url: str, form: bytes) -> bool:
    try:
        status = _status(url, form)
    except (OSError, HTTPException, ValueError) as error:
        log.warning("%s does not answer: %s", url, error)
        return False
    if status not in UNDERSTOOD:
        log.warning("%s answered %d instead of 200 to a logout token", url, status)
    return status in UNDERSTOOD


def _status(url: str, form: bytes) -> int:
    """Raises OSError, HTTPException, ValueError."""
    parts = urlsplit(url)
    connection = connected(parts)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
        connection.request("POST", target, body=form, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def connected(parts: SplitResult) -> HTTPConnection:
    """To whoever the address names, when it is used first. Raises ValueError."""
    if parts.hostname is None:
        raise ValueError("no host")
    if parts.scheme == "https":
        return HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
