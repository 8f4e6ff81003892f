"""`outpost run` with workers: real clients at shared ports, a worker and the parent killed, one page of metrics."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.monitored import expressions, metrics
from tests.wire.apart import Edge
from tests.wire.clients import ldapsearch, run
from tests.wire.directory import PASSWORDS, SHARED_SECRET, Directory
from tests.wire.doors import DOORS, Said, open_to_people
from tests.wire.everything import children
from tests.wire.program import ANSWER_SECONDS, Program, until
from tests.wire.test_metrics import OF_WORKERS

pytestmark = pytest.mark.peer

COUNT = 2
SECONDS = 60.0
SOURCES = [f"127.0.40.{last}" for last in range(1, 7)]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("workers")
    control = Program(folder / "control", "control").start()
    edge = Edge(folder / "run", control)
    edge.environ["OUTPOST_WORKERS"] = str(COUNT)
    try:
        edge.start()
        yield edge
    finally:
        codes = [edge.stop(), control.stop()]
    assert codes == [0, 0], edge.output()
    assert "Traceback" not in edge.output(), edge.output()


@pytest.fixture(scope="module")
def people(workers: Edge) -> Directory:
    return open_to_people(workers)


def samples(workers: Edge, name: str) -> dict[str, float]:
    """The sums of a metric, by worker."""
    page = httpx.get(f"http://{workers.ports['metrics'][0]}/metrics", timeout=ANSWER_SECONDS).text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name:
                worker = sample.labels["worker"]
                found[worker] = found.get(worker, 0) + sample.value
    return found


def is_running(pid: int) -> bool:
    """Not if it has ended, and nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def radius_from(workers: Edge, source: str) -> str:
    host, port = workers.place("radius")
    request = f'User-Name = "bob"\nUser-Password = "{PASSWORDS["bob"]}"\nPacket-Src-IP-Address = {source}\n'
    command = ("radclient", "-x", "-t", "4", "-r", "15", f"{host}:{port}", "auth", SHARED_SECRET)
    return run(*command, stdin=request).text


def test_all_share_the_ports_and_one_page_tells_of_each(workers: Edge, people: Directory) -> None:
    assert len(children(workers.pid)) == COUNT
    for door in DOORS:
        assert door(workers, "bob", PASSWORDS["bob"]) is Said.YES
        assert door(workers, "bob", "a guess") is Said.NO
    assert samples(workers, "outpost_worker_ready") == {"0": 1, "1": 1}
    watched = {name for one in expressions() for name in metrics(one) if name.startswith(OF_WORKERS)}
    assert watched == {"outpost_worker_ready", "outpost_worker_starts_total"}
    assert samples(workers, "outpost_worker_starts_total") == {"0": 1, "1": 1}
    assert samples(workers, "outpost_link_connected") == {"0": 1, "1": 1}
    assert samples(workers, "process_resident_memory_bytes").keys() == {"0", "1"}
    assert workers.command("healthcheck").returncode == 0


def test_each_nas_has_its_worker(workers: Edge, people: Directory) -> None:
    decided = "outpost_decisions_total"
    before = samples(workers, decided)
    for source in SOURCES:
        assert "Received Access-Accept" in radius_from(workers, source)
    after = samples(workers, decided)
    assert [after.get(number, 0) - before.get(number, 0) for number in ("0", "1")] == [3, 3]


def test_a_worker_that_is_killed_is_started_again_and_nobody_who_comes_meanwhile_is_refused(
    workers: Edge, people: Directory
) -> None:
    killed = children(workers.pid)[0]
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in children(workers.pid), SECONDS, "its end")  # who was connected to it is cut off
    answers = [ldapsearch(workers, "bob", "(uid=bob)", "uid").code for _ in range(10)]
    assert answers == [0] * 10
    for source in SOURCES[:2]:  # one of them is the dead one's; radclient repeats its question
        assert "Received Access-Accept" in radius_from(workers, source)
    until(lambda: samples(workers, "outpost_worker_ready") == {"0": 1, "1": 1}, SECONDS, "both serving", pause=0.2)
    assert sorted(samples(workers, "outpost_worker_starts_total").values()) == [1, 2]
    assert killed not in children(workers.pid)
    assert "has ended" in workers.output()


def test_workers_end_with_their_parent_however_it_ends(workers: Edge, people: Directory) -> None:
    pids = children(workers.pid)
    workers.stop(signal.SIGKILL)
    until(lambda: not any(map(is_running, pids)), SECONDS, "the end of all", pause=0.1)
    workers.start_again()
    assert DOORS[0](workers, "bob", PASSWORDS["bob"]) is Said.YES
