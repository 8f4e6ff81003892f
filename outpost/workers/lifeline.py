"""A worker's standard input: a pipe from its parent, on which nothing ever comes but its end."""

from __future__ import annotations

import os
from typing import Any

from twisted.python.failure import Failure

STANDARD_INPUT = 0


class Lifeline:
    """Stops the reactor when the parent is gone: nobody else would end us, and our ports would be in the way."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        os.set_blocking(STANDARD_INPUT, False)

    def fileno(self) -> int:
        return STANDARD_INPUT

    def logPrefix(self) -> str:
        return "lifeline"

    def doRead(self) -> None:
        try:
            if os.read(STANDARD_INPUT, 1):
                return
        except (BlockingIOError, InterruptedError):
            return
        self._reactor.removeReader(self)
        self._reactor.stop()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
