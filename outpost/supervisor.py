"""What systemd, or whoever speaks as it does, is told of us: ready, alive, stopping (sd_notify(3))."""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from typing import Any

READY, ALIVE, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"
TIMES_WITHIN = 3
"""How often we say that we live, in the time after which we would be taken for dead."""


class Supervisor:
    """Takes its variables out of ``environ``, so that no child speaks for us."""

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        place = environ.pop("NOTIFY_SOCKET", "")
        self._place = "\0" + place[1:] if place.startswith("@") else place
        self.seconds_between = _watchdog_seconds(environ, pid) / TIMES_WITHIN
        """Between two signs of life; 0: nobody waits for them."""

    def tell(self, what: str) -> None:
        """Nobody listens: nothing happens. A manager that went away must not take us with it."""
        if not self._place:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.setblocking(False)
                one.sendto(what.encode(), self._place)
        except OSError:
            pass

    def keep_alive(self, reactor: Any) -> None:
        """Says from the reactor's own turns that it turns."""
        if self.seconds_between:
            self.tell(ALIVE)
            reactor.callLater(self.seconds_between, self.keep_alive, reactor)


def _watchdog_seconds(environ: MutableMapping[str, str], pid: int) -> float:
    micro = environ.pop("WATCHDOG_USEC", "")
    meant = environ.pop("WATCHDOG_PID", "") or str(pid)
    return int(micro) / 1e6 if micro.isdigit() and meant == str(pid) else 0.0
