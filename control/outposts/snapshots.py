"""Whole snapshots as lines of the link: what all outposts share is encoded once, however many ask (DESIGN D6)."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from control.mappings.answers import Broken
from control.mappings.everybody import Everybody
from control.outposts import view
from control.store.interface import Store, Transaction
from protocols.link import codec
from protocols.link.messages import (
    Change,
    Configuration,
    EndedSessionRecord,
    GroupRecord,
    Hello,
    Record,
    SnapshotChunk,
    UserRecord,
)
from protocols.link.replica import Standing

CHUNK_RECORDS = 200
"""Records in one chunk: an outpost takes it in within a few milliseconds, between packets."""
MEMBERS_LIKE_A_RECORD = 50
"""So many members of a group make as much of a chunk as one record: a frame has a longest length."""


class News(NamedTuple):
    """For one stream."""

    lines: Iterable[bytes]
    stand: Hello
    """That the outpost would say once it has these."""
    broken: Sequence[tuple[int, Broken]]
    """`Everybody.broken`."""
    changes: Sequence[Change] = ()
    """What they change; of a whole snapshot the configuration alone."""


class Directory:
    """Users, groups and ended sessions at one revision, encoded."""

    def __init__(self, standing: Standing, parts: Iterable[tuple[Record, ...]]) -> None:
        self.standing = standing
        self.lines = [codec.encode(_chunk(standing, index, records, last=False)) for index, records in enumerate(parts)]


class Snapshots:
    """Kept as long as somebody is still being sent it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest: Callable[[], Directory | None] = lambda: None
        self._encoding = asyncio.Lock()

    async def whole(self, outpost: str, stand: Hello) -> News:
        """Everything that this outpost needs. Raises Unavailable.

        Read and encoded in a thread of the store's, in one transaction.
        """
        async with self._encoding:
            directory, records, last, broken = await self._store.read(lambda tx: _read(tx, outpost, self._latest()))
            self._latest = weakref.ref(directory)
        standing = directory.standing
        after = replace(stand, incarnation=standing.incarnation, revision=standing.revision, chain=standing.chain)
        return News(_lines(directory, last), after, broken, (Configuration(records),))


def _read(
    tx: Transaction, outpost: str, latest: Directory | None
) -> tuple[Directory, tuple[Record, ...], bytes, Sequence[tuple[int, Broken]]]:
    revision = tx.revision()
    standing = Standing(tx.incarnation, revision.number, revision.chain)
    everybody = Everybody(tx)
    if latest is None or latest.standing != standing:
        latest = Directory(standing, _cut(view.directory(tx, everybody)))
    records = tuple(view.configuration(tx, outpost))
    last = codec.encode(_chunk(standing, len(latest.lines), records, last=True))
    return latest, records, last, everybody.broken


def _lines(directory: Directory, last: bytes) -> Iterator[bytes]:
    yield from directory.lines
    yield last


def _chunk(standing: Standing, index: int, records: tuple[Record, ...], *, last: bool) -> SnapshotChunk:
    return SnapshotChunk(standing.revision, standing.incarnation, standing.chain, index, last, records)


def _cut(records: Iterable[UserRecord | GroupRecord | EndedSessionRecord]) -> Iterator[tuple[Record, ...]]:
    part: list[Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += 1
        if isinstance(record, GroupRecord) and record.members:
            size += len(record.members) // MEMBERS_LIKE_A_RECORD
        if size >= CHUNK_RECORDS:
            yield tuple(part)
            part, size = [], 0
    if part:
        yield tuple(part)
