"""Is the process alive, and is it of use? For orchestrators, which look at the status alone."""

from __future__ import annotations

from collections.abc import Callable

from outpost.listeners.exchange import Exchange
from protocols.proxy.http1 import field_lines

PREFIX = b"/-/health/"

FIELDS = field_lines([(b"Content-Type", b"text/plain; charset=utf-8"), (b"Cache-Control", b"no-store")])


class Health:
    """``ready``: is every listener bound and a snapshot loaded?"""

    body_limit = 0

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready

    def open(self, exchange: Exchange) -> None:
        place = exchange.path[len(PREFIX) :].rstrip(b"/")
        if place == b"live":
            exchange.respond(200, FIELDS, b"alive\n")
        elif place != b"ready":
            exchange.respond(404, FIELDS, b"There is live/ and ready/.\n")
        elif self._ready():
            exchange.respond(200, FIELDS, b"ready\n")
        else:
            exchange.respond(503, FIELDS, b"not ready\n")
