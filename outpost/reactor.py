"""The reactor of `outpost run`: Twisted's own on epoll(7), in two ways leaner (DESIGN D2), and with a clock that
nobody sets.

Twisted's reactors wait by the time of day. When that is set, forward or back, whatever waits is due at once or not for
hours: each connection and each question under way would end as if it had been silent.

Twisted puts the transport's name into a context variable before every read and write, for log lines that do not say
where they come from. Ours do, and the context costs as much as reading the request.

What is written while several are ready waits until all of them are served, and leaves together. To send to a peer on
this machine that sleeps is to wake it, which takes longer than most answers do; who is sent many answers sleeps once.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import EINTR
from select import EPOLLIN
from sys import exc_info
from time import monotonic
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.python import log

FOREVER = -1
"""To epoll(7)."""
LONGEST_HELD = 0.001
"""Seconds after which what is held leaves, though others still wait to be served."""

Write = Callable[[bytes], None]


class LeanReactor(EPollReactor):
    """As Twisted's: what fails in reading or writing is logged and disconnected, and the others go on."""

    seconds = staticmethod(monotonic)
    held: list[tuple[Write, bytes]] | None = None
    """What is to be written, and by whom, in order. None: whoever has something to write does so at once."""
    _poller: Any
    _selectables: dict[int, Any]

    def doPoll(self, timeout: float | None) -> None:
        selectables = self._selectables
        read_or_write: Any = self._doReadOrWrite
        disconnect: Any = self._disconnectSelectable
        try:
            ready = self._poller.poll(FOREVER if timeout is None else timeout, len(selectables))
        except OSError as error:
            if error.errno == EINTR:
                return
            raise
        several, since = len(ready) > 1, monotonic()
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is None:  # closed by what was ready before it
                continue
            try:
                if event != EPOLLIN:
                    self._release()  # it may be written to, or closed: what was said before goes first
                    read_or_write(selectable, descriptor, event)
                    continue
                if several and self.held is None:
                    self.held = []
                # Nearly all of them; the rest above would do the same, with a few steps more.
                try:
                    why = selectable.doRead()
                except BaseException:
                    log.err()
                    why = exc_info()[1]
                if why:
                    self._release()
                    disconnect(selectable, why, True)
                if self.held and (now := monotonic()) >= since + LONGEST_HELD:
                    self._release()
                    since = now
            except KeyboardInterrupt:
                raise
            except BaseException:  # disconnecting failed: as callWithLogger does, tell and go on
                log.err()
        self._release()

    doIteration = doPoll

    def _release(self) -> None:
        held, self.held = self.held, None
        for write, octets in held or ():
            try:
                write(octets)
            except Exception:
                log.err()


def install() -> None:
    """Makes it this process's reactor. Raises ReactorAlreadyInstalledError."""
    reactor: Any = LeanReactor
    installReactor(reactor())
