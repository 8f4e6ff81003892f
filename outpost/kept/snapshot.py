"""The snapshot on disk: the very frames that control would send, after one line about when it was last heard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from outpost.directory.snapshot import Snapshot
from outpost.kept.sealed import Unreadable
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import EndedSessionRecord, Record, SnapshotChunk
from protocols.link.replica import Standing

PURPOSE = "snapshot"
FILE = "snapshot.sealed"
PIECE_RECORDS = 200
"""A piece is encoded in about 2 ms: as long as a packet may have to wait for the interpreter."""


@dataclass(frozen=True, slots=True)
class Stored:
    heard: float
    """When control was last heard before the file was written, seconds since the epoch."""
    chunks: tuple[SnapshotChunk, ...]


def pieces(snapshot: Snapshot, standing: Standing, heard: float) -> Iterator[bytes]:
    """What to seal; nothing but its arguments is touched, so that a thread may run it."""
    yield json.dumps({"heard": heard}).encode()
    records = _records(snapshot)
    part, index = tuple(islice(records, PIECE_RECORDS)), 0
    while True:
        following = tuple(islice(records, PIECE_RECORDS))
        yield codec.encode(
            SnapshotChunk(
                standing.revision, standing.incarnation, standing.chain, index, last=not following, records=part
            )
        )
        if not following:
            return
        part, index = following, index + 1


def stored(sealed: Iterator[bytes]) -> Stored:
    """What `pieces` were made of. Raises Unreadable, RemoteProtocolError, ValueError or TypeError."""
    head = json.loads(next(sealed))
    chunks: list[SnapshotChunk] = []
    for piece in sealed:
        frame = codec.decode(piece)
        if not isinstance(frame, SnapshotChunk):
            raise RemoteProtocolError(f"{type(frame).__name__} is no part of a snapshot")
        chunks.append(frame)
    if not chunks:
        raise Unreadable("holds no snapshot")
    return Stored(float(head["heard"]), tuple(chunks))


def _records(snapshot: Snapshot) -> Iterator[Record]:
    if snapshot.outpost is not None:
        yield snapshot.outpost
    yield from snapshot.providers.values()
    yield from snapshot.certificates.values()
    secrets = snapshot.secrets
    for user in snapshot.users.values():
        yield replace(user, attributes={**user.attributes, **secrets[user.pk]}) if user.pk in secrets else user
    for pk, group in snapshot.groups.items():
        attributes = {**group.attributes, **secrets[pk]} if pk in secrets else group.attributes
        yield replace(group, members=tuple(sorted(snapshot.members.get(pk, ()))), attributes=attributes)
    for sid, expires in snapshot.ended.items():
        yield EndedSessionRecord(sid, expires)
