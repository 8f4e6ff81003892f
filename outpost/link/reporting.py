"""Sends what is in the outbox: at once when control is there again, every minute, and soon after something new.

Each time it says which revision is in force here, and soon after that has changed it says so again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from outpost.authentication import LinkAway
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept.credential_cache import Use
from outpost.link.outbox import LOGINS, OutboxFile
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError
from protocols.link.messages import Reports

TALLY_SECONDS = 60.0
"""Logins that control was not asked for are counted by the minute (D13)."""
SOON_SECONDS = 0.2
"""What happens together travels together."""


class Link(Protocol):
    instance: str
    connected: bool

    def on_connected(self, tell: Callable[[], None]) -> None: ...

    async def report(self, reports: Reports) -> int:
        """Raises LinkAway, or RemoteProtocolError."""


class Reporting:
    """``uses`` are the credential cache's counts, which are emptied here. ``now``: seconds since the epoch."""

    def __init__(
        self,
        outbox: OutboxFile,
        link: Link,
        directory: Directory,
        uses: Counter[Use],
        clock: IReactorTime,
        in_thread: Callable[[Callable[[], bool]], Awaitable[bool]],
        now: Callable[[], float],
        telemetry: Telemetry,
    ) -> None:
        self._outbox = outbox
        self._link = link
        self._directory = directory
        self._uses = uses
        self._clock = clock
        self._in_thread = in_thread
        self._now = now
        self._telemetry = telemetry
        self._since = now()
        self._acquainted = False
        self._told_revision = 0
        self._tick: IDelayedCall | None = None
        self._soon: IDelayedCall | None = None
        self._sending: Deferred[None] | None = None
        self._unsynced: list[Deferred[bool]] = []
        self._syncing = False
        link.instance = outbox.instance
        telemetry.report = self.report
        link.on_connected(self._send)
        directory.follow(self._in_force)

    def start(self) -> None:
        self._tick = self._clock.callLater(TALLY_SECONDS, self._every_minute)

    def stop(self) -> None:
        """What is not sent stays in the log for the next start."""
        for call in (self._tick, self._soon):
            if call is not None and call.active():
                call.cancel()
        if self._sending is not None:
            self._sending.cancel()
        self._tally()
        self._outbox.sync()
        self._outbox.close()

    def report(self, kind: str, body: dict[str, Any]) -> None:
        """Something that control keeps; it is sent soon."""
        self._outbox.add(kind, self._now(), body)
        self._send_soon()

    async def keep(self, kind: str, body: dict[str, Any]) -> bool:
        """As `report`, and waits until it would outlast a power failure. False: it may not, and whoever told it has to
        keep it. Those that come together wait for one disk together."""
        if self._outbox.is_crowded:
            return False
        self.report(kind, body)
        done: Deferred[bool] = Deferred()
        self._unsynced.append(done)
        if not self._syncing:
            self._syncing = True
            Deferred.fromCoroutine(self._sync())
        return await done

    async def _sync(self) -> None:
        """Until nobody waits."""
        while self._unsynced:
            waiting, self._unsynced = self._unsynced, []
            well = False
            try:
                well = await self._in_thread(self._outbox.syncing())
                self._outbox.synced(well)
            except Exception:
                self._telemetry.fault("the outbox")
            for one in waiting:
                one.callback(well)
        self._syncing = False

    def _in_force(self, snapshot: Snapshot, touched: Touched) -> None:
        if snapshot.revision:
            self._send_soon()

    def _send_soon(self) -> None:
        if self._soon is None or not self._soon.active():
            self._soon = self._clock.callLater(SOON_SECONDS, self._send)

    def _every_minute(self) -> None:
        self.start()
        self._outbox.mend()
        self._tally()
        self._telemetry.tell_knocks()
        self._send()

    def _tally(self) -> None:
        now = self._now()
        for use, count in self._uses.items():
            body = {
                "user": use.user,
                "provider": use.provider,
                "away": use.away,
                "count": count,
                "since": self._since,
            }
            self._outbox.add(LOGINS, now, body)
        self._uses.clear()
        self._since = now

    def _send(self) -> None:
        if self._sending is None and self._link.connected:
            self._sending = Deferred.fromCoroutine(self._deliver())
            self._sending.addErrback(self._failed).addBoth(self._sent)

    async def _deliver(self) -> None:
        """Until nothing waits. The first exchange carries nothing: it tells whether our log and control's agree."""
        while self._has_news():
            revision = self._directory.current.revision
            batch = self._outbox.offer() if self._acquainted else ()
            self._outbox.synced(await self._in_thread(self._outbox.syncing()))
            number = await self._link.report(Reports(self._outbox.instance, batch, revision))
            if not self._outbox.take(number):
                self._link.instance = self._outbox.instance
                if self._acquainted:
                    raise RemoteProtocolError(f"control says that it has report {number}, which was never sent")
                self._telemetry.noted(
                    "Control has more reports from this outpost than its outbox knows of: the data folder is an older "
                    "copy. It goes on under a new instance id."
                )
            elif batch and number < batch[-1].number:
                raise LinkAway(f"control kept reports up to {number} only")
            self._acquainted, self._told_revision = True, revision

    def _has_news(self) -> bool:
        return not self._acquainted or len(self._outbox) > 0 or self._told_revision != self._directory.current.revision

    def _failed(self, failure: Any) -> None:
        if failure.check(LinkAway, CancelledError) is None:
            self._telemetry.failed("reporting", failure)

    def _sent(self, _: object) -> None:
        self._sending = None
