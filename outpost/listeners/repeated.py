"""Questions that a proxy has asked before, but for the target and the cookies.

How to answer is kept by whoever decided it, only if the target had no say in it, and no longer than until the directory
changes. Whose the cookies are, and whether what the answer stands on still holds, is asked each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from outpost.bounded import Bounded
from outpost.directory.snapshot import Directory
from outpost.listeners.exchange import Exchange
from outpost.telemetry import Telemetry
from protocols.proxy.decision import Realm
from protocols.proxy.http1 import plain_answer
from protocols.proxy.repeated import asked_again, is_told_once

MOST_ANSWERS = 20_000
"""About 10 MB."""

Again = Callable[[bytes], bytes | None]
"""The header lines of the answer to whoever asks the same with this Cookie header; None: it has to be read, and decided
about."""


def always() -> bool:
    """What an answer stands on that only the configuration could change."""
    return True


def without_session(realm: Realm | None, fields: bytes, holds: Callable[[], bool] = always) -> Again:
    """For whoever has no session in ``realm``, and brings nothing that could be one: it might count by now."""
    if realm is None:
        return lambda cookie: fields if holds() else None
    name = realm.jar.session
    return lambda cookie: fields if name not in cookie and holds() else None


class Kept(NamedTuple):
    status: int
    body: bytes
    decided: tuple[str, str]
    """Protocol and reason that it counts as."""
    again: Again


class Repeated:
    """``key``: 32 octets of this process."""

    def __init__(self, key: bytes, directory: Directory, telemetry: Telemetry) -> None:
        self._key = key
        self._telemetry = telemetry
        self._answers: Bounded[bytes, Kept] = Bounded(MOST_ANSWERS)
        directory.follow(lambda snapshot, touched: self._answers.clear())

    def answer(self, peer: str, octets: bytes, date: bytes) -> bytes | None:
        """The answer to one whole request, ``octets``; None: it has to be read, and decided about."""
        if not self._answers or self._telemetry.knocks.open:
            return None
        asked = asked_again(self._key, peer, octets)
        if asked is None:
            return None
        place, cookie = asked
        kept = self._answers.get(place)
        if kept is None or (fields := kept.again(cookie)) is None:
            return None
        self._telemetry.decisions[kept.decided] += 1
        return plain_answer(kept.status, date + fields, kept.body)

    def respond(self, exchange: Exchange, status: int, fields: bytes, body: bytes, reason: str, again: Again) -> None:
        """Answers, and keeps how. ``reason``: what it counts as from the second time on."""
        if exchange.octets:
            asked = asked_again(self._key, exchange.peer, exchange.octets)
            if asked is not None and is_told_once(exchange.request.named, asked[1]):
                self._answers[asked[0]] = Kept(status, body, ("proxy", reason), again)
        exchange.respond(status, fields, body)
