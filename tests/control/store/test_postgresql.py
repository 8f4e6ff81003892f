"""What only PostgreSQL is asked for: how we get in, how long we wait, and what happens when the server goes away."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from control.app import await_store, open_store
from control.certificates.making import self_signed
from control.config import CannotStart, ControlConfig
from control.records import Provider, Session, User
from control.store.interface import Transaction, Unavailable
from control.store.sql import SqlStore
from control.store.sql import postgresql as dialect
from control.store.sql.databases import open_dialect
from control.store.sql.store import READERS
from settings import load
from tests.control.store.postgresql import INSTALLED, SUPERUSER, Server, running
from tests.pace import within
from tests.stores import SECRET_KEY

pytestmark = pytest.mark.peer

PASSWORD = "a+b/c=d@e:f%41 g?h#i&j'k\"l\\m"
IN_FORCE = 0.3
BUSY_MACHINE = 3
SOON = 60.0
"""Seconds until what certainly comes is given up."""


def _store(server: Server, database: str) -> SqlStore:
    config = _config(server, database)
    return SqlStore(config.database, [SECRET_KEY])


def _config(server: Server, database: str, **other: str) -> ControlConfig:
    asked = {**server.settings(database), "OUTPOST_SECRET_KEY": SECRET_KEY}
    asked |= {f"OUTPOST_POSTGRESQL__{name}": value for name, value in other.items()}
    return ControlConfig.from_settings(load(asked))


@pytest.fixture
def store(postgresql_server: Server, database: str) -> Iterator[SqlStore]:
    opened = _store(postgresql_server, database)
    yield opened
    opened.close()


# --- getting in ----------------------------------------------------------------------------------------------------


@pytest.fixture
def over_tls(postgresql_server: Server, database: str) -> dict[str, str]:
    role = sql.Identifier(f"role of {database}")
    postgresql_server.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
    postgresql_server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), role))
    return {
        "HOST": "127.0.0.1",
        "USER": f"role of {database}",
        "PASSWORD": PASSWORD,
        "SSLMODE": "verify-full",
        "SSLROOTCERT": str(postgresql_server.authority),
    }


def test_the_settings_lead_to_the_database_over_verified_tls(
    postgresql_server: Server, database: str, over_tls: dict[str, str]
) -> None:
    config = _config(postgresql_server, database, **over_tls)
    assert PASSWORD not in repr(config)
    store = open_store(config)
    with store._dialect.reading.connect() as connection:
        question = "select usename, ssl from pg_stat_ssl join pg_stat_activity using (pid) where pid = pg_backend_pid()"
        assert connection.execute(text(question)).one() == (f"role of {database}", True)
    store.close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PASSWORD": "wrong-password"}, "password authentication failed"),
        ({"NAME": "nowhere"}, 'database "nowhere" does not exist'),
        ({"USER": "nobody", "PASSWORD": "x"}, 'authentication failed for user "nobody"'),
        ({"SSLMODE": "disable"}, "no pg_hba.conf entry"),
        ({"SSLROOTCERT": "own"}, "certificate verify failed"),
    ],
)
def test_what_waiting_would_not_help_is_said_at_once(
    postgresql_server: Server,
    database: str,
    over_tls: dict[str, str],
    changed: dict[str, str],
    said: str,
    tmp_path: Path,
) -> None:
    if "SSLROOTCERT" in changed:
        other = tmp_path / "other.crt"
        other.write_text(self_signed("other", ("127.0.0.1",), time.time(), os.urandom).certificate)
        changed = {"SSLROOTCERT": str(other)}
    config = _config(postgresql_server, database, **{**over_tls, **changed})
    with pytest.raises(CannotStart) as caught:
        asyncio.run(asyncio.wait_for(await_store(config), SOON))
    sentence = str(caught.value)
    assert said in sentence
    assert sentence.startswith("PostgreSQL at 127.0.0.1 port")
    assert "OUTPOST_POSTGRESQL__*" in sentence
    assert "\n" not in sentence
    assert PASSWORD not in sentence
    assert "wrong-password" not in sentence


def test_a_role_that_may_not_make_tables_is_told_so(
    postgresql_server: Server, database: str, over_tls: dict[str, str]
) -> None:
    postgresql_server.execute(sql.SQL("ALTER DATABASE {} OWNER TO outpost").format(sql.Identifier(database)))
    with pytest.raises(CannotStart, match="permission denied for schema public"):
        open_store(_config(postgresql_server, database, **over_tls))


@pytest.mark.parametrize("schema", ["outpost", 'an "odd" \\ schema, isn\'t it'])
def test_the_tables_stand_in_the_schema_that_is_asked_for(
    postgresql_server: Server, database: str, schema: str
) -> None:
    config = _config(postgresql_server, database, DEFAULT_SCHEMA=schema)
    with pytest.raises(CannotStart, match="no schema has been selected"):
        open_store(config)
    postgresql_server.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)), database)
    store = open_store(config)
    store.write_now(lambda tx: tx.insert(User("a")))
    store.close()
    found = postgresql_server.execute("select distinct schemaname from pg_tables where tablename = 'user'", database)
    assert found == [(schema,)]


def test_a_secret_key_must_be_given() -> None:
    with pytest.raises(CannotStart, match=r"OUTPOST_SECRET_KEY must be set .*'openssl rand"):
        ControlConfig.from_settings(load({"OUTPOST_POSTGRESQL__HOST": "db"}))


@pytest.mark.parametrize("host", ["db.example.com", "::1", "/run/postgresql", "db1,db2"])
def test_every_form_of_host_reaches_the_driver(host: str) -> None:
    asked = {"OUTPOST_POSTGRESQL__HOST": host, "OUTPOST_POSTGRESQL__PASSWORD": PASSWORD}
    config = ControlConfig.from_settings(load({**asked, "OUTPOST_SECRET_KEY": SECRET_KEY}))
    opened = open_dialect(config.database, 1)
    arguments = opened.writing.dialect.create_connect_args(opened.writing.url)[1]
    opened.dispose()
    assert (arguments["host"], arguments["user"], arguments["dbname"]) == (host, "authentik", "authentik")
    assert (arguments["password"], arguments["sslmode"]) == (PASSWORD, "prefer")
    assert str(arguments["port"]) == ("5432,5432" if "," in host else "5432")


# --- what a process uses -------------------------------------------------------------------------------------------


def test_a_process_has_few_connections_and_no_statement_runs_for_ever(
    postgresql_server: Server, database: str, store: SqlStore
) -> None:
    async def busy() -> None:
        store.follow(lambda number: None)
        work = [store.read(lambda tx: time.sleep(0.02)) for _ in range(40)]
        await asyncio.gather(*work, *(store.write(lambda tx, n=n: tx.insert(Session(f"{n}"))) for n in range(40)))  # type: ignore[misc]

    asyncio.run(busy())
    count = f"select count(*) from pg_stat_activity where datname = '{database}'"
    assert postgresql_server.execute(count)[0][0] in range(3, READERS + 4)
    for engine in (store._dialect.reading, store._dialect.writing):
        with engine.connect() as connection:
            assert connection.execute(text("show statement_timeout")).scalar() == "30s"
            assert connection.execute(text("show idle_in_transaction_session_timeout")).scalar() == "1min"


def test_a_reader_cannot_write(store: SqlStore) -> None:
    with store._dialect.reading.connect() as connection, pytest.raises(Exception, match="read-only transaction"):
        connection.execute(text('delete from "user"'))


def test_a_statement_that_takes_too_long_is_given_up(store: SqlStore) -> None:
    def slow(tx: Transaction) -> None:
        connection = tx._connection  # type: ignore[attr-defined]
        connection.execute(text("set local statement_timeout = 50"))
        connection.execute(text("select pg_sleep(30)"))

    for use in (store.read_now, store.write_now):
        with pytest.raises(Unavailable, match="statement timeout"):
            use(slow)
    assert store.write_now(lambda tx: tx.insert(User("a"))).pk == 1


# --- the server goes away ------------------------------------------------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[Server]:
    """One that may be stopped."""
    with running() as server:
        server.new_database("own")
        yield server


def test_a_program_waits_for_its_database_with_one_sentence(
    own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    own_server.stop()
    config = _config(own_server, "own")
    with pytest.raises(CannotStart, match=r"does not answer: .*\.$"):
        open_store(config)

    async def wait() -> SqlStore:
        waiting = asyncio.ensure_future(await_store(config))
        await asyncio.sleep(1.5)  # three attempts
        assert not waiting.done()
        await asyncio.to_thread(own_server.start)
        return await asyncio.wait_for(waiting, SOON)

    with caplog.at_level(logging.INFO, "control"):
        store = asyncio.run(wait())
    assert store.write_now(lambda tx: tx.insert(User("a"))).pk == 1
    store.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("PostgreSQL at ")
    assert line.endswith(". Waiting until it does.")


def test_a_restart_is_survived_and_told_in_two_lines(own_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    store, other = _store(own_server, "own"), _store(own_server, "own")
    heard: list[int] = []

    async def outage() -> None:
        third = asyncio.Event()

        def told(number: int) -> None:
            heard.append(number)
            if number == 3:
                third.set()

        store.follow(told)
        await store.write(lambda tx: tx.insert(User("before")))
        await asyncio.to_thread(own_server.stop)
        for _ in range(5):
            answers = await asyncio.gather(
                *(store.write(lambda tx, n=n: tx.insert(User(f"lost{n}"))) for n in range(3)),  # type: ignore[misc]
                *(store.read(lambda tx: tx.count(User)) for _ in range(3)),
                return_exceptions=True,
            )
            assert {type(answer) for answer in answers} == {Unavailable}
            await asyncio.sleep(0.2)
        await asyncio.to_thread(own_server.start)
        assert await store.read(lambda tx: tx.count(User)) == 1
        await store.write(lambda tx: tx.insert(User("after")))
        await asyncio.sleep(1.5)
        await asyncio.to_thread(other.write_now, lambda tx: tx.insert(User("foreign")))
        await third.wait()

    with caplog.at_level(logging.INFO):
        asyncio.run(asyncio.wait_for(outage(), 2 * SOON))
    assert [user.username for user in store.read_now(lambda tx: tx.select(User))] == ["before", "after", "foreign"]
    assert heard in ([1, 1, 2, 3], [1, 2, 2, 3]), "once more than usual: another server may have taken its place"
    lines = [record for record in caplog.records if record.name.startswith("control")]
    assert [line.exc_info for line in lines] == [None] * len(lines)
    assert [line.getMessage().partition(",")[0].partition(":")[0] for line in lines] == [
        "the database cannot be used",
        "the database can be used again",
    ]
    other.close()
    store.close()


def test_without_a_connection_left_it_is_said_what_to_do_and_nothing_is_lost(own_server: Server) -> None:
    store = _store(own_server, "own")
    store.write_now(lambda tx: tx.insert(User("before")))
    with all_taken(own_server):
        assert store.write_now(lambda tx: tx.insert(User("meanwhile"))).pk == 2, "what it has, it keeps"
        with pytest.raises(CannotStart, match=r"no connection left for us: .*max_connections"):
            open_store(_config(own_server, "own"))
        store._dialect.writing.dispose()
        with closing(one_more(own_server)), pytest.raises(Unavailable, match=r"no connection left .*PgBouncer"):
            store.write_now(lambda tx: tx.insert(User("lost")))
    store.write_now(lambda tx: tx.insert(User("after")))
    assert [user.username for user in store.read_now(lambda tx: tx.select(User))] == ["before", "meanwhile", "after"]
    store.close()


def test_a_program_waits_for_a_connection_as_for_its_database(
    own_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait() -> SqlStore:
        with all_taken(own_server):
            waiting = asyncio.ensure_future(await_store(_config(own_server, "own")))
            await asyncio.sleep(1.5)  # three attempts
            assert not waiting.done()
        return await asyncio.wait_for(waiting, SOON)

    with caplog.at_level(logging.INFO, "control"):
        asyncio.run(wait()).close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "no connection left for us" in line
    assert line.endswith(". Waiting until it does.")


@contextmanager
def all_taken(server: Server) -> Iterator[None]:
    """Every connection that the server has for anybody."""
    with ExitStack() as kept:
        with suppress(psycopg.OperationalError):
            while True:
                kept.enter_context(closing(server.connect()))
        yield


def one_more(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    """As soon as somebody has left."""
    end = time.monotonic() + SOON
    while True:
        try:
            return server.connect()
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_nothing_of_a_batch_that_lost_its_connection_is_acknowledged(
    postgresql_server: Server, store: SqlStore
) -> None:
    gate, begun = Event(), Event()

    def hold(tx: Transaction) -> None:
        begun.set()
        gate.wait(60)

    def cut(tx: Transaction) -> None:
        connection = tx._connection  # type: ignore[attr-defined]
        number = connection.execute(text("select pg_backend_pid()")).scalar()
        postgresql_server.execute(f"select pg_terminate_backend({number}, 5000)")
        try:
            tx.insert(User("cut"))
        except Exception:
            return  # a verb that hides it changes nothing

    async def batch() -> list[object]:
        first = asyncio.ensure_future(store.write(hold))
        await asyncio.to_thread(begun.wait, 60)
        together = [
            store.write(lambda tx: tx.insert(User("early"))),
            store.write(cut),
            store.write(lambda tx: tx.insert(User("late"))),
        ]
        gate.set()
        await first
        return await asyncio.gather(*together, return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(batch())] == [Unavailable] * 3
    assert store.read_now(lambda tx: tx.count(User)) == 0
    assert store.write_now(lambda tx: tx.insert(User("next"))).username == "next"


def test_a_plain_dump_is_restored(postgresql_server: Server, database: str, store: SqlStore) -> None:
    store.write_now(lambda tx: tx.insert(Provider("radius", "radius", secrets={"shared_secret": "geheim"})))
    before = store.read_now(lambda tx: (tx.revision(), tx.incarnation, tx.select(Provider)))
    other = f"{database}_restored"
    postgresql_server.new_database(other)
    place = ("-h", str(postgresql_server.folder), "-p", str(postgresql_server.port), "-U", SUPERUSER)
    dump = subprocess.run([INSTALLED[-1] / "pg_dump", *place, database], capture_output=True, check=True).stdout
    quietly = ("-v", "ON_ERROR_STOP=1", "-q")
    subprocess.run([INSTALLED[-1] / "psql", *place, *quietly, other], input=dump, check=True, stdout=subprocess.DEVNULL)
    restored = _store(postgresql_server, other)
    assert restored.read_now(lambda tx: (tx.revision(), tx.incarnation, tx.select(Provider))) == before
    for one in (store, restored):
        one.write_now(lambda tx: tx.insert(Provider("again", "radius")))
    ways = [one.read_now(lambda tx: tx.revision()) for one in (store, restored)]
    assert ways[0].number == ways[1].number
    assert ways[0].chain != ways[1].chain, "an outpost sees that it was another way"
    restored.close()


# --- hearing of others' changes ------------------------------------------------------------------------------------


@pytest.fixture
def other(postgresql_server: Server, database: str, store: SqlStore) -> Iterator[SqlStore]:
    opened = _store(postgresql_server, database)
    yield opened
    opened.close()


def _seconds_to_hear(
    store: SqlStore, other: SqlStore, times: int = 1, before: Callable[[], None] = lambda: None
) -> list[float]:
    """From the other store's commit to our follower's call."""

    async def measure() -> list[float]:
        heard: list[int] = []
        first = other.read_now(lambda tx: tx.revision()).number + 1
        store.follow(heard.append)
        await asyncio.sleep(0.5)
        before()
        found = []
        for number in range(first, first + times):
            user = User(f"user{number}")
            await asyncio.to_thread(other.write_now, lambda tx, user=user: tx.insert(user))
            began = time.monotonic()
            while not heard or heard[-1] < number:
                await asyncio.sleep(0.002)
                assert time.monotonic() - began < SOON
            found.append(time.monotonic() - began)
        assert heard == sorted(heard)
        assert set(heard) - {first - 1} == set(range(first, first + times))
        return found

    return asyncio.run(measure())


def test_another_process_is_heard_at_once(store: SqlStore, other: SqlStore) -> None:
    def at_once(seconds: list[float]) -> bool:
        return median(seconds) < IN_FORCE / BUSY_MACHINE and max(seconds) < IN_FORCE * BUSY_MACHINE

    within(lambda: _seconds_to_hear(store, other, times=20), at_once)


def test_a_rolled_back_change_wakes_nobody(store: SqlStore, other: SqlStore) -> None:
    def fail(tx: Transaction) -> None:
        tx.insert(User("never"))
        raise ValueError("not this one")

    def fail_once() -> None:
        with pytest.raises(ValueError, match="not this one"):
            other.write_now(fail)

    assert len(_seconds_to_hear(store, other, before=fail_once)) == 1


@pytest.mark.parametrize("broken", ["unsaid", "refused"])
def test_without_notifications_the_poll_finds_it(
    store: SqlStore,
    other: SqlStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    if broken == "unsaid":
        monkeypatch.setattr(dialect.Postgresql, "tell", lambda self, connection, revision: None)
    else:
        monkeypatch.setattr(dialect, "CHANNEL", "1 is no name")
    latest = dialect.POLL_EVERY + IN_FORCE * BUSY_MACHINE
    within(lambda: _seconds_to_hear(store, other), lambda seconds: 0.5 < seconds[0] < latest)
    told = [record.getMessage() for record in caplog.records if "let us listen" in record.getMessage()]
    assert len(told) == (broken == "refused")


def test_a_listener_that_lost_its_connection_comes_back(
    postgresql_server: Server, database: str, store: SqlStore, other: SqlStore
) -> None:
    def cut() -> None:
        listening = f"datname = '{database}' and query like '%head%' and wait_event = 'ClientRead' and state = 'idle'"
        assert postgresql_server.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {listening}")
        time.sleep(1)

    measure = partial(_seconds_to_hear, store, other, times=3, before=cut)
    within(measure, lambda seconds: max(seconds) < IN_FORCE * BUSY_MACHINE)


WRITER = """
import sys
from control.records import User
from control.store.sql import SqlStore
store = SqlStore(sys.argv[1], (sys.argv[2],))
for number in range(int(sys.argv[4])):
    store.write_now(lambda tx: tx.insert(User(f"{sys.argv[3]}{number}")))
store.close()
"""


def test_writers_of_two_processes_leave_no_gap_for_a_third_that_follows(
    postgresql_server: Server, database: str, store: SqlStore
) -> None:
    """The follower, at each call, finds every revision up to the one it was told of."""
    each = 100
    address = _config(postgresql_server, database).database

    async def follow() -> list[int]:
        told: list[int] = []
        store.follow(told.append)
        writers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, address, SECRET_KEY, prefix, str(each))
            for prefix in ("a", "b")
        ]
        while not told or told[-1] < 2 * each:
            for number in told[-1:]:
                log = await store.read(lambda tx: tx.changes_since(0))
                assert [line.revision for line in log] == list(range(1, len(log) + 1))
                assert len(log) >= number
            await asyncio.sleep(0.005)
        assert [await writer.wait() for writer in writers] == [0, 0]
        return told

    told = asyncio.run(asyncio.wait_for(follow(), 2 * SOON))
    assert told == sorted(set(told))
    users = store.read_now(lambda tx: tx.select(User))
    assert sorted(user.ordinal for user in users) == list(range(1, 2 * each + 1))
