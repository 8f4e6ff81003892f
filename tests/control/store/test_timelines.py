"""A former primary that comes back does not get our writes, and does not tell us what was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from control.config import ControlConfig
from control.records import User
from control.store.interface import Query, Transaction, Unavailable
from control.store.sql import SqlStore
from control.store.sql.timelines import Timelines, timeline
from settings import load
from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.stores import SECRET_KEY
from tests.wire.program import until

DATABASE = "promoted"
LEAVE = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'outpost'"
FOLLOWING = "select count(*) from pg_stat_replication where state = 'streaming'"
SECONDS = 60.0


@dataclass
class Answers:
    """One server's connection, as far as it is asked."""

    host: str
    system: int | None
    number: int
    autocommit: bool = False
    closed: bool = False

    @property
    def info(self) -> Answers:
        return self

    def execute(self, statement: str) -> Answers:
        self.statement = statement
        return self

    def fetchone(self) -> tuple[Any, ...]:
        if self.system is None:
            raise psycopg.errors.UndefinedFunction("no such function")
        return (self.system,) if "system" in self.statement else (f"{self.number:08X}0000000000000001",)

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Servers:
    def __init__(self, **there: tuple[int | None, int]) -> None:
        self.there = there
        self.asked: list[str] = []

    def connect(self, hosts: Any) -> Any:
        self.asked.append(",".join(hosts))
        for host in hosts:
            if host in self.there:
                return Answers(host, *self.there[host])
        raise psycopg.OperationalError("nobody is there")


def chosen(seen: Timelines, servers: Servers, *hosts: str) -> str:
    connection, _ = seen.connected(servers.connect, hosts)
    return str(connection.info.host)


def test_the_newest_of_several_is_taken_though_it_is_not_the_first() -> None:
    seen, servers = Timelines(), Servers(a=(7, 1), c=(7, 2))
    assert [chosen(seen, servers, "a", "b", "c") for _ in range(2)] == ["c", "c"]
    assert servers.asked[:3] == ["a", "b", "c"]  # once
    del servers.there["c"]
    with pytest.raises(psycopg.OperationalError, match="a former primary"):
        chosen(seen, servers, "a", "b", "c")
    servers.there["b"] = (7, 3)
    assert chosen(seen, servers, "a", "b", "c") == "b"


def test_one_address_that_leads_back_is_refused_until_the_program_is_started_again() -> None:
    seen, servers = Timelines(), Servers(a=(7, 2))
    assert chosen(seen, servers, "a") == "a"
    servers.there["a"] = (7, 1)
    with pytest.raises(psycopg.OperationalError, match="a former primary"):
        chosen(seen, servers, "a")
    assert chosen(Timelines(), servers, "a") == "a"  # files of before, put there on purpose


def test_another_system_and_one_that_does_not_say_are_as_good_as_any() -> None:
    seen, servers = Timelines(), Servers(a=(7, 5))
    assert chosen(seen, servers, "a") == "a"
    for other in ((8, 1), (None, 0)):
        servers.there["a"] = other
        assert chosen(seen, servers, "a") == "a"


def test_what_was_asked_leaves_a_connection_as_it_was() -> None:
    connection, seen = Timelines().connected(Servers(a=(7, 0x12)).connect, ["a"])
    assert connection.autocommit is False
    assert seen is not None
    assert (seen.system, seen.number) == (7, 0x12)


# --- real servers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def primary() -> Iterator[Server]:
    with postgresql.running() as server:
        server.new_database(DATABASE)
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    with postgresql.running(primary) as server:
        until(lambda: primary.execute(FOLLOWING) == [(1,)], SECONDS, "the standby following")
        yield server


def opened(host: str, port: int) -> SqlStore:
    asked = {**postgresql.settings(host, port, DATABASE), "OUTPOST_SECRET_KEY": SECRET_KEY}
    return SqlStore(ControlConfig.from_settings(load(asked)).database, [SECRET_KEY])


def adding(username: str) -> Callable[[Transaction], object]:
    return lambda tx: tx.insert(User(username=username))


def names(server: Server) -> set[object]:
    """None while a standby has not heard of the table."""
    try:
        return {name for (name,) in server.execute('select username from "user"', DATABASE)}
    except psycopg.errors.UndefinedTable:
        return set()


@pytest.mark.peer
def test_a_server_says_it_to_any_role(postgresql_server: Server) -> None:
    postgresql_server.execute("create role of_no_rights login")
    place = f"host={postgresql_server.folder} port={postgresql_server.port} user=of_no_rights dbname=postgres"
    with closing(psycopg.connect(place)) as connection:
        said = timeline(connection)
    assert said is not None
    assert (said.number, said.system > 0) == (1, True)


@pytest.mark.peer
def test_a_former_primary_that_comes_back_is_left_alone(primary: Server, standby: Server, tmp_path: Path) -> None:
    moved = tmp_path / "db"
    moved.symlink_to(primary.folder)
    both = f"{primary.folder},{standby.folder}"
    with closing(opened(both, primary.port)) as store, closing(opened(str(moved), primary.port)) as by_name:
        store.write_now(adding("before"))
        until(lambda: names(standby) == {"before"}, SECONDS, "the standby having it")
        primary.kill()
        standby.promote()
        moved.unlink()
        moved.symlink_to(standby.folder)
        until(lambda: written(store, "after"), SECONDS, "the promoted one being written to")
        assert written(by_name, "after by name")
        primary.start()
        for number in range(3):  # whatever is connected anew would find the former primary first
            standby.execute(LEAVE)
            until(partial(written, store, f"later {number}"), SECONDS, "a write after a reconnection")
            assert "after" in store.read_now(lambda tx: {one.username for one in tx.select(User, Query())})
        assert names(primary) == {"before"}
        assert {"before", "after", "later 0", "later 1", "later 2"} <= names(standby)
        with closing(opened(both, primary.port)) as fresh:
            fresh.write_now(adding("of a fresh start"))
        assert "of a fresh start" in names(standby)

        moved.unlink()
        moved.symlink_to(primary.folder)
        standby.execute(LEAVE)
        with pytest.raises(Unavailable, match="a former primary"):
            by_name.write_now(adding("lost"))
        with pytest.raises(Unavailable, match="a former primary"):
            by_name.read_now(lambda tx: tx.select(User, Query()))
    with closing(opened(str(primary.folder), primary.port)) as on_purpose:
        on_purpose.write_now(adding("on purpose"))
    assert names(primary) == {"before", "on purpose"}


@pytest.mark.peer
def test_a_connection_to_a_primary_that_was_replaced_meanwhile_is_left(primary: Server, standby: Server) -> None:
    """Nobody has ended it: it still answers, and would take what is written."""
    with closing(opened(f"{standby.folder},{primary.folder}", primary.port)) as store:
        store.write_now(adding("before"))
        until(lambda: names(standby) == {"before"}, SECONDS, "the standby having it")
        standby.promote()

        def within_another(tx: Transaction) -> None:
            tx.revision()
            store.read_now(lambda tx: tx.revision())  # by a connection that is made now, and finds the promoted one

        store.read_now(within_another)
        store.write_now(adding("after"))
    assert (names(primary), names(standby)) == ({"before"}, {"before", "after"})


def written(store: SqlStore, username: str) -> bool:
    try:
        store.write_now(adding(username))
    except Unavailable:
        return False
    return True
