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
        self._streams: deque[Stream] = deque()
        self._paused = False
        self._turn: IDelayedCall | None = None

    def __bool__(self) -> bool:
        return bool(self._streams)

    def add(self, stream: Stream) -> None:
        self._streams.append(stream)
        self._schedule()

    def drop(self, message_id: int) -> None:
        """Nothing more of this answer."""
        self._streams = deque(stream for stream in self._streams if stream[0] != message_id)

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
        octets = self._take(self._streams[0])
        if octets is None:
            self._streams.popleft()
        elif octets:
            self._send(octets)
        if self._streams:
            self._schedule()
        else:
            self._emptied()
