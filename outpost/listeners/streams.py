"""Long answers of one connection: a slice at a time, one a turn of the reactor, as fast as the peer reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from protocols.ldap.search import Slice

Stream = tuple[int, Iterator[Slice]]
"""Message ID, and the slices that are still to come."""


class Streams:
    """Answers are finished in the order in which they were asked for.

    A slice is sent when the next one is made: so it is known here that an answer ends before the peer hears of it, who
    may use the message ID again at once (RFC 4511 s4.1.1.1).

    ``take`` makes the next slice of a stream and returns it, or None at its end; it never raises. ``send`` writes it.
    ``emptied`` is called when the last stream has ended.
    """

    def __init__(
        self,
        clock: IReactorTime,
        take: Callable[[Stream], Slice | None],
        send: Callable[[Slice], None],
        emptied: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._take = take
        self._send = send
        self._emptied = emptied
        self._streams: deque[tuple[Stream, Slice]] = deque()
        """Each with the slice that is to be sent next; an empty one is sent to nobody."""
        self._paused = False
        self._turn: IDelayedCall | None = None

    def __bool__(self) -> bool:
        return bool(self._streams)

    def add(self, stream: Stream, ahead: Slice = b"") -> None:
        """``ahead``: its next slice, if that has been made."""
        self._streams.append((stream, ahead))
        self._schedule()

    def drop(self, message_id: int) -> None:
        """Nothing more of this answer."""
        self._streams = deque(one for one in self._streams if one[0][0] != message_id)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._schedule()

    def stop(self) -> None:
        self._streams.clear()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _schedule(self) -> None:
        if self._turn is None and self._streams and not self._paused:
            self._turn = self._clock.callLater(0, self._produce)

    def _produce(self) -> None:
        self._turn = None
        if not self._streams or self._paused:
            return
        stream, octets = self._streams.popleft()
        ahead = self._take(stream)
        if ahead is not None:
            self._streams.appendleft((stream, ahead))
        if octets:
            self._send(octets)
        if self._streams:
            self._schedule()
        else:
            self._emptied()
