"""Whole snapshots as lines of the link: what outposts with one view share is encoded once, however many ask
(DESIGN D6)."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from control.mappings.answers import Broken
from control.mappings.everybody import Everybody
from control.outposts import people, view
from control.outposts.left_out import LeftOut
from control.outposts.narrowed import Held, Holding
from control.outposts.needs import WHOLE, View, chained, key, of_outpost
from control.outposts.people import Person
from control.store.interface import Store, Transaction
from protocols.link import codec
from protocols.link.messages import (
    Change,
    Configuration,
    GroupRecord,
    Hello,
    Record,
    SnapshotChunk,
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
    broken: Sequence[tuple[int, Broken]] = ()
    """`Everybody.broken`."""
    changes: Sequence[Change] = ()
    """What they change of the configuration; of a whole snapshot all of it."""
    view: View = WHOLE
    held: Held | None = None
    """What is held of the view, if something has to be."""


class Directory:
    """Users, groups and ended sessions of one view at one revision, encoded."""

    def __init__(self, standing: Standing, parts: Iterable[tuple[Record, ...]]) -> None:
        self.standing = standing
        self.lines = [codec.encode(_chunk(standing, index, records, last=False)) for index, records in enumerate(parts)]


Latest = weakref.WeakValueDictionary[View, Directory]


class Snapshots:
    """Kept as long as somebody is still being sent it."""

    def __init__(self, store: Store, holding: Holding) -> None:
        self._store = store
        self._holding = holding
        self._latest = Latest()
        self._encoding = asyncio.Lock()

    async def whole(self, outpost: str, stand: Hello, view: View = WHOLE) -> News:
        """Everything that this outpost needs. Raises Unavailable. ``view``: that it had.

        Read and encoded in a thread of the store's, in one transaction.
        """
        while True:
            held = self._holding.of(view)
            lock = self._encoding if held is None else held.lock
            async with lock:
                read = partial(_locked, outpost=outpost, had=view, held=held, latest=self._latest)
                found = await self._store.read(read)
            if not isinstance(found, View):
                break
            view = found
        directory, records, last, broken = found
        standing = directory.standing
        after = replace(stand, incarnation=standing.incarnation, revision=standing.revision, chain=standing.chain)
        configured = (Configuration(records),)
        return News(_lines(directory, last), after, broken, configured, view, held)


Read = tuple[Directory, tuple[Record, ...], bytes, Sequence[tuple[int, Broken]]]


def _locked(tx: Transaction, outpost: str, had: View, held: Held | None, latest: Latest) -> Read | View:
    with held.working if held is not None else nullcontext():
        return _read(tx, outpost, had, held, latest)


def _read(tx: Transaction, outpost: str, had: View, held: Held | None, latest: Latest) -> Read | View:
    """The view, if it is not the one that the outpost had."""
    revision = tx.revision()
    standing = Standing(tx.incarnation, revision.number, chained(revision.chain, key(had)))
    broken: list[tuple[int, Broken]] = []
    if held is not None:
        broken += held.catch_up(tx)
    records = tuple(view.configuration(tx, outpost, held.narrowed() if held is not None else view.EVERYBODY))
    wanted = of_outpost(records)
    if wanted != had:
        return wanted
    directory = latest.get(wanted)
    if directory is None or directory.standing != standing:
        everybody = Everybody(tx)
        everyone = _everyone(tx, wanted, everybody) if held is None else held.records(tx, everybody)
        directory = latest[wanted] = Directory(standing, _cut(everyone))
        broken += everybody.broken
    last = codec.encode(_chunk(standing, len(directory.lines), records, last=True))
    return directory, records, last, broken


def _everyone(tx: Transaction, view: View, everybody: Everybody) -> Iterator[Person]:
    return map(LeftOut(view).of, people.directory(tx, everybody))


def _lines(directory: Directory, last: bytes) -> Iterator[bytes]:
    yield from directory.lines
    yield last


def _chunk(standing: Standing, index: int, records: tuple[Record, ...], *, last: bool) -> SnapshotChunk:
    return SnapshotChunk(standing.revision, standing.incarnation, standing.chain, index, last, records)


def _cut(records: Iterable[Person]) -> Iterator[tuple[Record, ...]]:
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
