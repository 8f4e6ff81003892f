"""How an outpost follows control: whole snapshots and deltas in, gaps found (DESIGN D5, D6).

Pure state: it is told frames and says what to publish. A restored or replaced store shows as another incarnation or
chain, and makes control send a whole snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import RemoteProtocolError
from protocols.link.messages import Change, Delta, Frame, Heartbeat, Hello, Record, SnapshotChunk


@dataclass(frozen=True, slots=True)
class WholeSnapshot:
    revision: int
    records: tuple[Record, ...]


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
        self._chunks: list[SnapshotChunk] = []

    @property
    def standing(self) -> Standing:
        return Standing(self.incarnation, self.revision, self.chain)

    def hello(self, instance: str, hostname: str, version: str) -> Hello:
        """What to say first on a new connection; half a snapshot from the last one is forgotten."""
        self._chunks = []
        return Hello(
            instance=instance,
            hostname=hostname,
            version=version,
            incarnation=self.incarnation,
            revision=self.revision,
            chain=self.chain,
        )

    def forget(self) -> None:
        """Ask for everything at the next hello."""
        self.revision, self.incarnation, self.chain = 0, "", ""

    def receive(self, frame: Frame) -> WholeSnapshot | Changes | None:
        """What to publish now, if anything. Raises RemoteProtocolError at a gap: forget, and say hello again."""
        match frame:
            case SnapshotChunk():
                return self._chunk(frame)
            case Delta():
                if self._chunks or frame.previous != self.revision:
                    raise RemoteProtocolError(f"a delta from {frame.previous} does not fit {self.revision}", "gap")
                self.revision, self.chain = frame.revision, frame.chain
                return Changes(frame.revision, frame.changes)
            case Heartbeat():
                # Control sends changes before the heartbeat that names them.
                if not self._chunks and frame.revision != self.revision:
                    raise RemoteProtocolError(f"control is at {frame.revision}, we are at {self.revision}", "gap")
                return None
            case _:
                raise RemoteProtocolError(f"control does not send {type(frame).__name__}")

    def _chunk(self, chunk: SnapshotChunk) -> WholeSnapshot | None:
        first = self._chunks[0] if self._chunks else chunk
        if (chunk.index, chunk.revision, chunk.chain) != (len(self._chunks), first.revision, first.chain):
            raise RemoteProtocolError("the chunks of a snapshot do not fit together", "gap")
        self._chunks.append(chunk)
        if not chunk.last:
            return None
        chunks, self._chunks = self._chunks, []
        self.revision, self.incarnation, self.chain = chunk.revision, chunk.incarnation, chunk.chain
        return WholeSnapshot(chunk.revision, tuple(record for part in chunks for record in part.records))
