"""The reactor of `outpost run`: Twisted's own on epoll(7), without a logging context around each event (DESIGN D2).

Twisted puts the transport's name into a context variable before every read and write, for log lines that do not say
where they come from. Ours do, and the context costs as much as reading the request.
"""

from __future__ import annotations

from errno import EINTR
from select import EPOLLIN
from sys import exc_info
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.python import log

FOREVER = -1
"""To epoll(7)."""


class LeanReactor(EPollReactor):
    """As Twisted's: what fails in reading or writing is logged and disconnected, and the others go on."""

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
        for descriptor, event in ready:
            selectable = selectables.get(descriptor)
            if selectable is None:  # closed by what was ready before it
                continue
            try:
                if event != EPOLLIN:
                    read_or_write(selectable, descriptor, event)
                    continue
                # Nearly all of them; the rest above would do the same, with a few steps more.
                try:
                    why = selectable.doRead()
                except BaseException:
                    log.err()
                    why = exc_info()[1]
                if why:
                    disconnect(selectable, why, True)
            except KeyboardInterrupt:
                raise
            except BaseException:  # disconnecting failed: as callWithLogger does, tell and go on
                log.err()

    doIteration = doPoll


def install() -> None:
    """Makes it this process's reactor. Raises ReactorAlreadyInstalledError."""
    reactor: Any = LeanReactor
    installReactor(reactor())
