"""When sealed files are written: some time after a change, in a thread, and at the stop (DESIGN D14)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from outpost.kept.sealed import Seal, Unreadable
from outpost.telemetry import Telemetry
from protocols.errors import RemoteProtocolError

T = TypeVar("T")
InThread = Callable[[Callable[[], None]], Deferred[None]]

SECONDS_BETWEEN = 15.0
"""What changed in the seconds before a crash is not on disk; 100,000 users cost a core one to two seconds a write."""
REST_SECONDS = 0.005
"""After every piece the thread lets go of the interpreter, so that no packet waits for more than one piece."""

Capture = Callable[[], Callable[[], Iterable[bytes]] | None]
"""Called on the reactor: takes hold of immutable values, and gives what makes the pieces out of them, in a thread.

None: there is nothing to write now; a later change will say so.
"""


class Saving:
    """One sealed file that follows something in memory."""

    def __init__(
        self,
        seal: Seal,
        path: Path,
        purpose: str,
        capture: Capture,
        clock: IReactorTime,
        in_thread: InThread,
        telemetry: Telemetry,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seal = seal
        self._path = path
        self._purpose = purpose
        self._capture = capture
        self._clock = clock
        self._in_thread = in_thread
        self._telemetry = telemetry
        self._rest = rest
        self._due: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._changed = False
        self._stopping = False
        self._void = False
        self._complained = False

    def changed(self) -> None:
        """The file is behind; it is written soon."""
        self._changed = True
        if self._due is None and self._writing is None and not self._stopping:
            self._due = self._clock.callLater(SECONDS_BETWEEN, self._write)

    def remove(self) -> None:
        """Nothing that was in the file may be believed any more."""
        self._void = self._writing is not None
        self._path.unlink(missing_ok=True)

    def load(self, take: Callable[[Iterator[bytes]], T]) -> T | None:
        """What ``take`` makes of the pieces; None when there is no file, or none that can be believed."""
        try:
            return take(self._seal.read(self._path, self._purpose))
        except FileNotFoundError:
            return None
        except Unreadable as error:
            self._telemetry.noted(f"{self._path.name} {error}; it is ignored, and replaced before long.")
        except (RemoteProtocolError, ValueError, KeyError, TypeError):
            self._telemetry.noted(f"{self._path.name} holds what this version cannot read; it is ignored.")
        return None

    async def stop(self) -> None:
        """Writes what has changed; no more afterwards."""
        self._stopping = True
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._writing is not None:
            await self._writing
        if self._changed:
            self._write()
            if self._writing is not None:
                await self._writing

    def _write(self) -> None:
        self._due = None
        pieces = self._capture()
        if pieces is None:
            return
        self._changed = False
        done: Deferred[None] = Deferred()
        self._writing = done
        self._in_thread(lambda: self._replace(pieces)).addErrback(self._failed).addBoth(self._written, done)

    def _replace(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        self._seal.write(self._path, self._purpose, self._restfully(pieces()))

    def _restfully(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            if not self._stopping:
                self._rest(REST_SECONDS)

    def _failed(self, failure: object) -> None:
        self._changed = True
        if not self._complained:
            self._complained = True
            reason = getattr(failure, "value", failure)
            self._telemetry.noted(f"{self._path.name} cannot be written ({reason}); a restart would not find it.")

    def _written(self, _: object, done: Deferred[None]) -> None:
        self._writing = None
        if self._void:
            self.remove()
        done.callback(None)
        if self._changed and not self._stopping:
            self.changed()
