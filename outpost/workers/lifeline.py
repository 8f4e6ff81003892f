"""A worker's standard input: a pipe from its parent, on which nothing ever comes but its end."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from twisted.internet.error import ReactorNotRunning
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
        self._stop()

    def connectionLost(self, reason: Failure) -> None:
        """The end of a pipe may be told as a hang-up alone; and so is the reactor's own end."""
        self._stop()

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()
