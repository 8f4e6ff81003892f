"""How an outpost follows control: whole snapshots and deltas in, gaps found (DESIGN D5, D6).

Pure state: it is told frames and says what to take in. A restored or replaced store shows as another incarnation or
chain, and makes control send a whole snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocols.errors import RemoteProtocolError
from protocols.link.messages import Change, Delta, Frame, Heartbeat, Hello, Record, SnapshotChunk


@dataclass(frozen=True, slots=True)
class SnapshotPart:
    """Records of a whole new snapshot; nothing of it may be published before its last part."""

    revision: int
    records: tuple[Record, ...]
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Changes:
    revision: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Which revision of which store: what a hello says of the directory."""

    incarnation: str
    revision: int
    chain: str


class Replica:
    def __init__(self) -> None:
        self.revision = 0
        self.incarnation = ""
        self.chain = ""
        self._under_way: SnapshotChunk | None = None
        """The last chunk that came of a snapshot whose end has not come, without its records."""

    @property
    def standing(self) -> Standing:
        return Standing(self.incarnation, self.revision, self.chain)

    def hello(self, instance: str, hostname: str, version: str) -> Hello:
        """What to say first on a new connection; half a snapshot from the last one is forgotten."""
        self._under_way = None
        return Hello(
            instance=instance,
            hostname=hostname,
            version=version,
            incarnation=self.incarnation,
            revision=self.revision,
            chain=self.chain,
            some_providers=True,
            pins=True,
        )

    def forget(self) -> None:
        """Ask for everything at the next hello."""
        self.revision, self.incarnation, self.chain = 0, "", ""

    def receive(self, frame: Frame) -> SnapshotPart | Changes | None:
        """What to take in now, if anything. Raises RemoteProtocolError at a gap: forget, and say hello again."""
        match frame:
            case SnapshotChunk():
                return self._chunk(frame)
            case Delta():
                if self._under_way is not None or frame.previous != self.revision:
                    raise RemoteProtocolError(f"a delta from {frame.previous} does not fit {self.revision}", "gap")
                self.revision, self.chain = frame.revision, frame.chain
                return Changes(frame.revision, frame.changes)
            case Heartbeat():
                # Control sends changes before the heartbeat that names them.
                if self._under_way is None and frame.revision != self.revision:
                    raise RemoteProtocolError(f"control is at {frame.revision}, we are at {self.revision}", "gap")
                return None
            case _:
                raise RemoteProtocolError(f"control does not send {type(frame).__name__}")

    def _chunk(self, chunk: SnapshotChunk) -> SnapshotPart:
        before = self._under_way
        expected = (
            (0, chunk.revision, chunk.chain) if before is None else (before.index + 1, before.revision, before.chain)
        )
        if (chunk.index, chunk.revision, chunk.chain) != expected:
            raise RemoteProtocolError("the chunks of a snapshot do not fit together", "gap")
        self._under_way = None if chunk.last else replace(chunk, records=())
        if chunk.last:
            self.revision, self.incarnation, self.chain = chunk.revision, chunk.incarnation, chunk.chain
        return SnapshotPart(chunk.revision, chunk.records, before is None, chunk.last)
