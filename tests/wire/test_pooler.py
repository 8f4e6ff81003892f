"""Two controls behind a PgBouncer in transaction mode, which has fewer connections to the server than they ask for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from control.store.sql.postgresql import POLL_EVERY
from tests.control.store import pgbouncer, postgresql
from tests.control.store.pgbouncer import Pooler
from tests.control.store.postgresql import Server
from tests.pace import within
from tests.peers import require
from tests.wire.directory import PASSWORDS
from tests.wire.doors import Said, by_ldap
from tests.wire.program import Program, until
from tests.wire.several import Several, several
from tests.wire.test_survival import at_all_doors, shown_name

pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]

DATABASE = "pooled"
SLACK = 3.0
BACK_SECONDS = 90.0
names = (f"Carol, pooled {number}" for number in count())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    require("psql")
    with postgresql.running() as running:
        running.new_database(DATABASE)
        yield running


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    with pgbouncer.pooling(server) as pooling:
        yield pooling


@pytest.fixture(scope="module")
def shape(pooler: Pooler, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    with several(tmp_path_factory.mktemp("pooled"), pooler.settings(DATABASE)) as several_:
        yield several_


def test_all_works_and_what_another_control_changes_is_seen_by_the_look_every_2_seconds(
    shape: Several, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = within(
        lambda: [in_force(shape, control) for control in shape.controls * 2],
        lambda seconds: max(seconds) < POLL_EVERY + SLACK,
    )
    assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
    assert Said.YES not in at_all_doors(shape.edge, "carol", PASSWORDS["carol"])
    [(connections,)] = server.execute(f"select count(*) from pg_stat_activity where datname = '{DATABASE}'")
    assert isinstance(connections, int)
    assert connections <= pgbouncer.CONNECTIONS
    with capsys.disabled():
        print(f"\nbehind PgBouncer: {', '.join(f'{one:.2f} s' for one in seconds)}; {connections} connections")


def test_a_pooler_that_was_killed_is_waited_for(shape: Several, pooler: Pooler) -> None:
    pooler.stop()
    try:
        for control in shape.controls:
            control.api("POST", "core/users/", {"username": "lost", "name": "lost"}, expect=503)
        goes_on(shape)
    finally:
        pooler.start()
    is_well(shape)
    assert shape.controls[0].api("GET", "core/users/", query={"username": "lost"})["results"] == []


def test_a_database_that_was_killed_behind_it_is_waited_for(shape: Several, server: Server) -> None:
    server.kill()
    try:
        goes_on(shape)
    finally:
        server.start()
    is_well(shape)


def goes_on(shape: Several) -> None:
    assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
    assert by_ldap(shape.edge, "bob", "a guess") is Said.UNAVAILABLE


def is_well(shape: Several) -> None:
    for control in shape.controls:
        in_force(shape, control)
    until(lambda: by_ldap(shape.edge, "bob", "a guess") is Said.NO, BACK_SECONDS, "control's answer")


def in_force(shape: Several, control: Program) -> float:
    """Seconds until what this control has changed is in force at the outpost, whichever that follows."""
    name = next(names)
    path = f"core/users/{shape.people.users['carol']}/"

    def acknowledged() -> bool:
        with suppress(AssertionError):
            return bool(control.api("PATCH", path, {"name": name}))
        return False

    until(acknowledged, BACK_SECONDS, "a write")
    began = time.monotonic()
    until(lambda: shown_name(shape.edge) == [name], BACK_SECONDS, "the change")
    return time.monotonic() - began
