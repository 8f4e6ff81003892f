"""The outpost's end of the link: follows control, and carries questions to it (DESIGN D5 to D7).

How bytes travel is the `Transport`'s business: a call in the same process (`outpost.up`), or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory, Touched, changed, whole
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import Authenticate, Authenticated
from protocols.link.replica import Changes, Replica, WholeSnapshot

RETRY_FIRST, RETRY_MOST = 0.5, 30.0
"""Seconds before the first and the latest further attempts to reach control."""


class Transport(Protocol):
    """Both raise LinkAway when control cannot be reached."""

    def follow(self, hello: bytes, receive: Callable[[bytes], None]) -> Awaitable[None]:
        """Says hello and hands every line that comes to ``receive``; returns when the stream ends."""

    def ask(self, question: bytes) -> Awaitable[bytes]: ...


class Link:
    """``jitter`` gives a number between 0 and 1, so that many outposts do not come back at once."""

    def __init__(
        self,
        transport: Transport,
        directory: Directory,
        telemetry: Telemetry,
        clock: IReactorTime,
        jitter: Callable[[], float],
        *,
        instance: str,
        hostname: str,
        version: str,
    ) -> None:
        self._transport = transport
        self._directory = directory
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        self._introduction = (instance, hostname, version)
        self._replica = Replica()
        self.loaded: Deferred[None] = Deferred()
        """Fires when the first snapshot has been published."""

    async def ask(self, question: Authenticate) -> Authenticated:
        """Control's answer. Raises LinkAway, or RemoteProtocolError when it is not one."""
        frame = codec.decode(await self._transport.ask(codec.encode(question)))
        if not isinstance(frame, Authenticated):
            raise RemoteProtocolError(f"control answered with {type(frame).__name__}")
        return frame

    async def run(self) -> None:
        """Follows control until cancelled, coming back after every end of the stream."""
        delay = RETRY_FIRST
        while True:
            before = self._replica.revision
            try:
                hello = codec.encode(self._replica.hello(*self._introduction))
                await self._transport.follow(hello, self.receive)
            except LinkAway:
                pass
            except RemoteProtocolError:
                self._telemetry.fault("the link")
                self._replica.forget()
            delay = RETRY_FIRST if self._replica.revision != before else min(delay * 2, RETRY_MOST)
            await deferLater(self._clock, delay * (0.5 + self._jitter()), lambda: None)

    def receive(self, line: bytes) -> None:
        """Publishes what a line from control brings. Raises RemoteProtocolError."""
        news = self._replica.receive(codec.decode(line))
        match news:
            case WholeSnapshot(revision=revision, records=records):
                self._directory.publish(whole(revision, records), Touched(everything=True))
            case Changes(revision=revision, changes=changes):
                try:
                    snapshot, touched = changed(self._directory.current, revision, changes)
                except (KeyError, ValueError) as error:
                    raise RemoteProtocolError(f"a change does not fit the snapshot: {error}", "gap") from error
                self._directory.publish(snapshot, touched)
        if self._directory.loaded and not self.loaded.called:
            self.loaded.callback(None)
