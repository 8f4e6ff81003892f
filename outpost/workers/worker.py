"""One worker process as its parent sees it: started, heard of, started again with back-off, ended."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from outpost.listeners.inherited import FIRST
from outpost.supervisor import ALIVE, READY

AGAIN_FIRST, AGAIN_MOST = 0.2, 30.0
"""Seconds until one that ended is started again: at once the first time, calmly if it ends again and again."""
STEADY_SECONDS = 60.0
"""One that ran for so long begins with the shortest again."""
SILENCE_SECONDS = 30.0
"""Without a sign of life it does not turn any more, and is ended to be started again."""
STARTING_SECONDS = 3600.0
"""The same before it is ready: it may wait for control."""
DRAIN_SECONDS = 12.0
"""From the first word to stop to the last."""
CREDENTIALS = struct.Struct("3i")
"""unix(7): process, user, group of whoever has sent."""

Sockets = tuple[Sequence[socket.socket], Sequence[socket.socket]]


class Worker(ProcessProtocol):
    """``command``, ``environ`` and ``sockets`` (those to keep, those to close once given) are those of every start.
    ``ended``: called with it and what came of it, each time.

    Its standard input is a pipe from us: when we are gone, however that came, it hears so and ends.
    """

    def __init__(
        self,
        number: int,
        reactor: Any,
        command: Sequence[str],
        environ: Mapping[str, str],
        sockets: Callable[[], Sockets],
        ended: Callable[[Worker, str], None],
        became_ready: Callable[[], None],
    ) -> None:
        self.number = number
        self.ready = False
        self.starts = 0
        self.gone: Deferred[None] | None = None
        """While it is being stopped."""
        self._reactor = reactor
        self._command = command
        self._environ = environ
        self._sockets = sockets
        self._ended = ended
        self._became_ready = became_ready
        self._delay = AGAIN_FIRST
        self._began = 0.0
        self._process: Any = None
        self._patience: IDelayedCall | None = None
        self._ear = Ear(self._hears)
        reactor.addReader(self._ear)

    def start(self) -> None:
        kept, given = self._sockets()
        said = [*kept, *given]
        environ = {
            **self._environ,
            "NOTIFY_SOCKET": self._ear.place,
            "WATCHDOG_USEC": str(int(SILENCE_SECONDS * 1e6)),
            "LISTEN_FDS": str(len(said)),
            "LISTEN_PID": str(os.getpid()),
        }
        descriptors: dict[int, int | str] = {0: "w", 1: 1, 2: 2}
        descriptors |= {FIRST + index: one.fileno() for index, one in enumerate(said)}
        self.starts += 1
        self._began = self._reactor.seconds()
        try:
            self._process = self._reactor.spawnProcess(
                self, sys.executable, self._command, environ, childFDs=descriptors
            )
        finally:
            for one in given:
                one.close()
        self._await(STARTING_SECONDS)

    def stop(self) -> Deferred[None]:
        """Lets it finish what it has in hand; fires when it has ended."""
        self.gone = Deferred()
        self._rest()
        if self._process is None:
            self.gone.callback(None)
        else:
            self._signal("TERM")
            self._await(DRAIN_SECONDS)
        return self.gone

    def refresh(self) -> None:
        """One that is starting reads everything anyhow, and may not know the signal yet."""
        if self.ready:
            self._signal("HUP")

    def close(self) -> None:
        self._reactor.removeReader(self._ear)
        self._ear.close()

    def processEnded(self, reason: Failure) -> None:
        self._process, self.ready = None, False
        self._rest()
        if self.gone is not None:
            self.gone.callback(None)
            return
        steady = self._reactor.seconds() - self._began >= STEADY_SECONDS
        self._delay = AGAIN_FIRST if steady else min(self._delay * 2, AGAIN_MOST)
        self._patience = self._reactor.callLater(self._delay, self.start)
        self._ended(self, reason.getErrorMessage())

    def _hears(self, what: str, pid: int) -> None:
        if self._process is None or pid != self._process.pid or self.gone is not None:
            return
        if what == READY:
            self.ready = True
            self._became_ready()
        if what in (READY, ALIVE):
            self._await(SILENCE_SECONDS)

    def _await(self, seconds: float) -> None:
        self._rest()
        self._patience = self._reactor.callLater(seconds, self._signal, "KILL")

    def _rest(self) -> None:
        if self._patience is not None and self._patience.active():
            self._patience.cancel()

    def _signal(self, name: str) -> None:
        if self._process is not None:
            self._process.signalProcess(name)


class Ear:
    """A socket of ours that a worker speaks to (sd_notify(3)). Anybody on the machine may: the kernel says who did."""

    def __init__(self, hears: Callable[[str, int], None]) -> None:
        self._hears = hears
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)
        self._socket.bind(f"\0outpost-{os.getpid()}-{os.urandom(8).hex()}")
        name: bytes = self._socket.getsockname()
        self.place = "@" + name[1:].decode()

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "worker"

    def doRead(self) -> None:
        try:
            octets, ancillary, _, _ = self._socket.recvmsg(1024, socket.CMSG_SPACE(CREDENTIALS.size))
        except (BlockingIOError, InterruptedError):
            return
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                self._hears(octets.decode(errors="replace"), CREDENTIALS.unpack(value)[0])

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""

    def close(self) -> None:
        self._socket.close()
