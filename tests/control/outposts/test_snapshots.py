"""Whole snapshots: encoded once for all outposts of a revision, and gone when nobody is sent them."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from control.mappings.everybody import Everybody
from control.outposts import people, snapshots
from control.outposts import view as outposts
from control.outposts.narrowed import Holding
from control.outposts.needs import WHOLE, chained, key
from control.outposts.snapshots import Snapshots
from control.records import Group, User
from control.store.interface import Transaction
from control.store.sql import SqlStore
from outpost.directory.draft import whole
from outpost.directory.snapshot import Snapshot
from protocols.link import codec
from protocols.link.messages import GroupRecord, Hello, OutpostRecord, SnapshotChunk
from protocols.link.replica import Replica, SnapshotPart
from tests.control.outposts.serving import open_outpost
from tests.stores import open_store

STRANGER = Hello("i", "h", "v")


class Bench:
    def __init__(self, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.snapshots = Snapshots(store, Holding())
        self.readings = 0
        real = people.directory

        def counted(tx: Transaction, everybody: Everybody | None = None) -> Any:
            self.readings += 1
            return real(tx, everybody)

        monkeypatch.setattr(people, "directory", counted)
        self.one, self.two = (
            store.write_now(lambda tx, name=name: open_outpost(tx, name))  # type: ignore[misc]
            for name in ("one", "two")
        )
        store.write_now(self.people)

    @staticmethod
    def people(tx: Transaction) -> None:
        pks = [tx.insert(User(username=f"u{number}")).pk for number in range(25)]
        tx.add_members(tx.insert(Group(name="staff")).pk, pks)

    async def whole(self, outpost: str) -> list[bytes]:
        return list((await self.snapshots.whole(outpost, STRANGER)).lines)


Act = Callable[[Bench], Coroutine[Any, Any, None]]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    def run(act: Act) -> None:
        async def go() -> None:
            store = open_store(tmp_path)
            try:
                await act(Bench(store, monkeypatch))
            finally:
                store.close()

        asyncio.run(go())

    return run


def chunks(lines: list[bytes]) -> list[SnapshotChunk]:
    frames = [codec.decode(line) for line in lines]
    assert all(isinstance(frame, SnapshotChunk) for frame in frames)
    return frames  # type: ignore[return-value]


def followed(lines: list[bytes]) -> Snapshot:
    """As an outpost puts them together; RemoteProtocolError when they do not fit."""
    replica = Replica()
    parts = [part for chunk in chunks(lines) if isinstance(part := replica.receive(chunk), SnapshotPart)]
    assert parts[-1].last
    return whole(parts[-1].revision, (record for part in parts for record in part.records))


def test_the_lines_hold_what_the_store_does(scenario: Callable[[Act], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "CHUNK_RECORDS", 10)

    async def act(bench: Bench) -> None:
        lines, after, *_ = await bench.snapshots.whole(bench.one, STRANGER)
        snapshot = followed(list(lines))
        expected = await bench.store.read(
            lambda tx: whole(tx.revision().number, outposts.snapshot(tx, bench.one)),
        )
        assert snapshot == expected
        assert len(snapshot.users) == 25
        assert (after.revision, after.incarnation) == (expected.revision, bench.store.read_now(lambda t: t.incarnation))
        assert after.chain == chained(bench.store.read_now(lambda tx: tx.revision().chain), key(WHOLE))

    scenario(act)


def test_outposts_that_ask_at_the_same_time_share_one_reading(scenario: Callable[[Act], None]) -> None:
    async def act(bench: Bench) -> None:
        asked = [bench.snapshots.whole(outpost, STRANGER) for outpost in (bench.one, bench.two, bench.one)]
        (one, *_), (two, *_), (again, *_) = await asyncio.gather(*asked)
        assert bench.readings == 1
        first, second = list(one), list(two)
        assert first[0] is second[0]
        assert first == list(again)
        names = [record.name for record in chunks(second)[-1].records if isinstance(record, OutpostRecord)]
        assert names == ["two"]

    scenario(act)


def test_a_new_revision_is_read_anew(scenario: Callable[[Act], None]) -> None:
    async def act(bench: Bench) -> None:
        lines, *_ = await bench.snapshots.whole(bench.one, STRANGER)
        await bench.store.write(lambda tx: tx.insert(User(username="newcomer")))
        newer = followed(await bench.whole(bench.one))
        assert bench.readings == 2
        assert len(newer.users) == 26
        assert len(followed(list(lines)).users) == 25

    scenario(act)


def test_nothing_is_kept_that_nobody_is_sent(scenario: Callable[[Act], None]) -> None:
    async def act(bench: Bench) -> None:
        lines, *_ = await bench.snapshots.whole(bench.one, STRANGER)
        directory = bench.snapshots._latest.get(WHOLE)
        assert directory is not None
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        weakref.finalize(directory, loop.call_soon_threadsafe, gone.set)
        del directory
        assert list(lines)
        await asyncio.wait_for(gone.wait(), 60)  # the thread that read may still be on its way out
        assert bench.snapshots._latest.get(WHOLE) is None

    scenario(act)


def test_large_groups_fill_a_chunk(scenario: Callable[[Act], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a frame stays below its longest length, however many people the groups have."""
    monkeypatch.setattr(snapshots, "MEMBERS_LIKE_A_RECORD", 1)
    monkeypatch.setattr(snapshots, "CHUNK_RECORDS", 26)

    async def act(bench: Bench) -> None:
        def more(tx: Transaction) -> None:
            everybody = [user.pk for user in tx.select(User)]
            tx.add_members(tx.insert(Group(name="everybody")).pk, everybody)

        await bench.store.write(more)
        found = [[type(record) for record in chunk.records] for chunk in chunks(await bench.whole(bench.one))]
        assert [kinds.count(GroupRecord) for kinds in found] == [1, 1, 0]

    scenario(act)
