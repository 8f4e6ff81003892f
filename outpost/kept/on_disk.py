"""What an outpost keeps in its data folder, and finds there again: reports always; alone, the sealed files too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.kept import credentials as kept_credentials
from outpost.kept import snapshot as sealed_snapshot
from outpost.kept.credential_cache import CredentialCache
from outpost.kept.credentials import KeptCredentials
from outpost.kept.saving import Saving
from outpost.kept.sealed import Seal
from outpost.link import outbox
from outpost.link.following import Link
from outpost.link.outbox import OutboxFile
from outpost.link.reporting import Reporting
from outpost.telemetry import Telemetry
from outpost.threads import Threads
from protocols.errors import RemoteProtocolError

T = TypeVar("T")


class OnDisk:
    """``seal``: None in the all-in-one program, whose database is beside it. ``clock`` is a Twisted reactor's.

    ``offline_credentials``: keep accepted passwords too (D14).
    """

    def __init__(
        self,
        data_dir: Path,
        seal: Seal | None,
        directory: Directory,
        cache: CredentialCache,
        link: Link,
        telemetry: Telemetry,
        clock: Any,
        threads: Threads,
        now: Callable[[], float],
        random: Callable[[int], bytes],
        offline_credentials: bool = False,
    ) -> None:
        self.kept: KeptCredentials | None = None
        self._directory = directory
        self._cache = cache
        self._link = link
        self._telemetry = telemetry
        self._clock = clock
        self._in_thread = threads.any
        self._restored: Snapshot | None = None
        self._snapshot: Saving | None = None
        self.outbox = OutboxFile(
            data_dir / outbox.FILE,
            lambda: random(16).hex(),
            seal.mark if seal is not None else "",
            telemetry.noted,
        )
        self._reporting = Reporting(
            self.outbox,
            link,
            directory,
            cache.uses,
            clock,
            threads.any,
            now,
            telemetry,
        )
        if seal is not None:
            self._snapshot = self._saving(
                seal, data_dir / sealed_snapshot.FILE, sealed_snapshot.PURPOSE, self._captured
            )
        credentials = data_dir / kept_credentials.FILE
        if seal is not None and offline_credentials:
            self.kept = KeptCredentials(
                cache,
                directory,
                random(32),
                threads.one,
                self._set_going,
                now,
                random,
            )
            self.kept.saving = self._saving(seal, credentials, kept_credentials.PURPOSE, self.kept.capture)
        else:
            credentials.unlink(missing_ok=True)

    def restore(self) -> None:
        """Publishes the kept snapshot, if there is one that can be believed. Before the link runs."""
        if self._snapshot is None:
            return
        stored = self._snapshot.load(sealed_snapshot.stored)
        if stored is not None:
            try:
                self._link.resume(stored.chunks, stored.heard)
            except RemoteProtocolError:
                self._telemetry.noted(f"{sealed_snapshot.FILE} holds what this version cannot read; it is ignored.")
            else:
                self._restored = self._directory.current
        if self.kept is not None and self.kept.saving is not None:
            if self._restored is not None:
                self.kept.saving.load(self.kept.restore)
            self._cache.keeper = self.kept
        self._directory.follow(self._follow)
        self._link.on_revoked(self._snapshot.remove)

    def start(self) -> None:
        self._reporting.start()

    async def keep(self, kind: str, body: dict[str, Any]) -> bool:
        """`Reporting.keep`."""
        return await self._reporting.keep(kind, body)

    async def stop(self) -> None:
        """Writes what is not written yet."""
        self._reporting.stop()
        for saving in (self._snapshot, self.kept.saving if self.kept is not None else None):
            if saving is not None:
                await saving.stop()

    def told_of_age(self) -> str:
        """What serves while control is away, as a sentence."""
        heard = datetime.fromtimestamp(self._link.last_heard, UTC)
        return (
            f"Control has not answered yet; the kept directory of {heard:%Y-%m-%d %H:%M:%S} UTC "
            f"(revision {self._directory.current.revision}) serves until it does."
        )

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        """The first call brings what was restored, which need not be written again, nor be held on to any longer."""
        restored, self._restored = self._restored, None
        if self._snapshot is not None and snapshot is not restored and self._directory.loaded:
            self._snapshot.changed()

    def _captured(self) -> Callable[[], Iterable[bytes]] | None:
        snapshot, standing, heard = self._directory.current, self._link.standing, self._link.last_heard
        if standing.revision != snapshot.revision or not snapshot.revision:
            return None
        return lambda: sealed_snapshot.pieces(snapshot, standing, heard)

    def _saving(self, seal: Seal, path: Path, purpose: str, capture: Any) -> Saving:
        return Saving(seal, path, purpose, capture, self._clock, self._in_thread, self._telemetry)

    def _set_going(self, work: Awaitable[None]) -> None:
        def failed(failure: Any) -> None:
            if failure.check(CancelledError) is None:
                self._telemetry.failed("keeping credentials", failure)

        Deferred.fromCoroutine(work).addErrback(failed)  # type: ignore[arg-type]  # it is one of ours
