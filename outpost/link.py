"""The outpost's end of the link: follows control, and carries questions and reports to it (DESIGN D5 to D7).

How bytes travel is the `Transport`'s business: a call in the same process (`outpost.up`), or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory, Touched, changed, whole
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import Authenticate, Authenticated, Reports, ReportsTaken, SnapshotChunk
from protocols.link.replica import Changes, Replica, Standing, WholeSnapshot

RETRY_FIRST, RETRY_MOST = 0.5, 10.0
"""Seconds before the first and the latest further attempts to reach control."""


class Transport(Protocol):
    """Both raise LinkAway when control cannot be reached."""

    def follow(self, hello: bytes, receive: Callable[[bytes], None]) -> Awaitable[None]:
        """Says hello and hands every line that comes to ``receive``; returns when the stream ends."""

    def ask(self, question: bytes) -> Awaitable[bytes]: ...


class Link:
    """``jitter`` gives a number between 0 and 1, so that many outposts do not come back at once.

    ``now`` gives seconds since the epoch; ``instance`` is this process's id, and may change while it runs.
    """

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
        now: Callable[[], float],
    ) -> None:
        self.instance = instance
        self.connected = False
        """Control speaks to us: the stream is open and has brought a frame."""
        self.last_heard = 0.0
        """When control's last frame came, seconds since the epoch; 0.0: never."""
        self.loaded: Deferred[None] = Deferred()
        """Fires when control has first said what the directory is, or that ours is still right."""
        self._transport = transport
        self._directory = directory
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        self._introduction = (hostname, version)
        self._now = now
        self._replica = Replica()
        self._resting: Deferred[None] | None = None
        self._told_away = False
        self._stopped = False
        self._on_connected: list[Callable[[], None]] = []

    @property
    def standing(self) -> Standing:
        """Of the directory; of revision 0 after a gap, until control has sent everything again."""
        return self._replica.standing

    async def heard_within(self, seconds: float) -> bool:
        """Waits for `loaded`, but no longer than that."""
        done: Deferred[bool] = Deferred()
        patience = self._clock.callLater(seconds, done.callback, False)

        def heard(_: None) -> None:
            if patience.active():
                patience.cancel()
                done.callback(True)

        self.loaded.addCallback(heard)
        return await done

    def on_connected(self, tell: Callable[[], None]) -> None:
        """``tell`` is called whenever control is there again."""
        self._on_connected.append(tell)

    async def ask(self, question: Authenticate) -> Authenticated:
        """Control's answer. Raises LinkAway, or RemoteProtocolError when it is not one."""
        frame = codec.decode(await self._transport.ask(codec.encode(question)))
        if not isinstance(frame, Authenticated):
            raise RemoteProtocolError(f"control answered with {type(frame).__name__}")
        self._come_back()
        return frame

    async def report(self, reports: Reports) -> int:
        """The number up to which control has kept this instance's reports. Raises as `ask` does."""
        frame = codec.decode(await self._transport.ask(codec.encode(reports)))
        if not isinstance(frame, ReportsTaken):
            raise RemoteProtocolError(f"control answered reports with {type(frame).__name__}")
        return frame.number

    def resume(self, chunks: Iterable[SnapshotChunk], heard: float) -> None:
        """Begins with what was kept of an earlier run. Raises RemoteProtocolError; nothing is published then."""
        replica = Replica()
        news = None
        for chunk in chunks:
            news = replica.receive(chunk)
        if not isinstance(news, WholeSnapshot):
            raise RemoteProtocolError("the kept snapshot has no end")
        self._publish(news)
        self._replica, self.last_heard = replica, heard

    async def run(self) -> None:
        """Follows control until stopped or cancelled, coming back after every end of the stream."""
        delay = RETRY_FIRST
        while not self._stopped:
            arrived = await self._follow_once()
            delay = RETRY_FIRST if arrived else min(delay * 2, RETRY_MOST)
            if not self._stopped:
                await self._rest(delay * (0.5 + self._jitter()))

    async def _rest(self, seconds: float) -> None:
        """Until the next attempt is due, or an answer shows that control is there."""
        due = self._clock.callLater(seconds, self._come_back)
        self._resting = Deferred()
        try:
            await self._resting
        finally:
            self._resting = None
            if due.active():
                due.cancel()

    def _come_back(self) -> None:
        if self._resting is not None:
            self._resting.callback(None)

    async def _follow_once(self) -> bool:
        """Until the stream ends. False: there was none, or it brought what we could not use."""
        try:
            hello = codec.encode(self._replica.hello(self.instance, *self._introduction))
            await self._transport.follow(hello, self.receive)
        except CancelledError:
            raise
        except LinkAway as error:
            return self._left(str(error) or "no answer")
        except Exception:
            self._telemetry.fault("the link")
            self._replica.forget()
            self.connected = False
            return False
        return self._left("the connection ended")

    def stop(self) -> None:
        """The next end of the stream is the last; whoever awaits `run` cancels it to bring that about."""
        self._stopped = True

    def receive(self, line: bytes) -> None:
        """Publishes what a line from control brings. Raises RemoteProtocolError."""
        frame = codec.decode(line)
        news = self._replica.receive(frame)
        self.last_heard = self._now()
        self._publish(news)
        if not self.connected:
            self._arrived()
        if not self.loaded.called and (frame.last if isinstance(frame, SnapshotChunk) else self._directory.loaded):
            self.loaded.callback(None)

    def _publish(self, news: WholeSnapshot | Changes | None) -> None:
        match news:
            case WholeSnapshot(revision=revision, records=records):
                self._directory.publish(whole(revision, records), Touched(everything=True))
            case Changes(revision=revision, changes=changes):
                try:
                    snapshot, touched = changed(self._directory.current, revision, changes)
                except (KeyError, ValueError) as error:
                    raise RemoteProtocolError(f"a change does not fit the snapshot: {error}", "gap") from error
                self._directory.publish(snapshot, touched)

    def _arrived(self) -> None:
        self.connected = True
        if self._told_away:
            self._told_away = False
            self._telemetry.noted("Control is there again.")
        for tell in self._on_connected:
            tell()

    def _left(self, reason: str) -> bool:
        """Was there a stream? Why not is said once, however often control is tried for."""
        arrived, self.connected = self.connected, False
        if not self._told_away and not self._stopped:
            self._told_away = True
            have = "the directory stays as it was" if self._directory.loaded else "there is no directory yet"
            self._telemetry.noted(f"Control cannot be reached ({reason}); {have}, and it is tried for.")
        return arrived
