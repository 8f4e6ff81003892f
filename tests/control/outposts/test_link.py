"""Control's end of the link: snapshots in chunks, changes as they come, and whole snapshots after a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control.authentication import Authentication
from control.outposts import link as control_link
from control.outposts import news, snapshots
from control.outposts.link import Link
from control.records import Application, Event, Group, Outpost, PropertyMapping, Provider, RadiusPin, User
from control.store.interface import Query, Transaction
from control.store.sql import SqlStore
from protocols.errors import RemoteProtocolError
from protocols.link import codec
from protocols.link.messages import (
    Authenticate,
    Authenticated,
    Configuration,
    Delta,
    Frame,
    Heartbeat,
    Hello,
    Pinned,
    Put,
    Remove,
    Report,
    Reports,
    ReportsTaken,
    SnapshotChunk,
)
from protocols.link.replica import Standing
from tests.control.outposts.serving import open_outpost
from tests.stores import open_store

SECONDS = 60.0


def hello(**known: Any) -> bytes:
    return codec.encode(Hello("instance", "host", "0.1.0", **known))


async def following(frames: AsyncIterator[bytes]) -> Frame:
    return codec.decode(await asyncio.wait_for(anext(frames), SECONDS))


def scenario(tmp_path: Path, act: Callable[[SqlStore, Link, str], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        store = open_store(tmp_path)
        try:
            outpost = await store.write(lambda tx: open_outpost(tx, "o"))
            await act(store, Link(store, Authentication(store, {}, lambda: 0.0)), outpost)
        finally:
            store.close()

    asyncio.run(run())


def test_a_stranger_gets_a_snapshot_then_changes_as_they_come(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        frames = link.follow(outpost, hello())
        chunk = await following(frames)
        assert isinstance(chunk, SnapshotChunk)
        assert chunk.last
        waiting = asyncio.ensure_future(following(frames))
        await asyncio.sleep(0)
        await store.write(lambda tx: tx.insert(User(username="alice")))
        delta = await waiting
        assert isinstance(delta, Delta)
        assert (delta.previous, delta.revision) == (chunk.revision, chunk.revision + 1)

    scenario(tmp_path, act)


def test_whoever_stands_on_a_known_revision_gets_only_what_came_after(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        chunk = await following(link.follow(outpost, hello()))
        assert isinstance(chunk, SnapshotChunk)
        await store.write(lambda tx: tx.insert(User(username="alice")))
        stand = {"incarnation": chunk.incarnation, "revision": chunk.revision, "chain": chunk.chain}
        delta = await following(link.follow(outpost, hello(**stand)))
        assert isinstance(delta, Delta)
        assert delta.previous == chunk.revision
        for wrong in ({"incarnation": "another"}, {"chain": "another"}, {"chain": ""}, {"revision": 99}):
            first = await following(link.follow(outpost, hello(**{**stand, **wrong})))
            assert isinstance(first, SnapshotChunk), wrong

    scenario(tmp_path, act)


def test_a_large_snapshot_comes_in_chunks_of_one_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the outpost's own comes last, in a chunk by itself."""
    monkeypatch.setattr(snapshots, "CHUNK_RECORDS", 10)

    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        await store.write(lambda tx: [tx.insert(User(username=f"u{n}")) for n in range(25)])
        frames = link.follow(outpost, hello())
        chunks = [await following(frames) for _ in range(4)]
        assert [(c.index, c.last, len(c.records)) for c in chunks if isinstance(c, SnapshotChunk)] == [
            (0, False, 10),
            (1, False, 10),
            (2, False, 5),
            (3, True, 2),
        ]

    scenario(tmp_path, act)


def test_a_mapping_that_breaks_is_told_of_once_however_often_it_is_asked(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        def break_one(tx: Transaction) -> None:
            mapping = tx.insert(PropertyMapping("m", "ldap", "return user.nothing"))
            provider = tx.insert(Provider("directory", "ldap", property_mappings=(mapping.pk,)))
            tx.insert(Application("a", "a", provider=provider.pk))
            tx.insert(User(username="alice"))

        await store.write(break_one)
        frames = link.follow(outpost, hello())
        while not (chunk := await following(frames)).last:  # type: ignore[union-attr]
            assert isinstance(chunk, SnapshotChunk)
        for number in range(3):
            await store.write(lambda tx, number=number: tx.insert(User(username=f"u{number}")))  # type: ignore[misc]
            assert isinstance(await following(frames), Delta)
        broken = Query(equal={"action": "property_mapping_exception"})
        (event,) = await store.read(lambda tx: tx.select(Event, broken))
        assert (event.context["mapping"]["name"], event.context["application"]["slug"]) == ("m", "a")

    scenario(tmp_path, act)


def _configured(delta: Frame) -> list[tuple[type[object], object]]:
    assert isinstance(delta, Delta)
    return [
        (type(change), getattr(change, "pk", None) or getattr(getattr(change, "record", None), "pk", None))
        for change in delta.changes
    ]


def test_one_application_of_many_is_sent_alone_to_whoever_understands(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        def served(tx: Transaction) -> list[int]:
            made = [tx.insert(Provider(f"p{at}", "ldap")) for at in range(3)]
            for provider in made:
                tx.insert(Application(provider.name, provider.name, provider=provider.pk))
            tx.update(replace(tx.get(Outpost, outpost), providers=tuple(one.pk for one in made)))
            return [one.pk for one in made]

        pks = await store.write(served)
        streams = [link.follow(outpost, hello(some_providers=understands)) for understands in (True, False)]
        (chunk, _) = [await following(frames) for frames in streams]
        assert isinstance(chunk, SnapshotChunk)
        later = link.follow(
            outpost,
            hello(some_providers=True, incarnation=chunk.incarnation, revision=chunk.revision, chain=chunk.chain),
        )
        assert isinstance(await following(later), Heartbeat)
        whole = [(Configuration, None)]
        expected = ([(Put, pks[0])], whole, whole), ([(Remove, pks[0])], whole, [(Remove, pks[0])])
        verbs = (
            lambda tx: tx.update(replace(tx.get(Provider, pks[0]), name="renamed")),
            lambda tx: tx.delete(tx.select(Application, Query(equal={"provider": pks[0]}))[0]),
        )
        for verb, said in zip(verbs, expected, strict=True):
            await store.write(verb)
            told = [_configured(await following(frames)) for frames in (*streams, later)]
            assert told == list(said)

    scenario(tmp_path, act)


def test_what_a_nas_has_shown_is_sent_alone_to_whoever_understands(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        def served(tx: Transaction) -> int:
            made = tx.insert(Provider("wifi", "radius"))
            tx.update(replace(tx.get(Outpost, outpost), providers=(made.pk,)))
            return made.pk

        provider = await store.write(served)
        streams = [link.follow(outpost, hello(pins=understands)) for understands in (True, False)]
        for frames in streams:
            assert isinstance(await following(frames), SnapshotChunk)
        await store.write(lambda tx: tx.insert(RadiusPin("192.0.2.7", provider)))
        told = [await following(frames) for frames in streams]
        assert [one.changes for one in told if isinstance(one, Delta)] == [(Pinned(provider, ("192.0.2.7",)),), ()]

    scenario(tmp_path, act)


def test_silence_is_broken_by_heartbeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_link, "HEARTBEAT_SECONDS", 0.01)

    async def act(_store: SqlStore, link: Link, outpost: str) -> None:
        frames = link.follow(outpost, hello())
        chunk = await following(frames)
        assert isinstance(chunk, SnapshotChunk)
        assert await following(frames) == Heartbeat(chunk.revision)

    scenario(tmp_path, act)


def test_activity_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_link, "HEARTBEAT_SECONDS", 0.05)

    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        frames = link.follow(outpost, hello())
        await following(frames)
        question = Authenticate("q", 1, "alice", {"kind": "password", "password": "x"}, "ldap", "127.0.0.1")
        answer = codec.decode(await link.ask(outpost, codec.encode(question)))
        assert isinstance(answer, Authenticated)
        assert isinstance(await following(frames), Heartbeat)

    scenario(tmp_path, act)


def test_only_what_belongs_on_a_channel_is_taken(tmp_path: Path) -> None:
    async def act(_store: SqlStore, link: Link, outpost: str) -> None:
        with pytest.raises(RemoteProtocolError):
            await link.ask(outpost, hello())
        with pytest.raises(RemoteProtocolError):
            await following(link.follow(outpost, codec.encode(Heartbeat(1))))

    scenario(tmp_path, act)


def test_streams_of_one_outpost_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_link, "MOST_STREAMS", 2)

    async def act(_store: SqlStore, link: Link, outpost: str) -> None:
        first, second = link.follow(outpost, hello()), link.follow(outpost, hello())
        await following(first)
        await following(second)
        with pytest.raises(control_link.TooManyStreams):
            await following(link.follow(outpost, hello()))
        await first.aclose()  # type: ignore[attr-defined]  # it is a generator
        await following(link.follow(outpost, hello()))

    scenario(tmp_path, act)


def test_changes_between_two_reads_come_together(tmp_path: Path) -> None:
    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        frames = link.follow(outpost, hello())
        chunk = await following(frames)
        assert isinstance(chunk, SnapshotChunk)
        group = await store.write(lambda tx: tx.insert(Group(name="staff")))
        await store.write(lambda tx: tx.update(replace(group, name="people")))
        delta = await following(frames)
        assert isinstance(delta, Delta)
        assert (delta.previous, delta.revision) == (chunk.revision, chunk.revision + 2)

    scenario(tmp_path, act)


def test_whoever_is_up_to_date_hears_so_at_once(tmp_path: Path) -> None:
    """Not only when the first heartbeat is due: until then an outpost would not know whether control is there."""

    async def act(_store: SqlStore, link: Link, outpost: str) -> None:
        chunk = await following(link.follow(outpost, hello()))
        assert isinstance(chunk, SnapshotChunk)
        stand = {"incarnation": chunk.incarnation, "revision": chunk.revision, "chain": chunk.chain}
        assert await following(link.follow(outpost, hello(**stand))) == Heartbeat(chunk.revision)

    scenario(tmp_path, act)


def test_a_store_that_went_back_under_a_stream_is_sent_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restored beneath a running control: the same numbers mean something else now."""
    monkeypatch.setattr(control_link, "HEARTBEAT_SECONDS", 0.05)

    async def act(store: SqlStore, link: Link, outpost: str) -> None:
        await store.write(lambda tx: tx.insert(User(username="lost")))
        frames = link.follow(outpost, hello())
        while not (chunk := await following(frames)).last:  # type: ignore[union-attr]
            pass
        assert isinstance(chunk, SnapshotChunk)
        real = news._stands_on
        monkeypatch.setattr(
            news, "_stands_on", lambda tx, stand, view: stand.chain != chunk.chain and real(tx, stand, view)
        )
        line = codec.encode(replace(chunk, index=0, revision=1, chain="c1"))
        standing = Standing(chunk.incarnation, 1, "c1")
        monkeypatch.setattr(snapshots, "_read", lambda *_, **__: (snapshots.Directory(standing, ()), (), line, ()))
        again = await following(frames)
        assert isinstance(again, SnapshotChunk)
        assert (again.revision, again.chain) == (1, "c1")

    scenario(tmp_path, act)


def test_reports_are_taken_and_acknowledged(tmp_path: Path) -> None:
    async def act(_store: SqlStore, link: Link, outpost: str) -> None:
        reports = Reports("instance", (Report(1, "logins", 1.0, {"count": 2}),))
        for _ in range(2):
            assert codec.decode(await link.ask(outpost, codec.encode(reports))) == ReportsTaken(1)

    scenario(tmp_path, act)
