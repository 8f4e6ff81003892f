"""The outpost's end of the link: follows control, and carries questions and reports to it (DESIGN D5 to D7).

How bytes travel is the `Transport`'s business: a call in the same process (`outpost.up`), or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from outpost.authentication import LinkAway, LinkRevoked
from outpost.directory.dismantling import dismantled
from outpost.directory.draft import Loading, Slices, at_once, changing
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.slices import GarbageCollector, in_turns
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import (
    AccessSaid,
    AskAccess,
    Authenticate,
    Authenticated,
    ChangePassword,
    ChangeSession,
    CodeRedeemed,
    EndSession,
    Frame,
    PasswordChanged,
    RedeemCode,
    RenewSession,
    Reports,
    ReportsTaken,
    SessionEnded,
    SessionRenewed,
    SnapshotChunk,
)
from protocols.link.replica import Changes, Replica, SnapshotPart, Standing

A = TypeVar("A", AccessSaid, Authenticated, CodeRedeemed, SessionEnded, SessionRenewed, PasswordChanged)

RETRY_FIRST, RETRY_MOST = 0.5, 10.0
"""Seconds before the first and the latest further attempts to reach control."""


FREED_AT_ONCE = 2000
"""Of the snapshot before, so many users and groups may be dropped in one go."""

Receive = Callable[[bytes], Deferred[None]]
"""Takes in one line. The next may come when this has fired; if it fails, the stream ends with that failure."""


class Transport(Protocol):
    """Both raise LinkAway when control cannot be reached."""

    def follow(self, hello: bytes, receive: Receive) -> Awaitable[None]:
        """Says hello and hands every line that comes to ``receive``, one by one; returns when the stream ends.

        Control is made to wait while a line is taken in; what is under way is cancelled when the stream ends early.
        """

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
        collector: GarbageCollector,
    ) -> None:
        self.instance = instance
        self.connected = False
        """Control speaks to us: the stream is open and has brought a frame."""
        self.last_heard = 0.0
        """When control's last frame came, seconds since the epoch; 0.0: never."""
        self.losses = 0
        """How often control spoke to us, and then did no more."""
        self.loaded: Deferred[None] = Deferred()
        """Fires when control has first said what the directory is, or that ours is still right."""
        self._transport = transport
        self._directory = directory
        self._telemetry = telemetry
        self._clock = clock
        self._jitter = jitter
        self._introduction = (hostname, version)
        self._now = now
        self._collector = collector
        self._replica = Replica()
        self._loading: Loading | None = None
        self._resting: Deferred[None] | None = None
        self._told_away = False
        self._stopped = False
        self._on_connected: list[Callable[[], None]] = []
        self._on_order: list[Callable[[ChangeSession], None]] = []
        self._on_revoked: list[Callable[[], None]] = []

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

    def on_revoked(self, tell: Callable[[], None]) -> None:
        """``tell`` is called when control has revoked this outpost."""
        self._on_revoked.append(tell)

    def on_connected(self, tell: Callable[[], None]) -> None:
        """``tell`` is called whenever control is there again."""
        self._on_connected.append(tell)

    def on_order(self, carry: Callable[[ChangeSession], None]) -> None:
        """``carry`` is called with what control wants of a NAS."""
        self._on_order.append(carry)

    async def ask(self, question: Authenticate) -> Authenticated:
        """Control's answer. Raises LinkAway, or RemoteProtocolError when it is not one."""
        return await self._answer(question, Authenticated)

    async def change_password(self, question: ChangePassword) -> PasswordChanged:
        """Raises as `ask` does."""
        return await self._answer(question, PasswordChanged)

    async def access(self, question: AskAccess) -> AccessSaid:
        """Raises as `ask` does."""
        return await self._answer(question, AccessSaid)

    async def redeem(self, question: RedeemCode) -> CodeRedeemed:
        """Raises as `ask` does."""
        return await self._answer(question, CodeRedeemed)

    async def renew(self, question: RenewSession) -> SessionRenewed:
        """Raises as `ask` does."""
        return await self._answer(question, SessionRenewed)

    async def end_session(self, question: EndSession) -> SessionEnded:
        """Raises as `ask` does."""
        return await self._answer(question, SessionEnded)

    async def _answer(self, question: Frame, kind: type[A]) -> A:
        try:
            frame = codec.decode(await self._transport.ask(codec.encode(question)))
        except LinkRevoked:
            self._revoked()
            raise
        if not isinstance(frame, kind):
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
        """Begins with what was kept of an earlier run. Raises RemoteProtocolError; nothing is published then.

        In one go: nobody is served yet.
        """
        replica = Replica()
        part = None
        try:
            for chunk in chunks:
                part = replica.receive(chunk)
                if isinstance(part, SnapshotPart):
                    at_once(self._load(part))
            if not isinstance(part, SnapshotPart) or not part.last:
                raise RemoteProtocolError("the kept snapshot has no end")
        finally:
            self._end_loading()
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
        except LinkRevoked:
            self._revoked()
            self.connected = False
            return False
        except LinkAway as error:
            return self._left(str(error) or "no answer")
        except Exception:
            self._telemetry.fault("the link")
            self._replica.forget()
            self.connected = False
            return False
        finally:
            self._end_loading()
        return self._left("the connection ended")

    def stop(self) -> None:
        """The next end of the stream is the last; whoever awaits `run` cancels it to bring that about."""
        self._stopped = True

    def receive(self, line: bytes) -> Deferred[None]:
        """Takes in a line from control and publishes what it brings. Fails with RemoteProtocolError."""
        return Deferred.fromCoroutine(self._receive(line))

    async def _receive(self, line: bytes) -> None:
        frame = codec.decode(line)
        self.last_heard = self._now()
        if isinstance(frame, ChangeSession):
            for carry in self._on_order:
                carry(frame)
            return
        news = self._replica.receive(frame)
        match news:
            case SnapshotPart():
                await in_turns(self._load(news), self._clock)
            case Changes():
                await self._change(news)
        if not self.connected:
            self._arrived()
        if not self.loaded.called and (frame.last if isinstance(frame, SnapshotChunk) else self._directory.loaded):
            self.loaded.callback(None)

    def _load(self, part: SnapshotPart) -> Slices[None]:
        """Beside the directory that is in force, until the last part."""
        if part.first:
            self._loading = Loading(self._directory.current)
            self._collector.postpone()
        loading = self._loading
        if loading is None:
            raise RemoteProtocolError("what came before this part was given up", "gap")
        yield from loading.take(part.records)
        if part.last:
            snapshot = yield from loading.finish(part.revision)
            self._publish(loading.base, snapshot, Touched(everything=True))
            self._collector.settle()
            self._end_loading()
            if loading.differing > FREED_AT_ONCE:
                yield from dismantled(loading.give_up())

    async def _change(self, news: Changes) -> None:
        base = self._directory.current
        try:
            snapshot, touched = await in_turns(changing(base, news.revision, news.changes), self._clock)
        except (KeyError, ValueError) as error:
            raise RemoteProtocolError(f"a change does not fit the snapshot: {error}", "gap") from error
        self._publish(base, snapshot, touched)
        self._collector.grown(len(touched.users) + len(touched.groups))

    def _publish(self, base: Snapshot, snapshot: Snapshot, touched: Touched) -> None:
        """A revocation between two slices is not undone by what was under way."""
        if self._directory.current is not base:
            raise RemoteProtocolError("what is in force has changed meanwhile", "gap")
        self._directory.publish(snapshot, touched)

    def _end_loading(self) -> None:
        """Half a snapshot is none."""
        self._loading = None
        self._collector.resume()

    def _arrived(self) -> None:
        self.connected = True
        if self._told_away:
            self._told_away = False
            self._telemetry.noted("Control is there again.")
        for tell in self._on_connected:
            tell()

    def _revoked(self) -> None:
        """Nobody is let in or read about through an outpost that an operator has shut out (unlike one left alone)."""
        if self._directory.current.revision == 0 and self._loading is None:
            return
        self._replica.forget()
        self._end_loading()
        self._directory.publish(Snapshot(), Touched(everything=True))
        for tell in self._on_revoked:
            tell()
        self._telemetry.noted(
            "Control has revoked this outpost's token. Nothing is served until OUTPOST_TOKEN holds one that it knows."
        )

    def _left(self, reason: str) -> bool:
        """Was there a stream? Why not is said once, however often control is tried for."""
        arrived, self.connected = self.connected, False
        self.losses += arrived
        if not arrived and not self._told_away and not self._stopped:
            self._told_away = True
            have = "the directory stays as it was" if self._directory.loaded else "there is no directory yet"
            self._telemetry.noted(f"Control cannot be reached ({reason}); {have}, and it is tried for.")
        return arrived
