"""Answers that a proxy has been given before, for when it asks the same about another target.

An answer is kept by whoever decided it, only if the target had no say in it. It is given again while what it stands on
``holds``, and no longer than until the directory changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from outpost.bounded import Bounded
from outpost.directory.snapshot import Directory
from outpost.listeners.exchange import Exchange
from outpost.telemetry import Telemetry
from protocols.proxy.http1 import plain_answer
from protocols.proxy.repeated import is_told_once, place

MOST_ANSWERS = 20_000
"""As many as cookies that are kept opened; the header lines are shared with those."""


def always() -> bool:
    """What an answer stands on that only the configuration could change."""
    return True


class Kept(NamedTuple):
    status: int
    fields: bytes
    body: bytes
    decided: tuple[str, str]
    """Protocol and reason that it counts as."""
    holds: Callable[[], bool]
    until: float


class Repeated:
    """``key``: 32 octets of this process. ``now``: seconds since the epoch."""

    def __init__(self, key: bytes, directory: Directory, telemetry: Telemetry, now: Callable[[], float]) -> None:
        self._key = key
        self._telemetry = telemetry
        self._now = now
        self._answers: Bounded[bytes, Kept] = Bounded(MOST_ANSWERS)
        directory.follow(lambda snapshot, touched: self._answers.clear())

    def answer(self, peer: str, octets: bytes, date: bytes) -> bytes | None:
        """The answer to one whole request, ``octets``; None: it has to be read, and decided about."""
        if not self._answers or self._telemetry.knocks.open:
            return None
        asked = place(self._key, peer, octets)
        kept = self._answers.get(asked) if asked is not None else None
        if kept is None or self._now() >= kept.until or not kept.holds():
            return None
        self._telemetry.decisions[kept.decided] += 1
        return plain_answer(kept.status, date + kept.fields, kept.body)

    def respond(
        self,
        exchange: Exchange,
        status: int,
        fields: bytes,
        body: bytes,
        reason: str,
        holds: Callable[[], bool],
        until: float = math.inf,
    ) -> None:
        """Answers, and keeps the answer. ``reason``: what it counts as from the second time on."""
        if exchange.octets and is_told_once(exchange.request.named):
            asked = place(self._key, exchange.peer, exchange.octets)
            if asked is not None:
                self._answers[asked] = Kept(status, fields, body, ("proxy", reason), holds, until)
        exchange.respond(status, fields, body)
