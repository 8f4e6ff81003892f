"""Sign-ins that succeed again and again, because what comes of them never reaches the question about the next request.

Nobody sees such a circle but the browser that runs in it, so its rounds are counted by browser and page.
"""

from __future__ import annotations

MOST_ROUNDS = 5
"""In a row; people need longer. Signing out and in again a few times is none."""
ROUND_SECONDS = 10.0
"""Between two of them; control knows the person, so that a round is a few redirects."""
MOST_COUNTED = 10_000
"""Browsers; the oldest make room."""


class Circles:
    def __init__(self) -> None:
        self._rounds: dict[tuple[bytes, str], tuple[int, float]] = {}

    def closes(self, browser: bytes, url: str, now: float) -> bool:
        """Another sign-in has succeeded in this browser, on the way to this page: has it been there too often?"""
        rounds, last = self._rounds.pop((browser, url), (0, now))
        rounds = rounds + 1 if now - last <= ROUND_SECONDS else 1
        if rounds > MOST_ROUNDS:
            return True
        while len(self._rounds) >= MOST_COUNTED:
            del self._rounds[next(iter(self._rounds))]
        self._rounds[browser, url] = (rounds, now)
        return False
