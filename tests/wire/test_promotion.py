"""The database's machine is lost, and its standby takes its place: nobody has to tell the programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.peers import require
from tests.wire.directory import PASSWORDS
from tests.wire.doors import Said, by_ldap
from tests.wire.pressure import Pressure
from tests.wire.program import until
from tests.wire.several import Several, several
from tests.wire.test_survival import at_all_doors, news_comes

pytestmark = [pytest.mark.peer, pytest.mark.timeout(600)]

DATABASE = "promoted"
CALM_SECONDS = 3.0
BACK_SECONDS = 90.0
STREAMING = "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = '{}'"


@pytest.fixture
def primary() -> Iterator[Server]:
    require("psql")
    with postgresql.running() as server:
        server.new_database(DATABASE)
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    with postgresql.running(primary) as server:
        follows(primary, "async")
        yield server


def follows(primary: Server, how: str) -> None:
    until(lambda: primary.execute(STREAMING.format(how)) == [(1,)], BACK_SECONDS, f"the standby following, {how}")


def test_of_several_addresses_the_promoted_one_is_found_and_nothing_is_lost(
    primary: Server, standby: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    primary.execute("alter system set synchronous_standby_names = '*'")
    primary.execute("select pg_reload_conf()")
    follows(primary, "sync")
    hosts = f"{primary.folder},{standby.folder}"
    with several(tmp_path, postgresql.settings(hosts, primary.port, DATABASE)) as shape:
        with Pressure(shape) as pressure:
            time.sleep(CALM_SECONDS)
            primary.kill()
            time.sleep(CALM_SECONDS)
            standby.promote()
            promoted = time.monotonic()
            pressure.recovered(BACK_SECONDS)
            seconds = time.monotonic() - promoted
            pressure.check()
        pressure.nothing_is_lost()
        assert by_ldap(shape.edge, "bob", "a guess") is Said.NO
    with capsys.disabled():
        print(f"\npromoted: writes were acknowledged again after {seconds:.1f} s")


@pytest.mark.full
def test_at_a_moved_address_what_the_standby_never_heard_is_taken_back(
    primary: Server, standby: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without synchronous replication the last changes are lost; nobody may be let in by what is not there any more."""
    address = tmp_path / "db"
    address.symlink_to(primary.folder)
    with several(tmp_path, postgresql.settings(str(address), primary.port, DATABASE)) as shape:
        standby.stop()
        assert carol(shape) is Said.NO
        shape.controls[0].api(
            "POST", f"core/groups/{shape.people.groups['staff']}/add_user/", {"pk": shape.people.users["carol"]}
        )
        until(lambda: carol(shape) is Said.YES, BACK_SECONDS, "carol being let in")
        primary.kill()
        standby.start()
        standby.promote()
        address.unlink()
        address.symlink_to(standby.folder)
        moved = time.monotonic()
        until(lambda: carol(shape) is Said.NO, BACK_SECONDS, "carol being refused again")
        seconds = time.monotonic() - moved
        assert at_all_doors(shape.edge, "bob", PASSWORDS["bob"]) == [Said.YES] * 3
        news_comes(shape.edge, shape.people)
    with capsys.disabled():
        print(f"\nmoved: outposts had taken back what was lost after {seconds:.1f} s")


def carol(shape: Several) -> Said:
    return by_ldap(shape.edge, "carol", PASSWORDS["carol"])
