"""What only SQLite is asked for."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event as events
from sqlalchemy import text

from control.records import Event, Session, Token, User
from control.store.interface import AccessDenied, Overloaded, Transaction, Unavailable
from control.store.sql import SqlStore, sqlite, writer
from tests.stores import SECRET_KEY, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def _pragmas(store: SqlStore, name: str) -> list[object]:
    values = []
    for engine in (store._dialect.reading, store._dialect.writing):
        with engine.connect() as connection:
            values.append(connection.execute(text(f"PRAGMA {name}")).scalar())
    return values


def test_a_commit_is_on_the_disk_and_readers_never_wait(store: SqlStore) -> None:
    assert _pragmas(store, "journal_mode") == ["wal", "wal"]
    assert _pragmas(store, "synchronous") == [2, 2]
    assert _pragmas(store, "foreign_keys") == [1, 1]
    assert _pragmas(store, "busy_timeout") == [10_000, 10_000]


def test_the_reading_connections_cannot_write(store: SqlStore) -> None:
    with store._dialect.reading.connect() as connection, pytest.raises(Unavailable, match="readonly"):
        connection.execute(text("delete from user"))


def test_nobody_is_answered_before_the_commit(store: SqlStore, tmp_path: Path) -> None:
    """What an answered write wrote is there for another process, even if this one dies at once."""
    program = (
        "import os, sys; from control.store.sql import SqlStore; from control.records import User\n"
        "store = SqlStore(sys.argv[1], (sys.argv[2],)); store.write_now(lambda tx: tx.insert(User('kept')))\n"
        "os._exit(9)"
    )
    url = f"sqlite:///{tmp_path / 'outpost.db'}"
    assert subprocess.run([sys.executable, "-c", program, url, SECRET_KEY], check=False).returncode == 9
    assert store.read_now(lambda tx: tx.find(User, username="kept")) is not None


def test_a_commit_that_fails_is_everyones_failure(store: SqlStore) -> None:
    """A deferred constraint breaks at the commit: those in the same batch hear of it, and nothing is kept."""

    def verb(tx: Transaction) -> None:
        tx.insert(Session("s"))
        connection = tx._connection  # type: ignore[attr-defined]
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        connection.execute(text("insert into member values ('no group', 99)"))

    with pytest.raises(Exception, match="FOREIGN KEY"):
        store.write_now(verb)
    assert store.read_now(lambda tx: tx.count(Session)) == 0
    assert store.write_now(lambda tx: tx.insert(User("a"))).pk == 1


def test_several_verbs_share_a_commit(store: SqlStore, tmp_path: Path) -> None:
    commits: list[object] = []
    events.listen(store._dialect.writing, "commit", commits.append)

    async def many() -> None:
        await asyncio.gather(*(store.write(lambda tx, n=n: tx.insert(Event(f"e{n}"))) for n in range(200)))  # type: ignore[misc]

    asyncio.run(many())
    assert store.read_now(lambda tx: tx.count(Event)) == 200
    assert 4 <= len(commits) < 50


def test_the_database_file_tells_no_secrets(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write_now(lambda tx: tx.insert(Token("t", 1, key="S3CRET-in-the-file", key_digest="d")))
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"key_digest" in written
    assert b"S3CRET-in-the-file" not in written
    assert SECRET_KEY.encode() not in written


def test_only_its_owner_may_read_the_database(store: SqlStore, tmp_path: Path) -> None:
    store.write_now(lambda tx: tx.insert(User("a")))
    files = list(tmp_path.iterdir())
    assert {path.name for path in files} >= {"outpost.db", "outpost.db-wal"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        SqlStore(f"sqlite:///{tmp_path}/no such folder/s.db", (SECRET_KEY,))


def test_more_writes_than_can_wait_are_refused(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MOST_WAITING", 3)
    gate, begun = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> bool:
        begun.set()
        return gate.wait(60)

    async def crowd() -> int:
        first = store.write(hold)
        await asyncio.to_thread(begun.wait, 60)
        waiting = [store.write(lambda tx: tx.now) for _ in range(3)]
        with pytest.raises(Overloaded):
            store.write(lambda tx: tx.now)
        gate.set()
        return len(await asyncio.gather(first, *waiting))

    assert asyncio.run(crowd()) == 4


def test_a_write_given_up_while_it_waits_does_not_happen(store: SqlStore) -> None:
    gate, begun = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> bool:
        begun.set()
        return gate.wait(60)

    async def give_up() -> None:
        first = asyncio.ensure_future(store.write(hold))
        await asyncio.to_thread(begun.wait, 60)
        second = asyncio.ensure_future(store.write(lambda tx: tx.insert(User("never"))))
        second.cancel()
        await asyncio.sleep(0)
        gate.set()
        await first

    asyncio.run(give_up())
    assert store.write_now(lambda tx: tx.count(User)) == 0


def test_a_file_that_is_locked_for_too_long_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    store = open_store(tmp_path)
    with closing(sqlite3.connect(tmp_path / "outpost.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="SQLite says: database is locked"):
            store.write_now(lambda tx: tx.insert(User("a")))
        assert store.read_now(lambda tx: tx.count(User)) == 0
    assert store.write_now(lambda tx: tx.insert(User("b"))).pk == 1
    store.close()


def test_new_ids_come_from_the_given_source(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 's.db'}", (SECRET_KEY,), random=lambda length: bytes(length))
    assert store.read_now(lambda tx: tx.incarnation) == "00000000-0000-4000-8000-000000000000"
    store.close()


def test_what_is_no_database_is_said_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(AccessDenied, match="is damaged, or no database"):
        SqlStore(f"sqlite:///{file}", [SECRET_KEY])
    assert file.read_bytes() == b"no database" * 1000
