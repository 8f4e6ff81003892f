"""Control processes that share a PostgreSQL: started at once, before it, beside it, and through its restart."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest

from control.mail import outbox
from control.records import Certificate, Flow, Group, Outpost, User
from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.pace import within
from tests.wire import processes
from tests.wire.apart import Edge, store
from tests.wire.clients import ldapsearch
from tests.wire.directory import PASSWORDS, Directory
from tests.wire.doors import Said, by_ldap, open_to_people
from tests.wire.mailbox import mailbox
from tests.wire.program import ANSWER_SECONDS, PASSWORD, Program, until

pytestmark = pytest.mark.peer

CHANGES = 20
LETTERS = 30
WITHIN = 1.0
SECONDS = 60.0
WAITING = "Waiting until it does."


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql.running() as running:
        yield running


@pytest.fixture(scope="module")
def both(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Program]]:
    """Two first starts at once, on a database without tables."""
    server.new_database("several")
    folder = tmp_path_factory.mktemp("several")
    programs = [Program(folder / name, "control", **server.settings("several")) for name in ("first", "second")]
    try:
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(Program.start, programs)
        yield first, second
    finally:
        codes = [program.stop() for program in programs]
    assert codes == [0, 0], [program.output() for program in programs]
    for program in programs:
        assert "Traceback" not in program.output(), program.output()


@pytest.fixture(scope="module")
def edge(both: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    first, second = both
    edge = Edge(tmp_path_factory.mktemp("edge"), first)
    edge.environ["OUTPOST_HOST"] = f"{first.http},{second.http}"
    try:
        edge.start()
        yield edge
    finally:
        code = edge.stop()
    assert code == 0, edge.output()
    assert "Traceback" not in edge.output(), edge.output()


@pytest.fixture(scope="module")
def people(edge: Edge) -> Directory:
    return open_to_people(edge)


def shown_name(edge: Edge) -> list[str]:
    return ldapsearch(edge, "alice", "(uid=carol)", "displayName").values("displayName")


def rename(program: Program, people: Directory, name: str) -> None:
    program.api("PATCH", f"core/users/{people.users['carol']}/", {"name": name})


def test_two_first_starts_make_everything_once(both: tuple[Program, Program]) -> None:
    with store(both[0]) as opened:
        for kind, many in ((Certificate, 2), (Group, 1), (Outpost, 1)):  # what signs tokens, and what outposts show
            assert opened.read_now(lambda tx, kind=kind: tx.count(kind)) == many, kind  # type: ignore[misc]
        names = [user.username for user in opened.read_now(lambda tx: tx.select(User))]
        slugs = [flow.slug for flow in opened.read_now(lambda tx: tx.select(Flow))]
    assert names.count("akadmin") == 1
    assert len(names) == 2  # the other is the outpost's own
    assert "default-authentication-flow" in slugs
    assert len(slugs) == len(set(slugs))
    shown = [program.api("GET", "core/users/")["results"] for program in both]
    assert [user["pk"] for user in shown[0]] == [user["pk"] for user in shown[1]]


def test_a_browser_may_be_sent_from_one_to_the_other(both: tuple[Program, Program]) -> None:
    """Each step of the sign-in at the other process: sessions and their tokens against forgery are in the database."""
    first, second = both
    with httpx.Client(follow_redirects=False, timeout=30) as client:
        flow = "/if/flow/default-authentication-flow/"

        def at(program: Program, **fields: str) -> httpx.Response:
            if not fields:
                return client.get(program.http + flow)
            return client.post(program.http + flow, data=fields, headers={"Origin": program.http})

        def token(page: httpx.Response) -> str:
            found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
            assert found is not None, page.text
            return found.group(1)

        page = at(first)
        forged = at(second, csrf_token="x" * len(token(page)), uid_field="akadmin")
        assert (forged.status_code, forged.headers["location"]) == (303, flow + "?lost=1")
        page = at(first)
        assert 'name="uid_field"' in page.text  # nothing of it was taken
        assert at(second, csrf_token=token(page), uid_field="akadmin").status_code == 303
        page = at(first)
        assert at(second, csrf_token=token(page), password=PASSWORD).status_code == 303
        for program in both:
            mine = client.get(f"{program.http}/api/v3/core/users/me/").json()
            assert mine["user"]["username"] == "akadmin"


def test_a_change_made_at_one_is_in_force_at_an_outpost_of_the_other(
    both: tuple[Program, Program], edge: Edge, people: Directory
) -> None:
    numbers = count()

    def measure(program: Program) -> list[float]:
        seconds = []
        for _ in range(CHANGES):
            name = f"Carol {next(numbers)} of {program.folder.name}"
            rename(program, people, name)
            began = time.monotonic()
            until(lambda name=name: shown_name(edge) == [name], SECONDS, "the change")  # type: ignore[misc]
            seconds.append(time.monotonic() - began)
        return seconds

    for program in both:
        within(partial(measure, program), lambda seconds: max(seconds) < WITHIN)


def test_each_letter_is_sent_by_one_of_them(both: tuple[Program, Program]) -> None:
    to = [f"p{number}@example.com" for number in range(LETTERS)]
    with mailbox() as box:
        both[1].api("PATCH", "admin/settings/mail/", {"host": box.host, "port": box.port})
        with store(both[0]) as opened:
            opened.write_now(lambda tx: [outbox.queue(tx, one, "Hello", "x", "test") for one in to])
        box.wait(LETTERS)
        until(lambda: not both[0].api("GET", "mail/letters/?state=waiting")["results"], SECONDS, "the end")
        both[1].api("PATCH", "admin/settings/mail/", {"host": ""})
    assert sorted(taken.to[0] for taken in box.taken) == sorted(to)


def test_the_outpost_goes_to_the_other_when_its_own_is_killed(
    both: tuple[Program, Program], edge: Edge, people: Directory
) -> None:
    """One after the other: at which it begins is its own affair."""
    for number, (killed, left) in enumerate((both, both[::-1])):
        killed.stop(signal.SIGKILL)
        try:
            name = f"Carol without {number}"
            rename(left, people, name)
            until(lambda name=name: shown_name(edge) == [name], SECONDS, "hearing from the other")  # type: ignore[misc]
        finally:
            killed.start_again()


def test_everything_comes_back_when_the_database_was_restarted(
    server: Server, both: tuple[Program, Program], edge: Edge, people: Directory
) -> None:
    first, second = both
    assert by_ldap(edge, "bob", PASSWORDS["bob"]) is Said.YES
    server.stop()
    try:
        for program in both:
            refused = program.api("POST", "core/users/", {"username": "lost", "name": "lost"}, expect=503)
            assert "does not answer" in refused["detail"]
            page = httpx.get(f"{program.http}/if/flow/default-authentication-flow/", timeout=ANSWER_SECONDS)
            assert page.status_code == 503
        assert by_ldap(edge, "bob", PASSWORDS["bob"]) is Said.YES
        assert by_ldap(edge, "bob", "a guess") is Said.UNAVAILABLE
    finally:
        server.start()
    rename(second, people, "Carol after the restart")
    until(lambda: shown_name(edge) == ["Carol after the restart"], SECONDS, "hearing of a change")
    until(lambda: by_ldap(edge, "bob", "a guess") is Said.NO, SECONDS, "control's answer")
    assert first.api("GET", "core/users/", query={"username": "lost"})["results"] == []
    for program in both:
        lines = program.output().splitlines()
        assert sum("the database cannot be used, trying again" in line for line in lines) == 1
        assert sum("the database can be used again" in line for line in lines) == 1


def test_up_waits_for_its_database_and_survives_its_restart(server: Server, tmp_path: Path) -> None:
    server.new_database("later")
    server.stop()
    waiting = Program(tmp_path, "up", **server.settings("later"))
    with ThreadPoolExecutor(1) as pool:
        try:
            starting = pool.submit(waiting.start)
            until(lambda: waiting.log.exists() and WAITING in waiting.output(), SECONDS, "the sentence")
            time.sleep(2)
        finally:
            server.start()
        starting.result()
    assert waiting.output().count(WAITING) == 1
    assert waiting.output().count("does not answer") == 1
    assert not (tmp_path / "data" / "outpost.sqlite3").exists()
    made = waiting.api("GET", "core/users/", query={"username": "akadmin"})["results"]
    assert [user["username"] for user in made] == ["akadmin"]
    open_to_people(waiting)
    server.stop()
    try:
        assert by_ldap(waiting, "bob", PASSWORDS["bob"]) is Said.YES
        assert by_ldap(waiting, "bob", "a guess") is Said.UNAVAILABLE
    finally:
        server.start()
    until(lambda: by_ldap(waiting, "bob", "a guess") is Said.NO, SECONDS, "an answer")
    assert waiting.stop() == 0
    assert "Traceback" not in waiting.output(), waiting.output()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_waits_can_be_stopped(server: Server, tmp_path: Path, number: signal.Signals) -> None:
    environ = server.settings("nowhere") | {"OUTPOST_POSTGRESQL__HOST": str(tmp_path)}
    waiting = Program(tmp_path, "control", **environ)
    with waiting.log.open("ab") as log:
        process = processes.start(
            [sys.executable, "-m", "outpost", "control"], cwd=tmp_path, env=waiting.environ, stdout=log, stderr=log
        )
    until(lambda: WAITING in waiting.output(), SECONDS, "the sentence")
    assert processes.stop(process, number) == 0
    assert "Traceback" not in waiting.output(), waiting.output()


def test_what_waiting_would_not_help_ends_the_program(server: Server, tmp_path: Path) -> None:
    ended = Program(tmp_path, "up", **server.settings("nowhere")).command("up")
    assert ended.returncode == 1
    assert 'database "nowhere" does not exist. Check OUTPOST_POSTGRESQL__*' in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
