"""Forms sent to applications, without a look at what comes back."""

from __future__ import annotations

import logging

from control.outward import ask

TIMEOUT = 5.0
"""Seconds for an application to answer."""
UNDERSTOOD = frozenset({200, 204})
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}

log = logging.getLogger(__name__)


async def post(url: str, form: bytes) -> bool:
    """Whether it was understood: 200 or 204."""
    try:
        status = (await ask(url, TIMEOUT, HEADERS, form)).status
    except (OSError, ValueError) as error:
        log.warning("%s does not answer: %s", url, error)
        return False
    if status not in UNDERSTOOD:
        log.warning("%s answered %d instead of 200 to a logout token", url, status)
    return status in UNDERSTOOD
