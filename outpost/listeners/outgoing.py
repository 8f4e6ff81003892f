"""What is said to one peer, in order; of what is long a slice a turn of the reactor, so that others have theirs."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from outpost.reactor import Write
from protocols.ldap.search import SLICE_OCTETS, Slice

MOST_AT_ONCE = 2 * SLICE_OCTETS
"""Octets that are written in one turn. To encrypt them takes half a millisecond."""


class Outgoing:
    """``write`` is the transport's. ``emptied`` is called when a rest that had to wait is written, and when the peer
    goes on taking what is."""

    def __init__(self, clock: IReactorTime, emptied: Callable[[], None]) -> None:
        self._clock = clock
        self._emptied = emptied
        self._out: list[bytes] = []
        self.write: Write = self._out.append
        self.waits = False
        """Of what has been said, not everything is written yet: more would only pile up."""
        self.paused = False
        """The peer does not take what is written."""

    @property
    def is_idle(self) -> bool:
        """Would what is written now be the next thing that the peer hears?"""
        return not (self._out or self.waits or self.paused)

    def say(self, octets: Slice) -> None:
        """Written with the next `flush`."""
        if isinstance(octets, bytes):
            self._out.append(octets)
        else:
            self._out += octets

    def flush(self) -> bool:
        """Does something wait now?"""
        if self.waits:
            return True
        if len(self._out) == 1:  # nearly always
            self.write(self._out.pop())
            return False
        return bool(self._out) and self._write_some()

    def _write_some(self) -> bool:
        """Does something wait still?"""
        size = count = 0
        for octets in self._out:
            size += len(octets)
            count += 1
            if size >= MOST_AT_ONCE:
                break
        self.write(b"".join(self._out[:count]))
        del self._out[:count]
        self.waits = bool(self._out)
        if self.waits:
            self._clock.callLater(0, self._go_on)
        return self.waits

    def _go_on(self) -> None:
        if self.waits and not self.paused and not self._write_some():
            self._emptied()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        if self.waits:
            self._go_on()
        else:
            self._emptied()

    def finish(self) -> None:
        """Everything at once, and nothing later."""
        if self._out:
            self.write(b"".join(self._out))
        self.stop()

    def stop(self) -> None:
        self._out.clear()
        self.waits = False
