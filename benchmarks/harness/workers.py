"""Workers: what a request costs where several processes share the doors, the CPU of all of them and of their parent
counted, and how evenly the kernel spreads what comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace

from benchmarks.harness import ours
from benchmarks.harness.bench import Bench, Table, gentle, say
from benchmarks.harness.load import Load, Outcome
from benchmarks.harness.processes import CORES, DidNotStart, Server, await_idle, children, cpu_seconds
from benchmarks.harness.requests import session

PEOPLE = 1000
COUNTS = (1, 2)
SOURCES = 8
"""NAS: the kernel sends each always to the same worker."""
KNOWN = 7
"""People: so few that each becomes known to every worker, and no divisor of the NAS, so that each comes through all."""
WARMING = 6
"""Times that they all ask, over four connections of their own: that a worker is given none of any has a likelihood of
1 in 16 million."""
COLUMNS = ("work", "workers", "CPU µs", "rate /s", "p50 ms", "p99 ms", "shares", "load on its core", "one / these")
NOTE = (
    f"All of them may use the cores {', '.join(map(str, CORES))}; so may control, and the load keeps to one of these. "
    "Where there are two, the rate of two workers is therefore not twice that of one, and says little. CPU per request "
    "does: the last column, that of one divided by that of these, is what a further core serves, where one alone "
    "serves 1. Two workers are asked over twice as many "
    "connections, and by twice as many NAS, so that as much waits at each. Shares: of the CPU, by process, the parent "
    "first where there is one."
)

LOADS: dict[str, tuple[str, Callable[[Bench], Load]]] = {
    "LDAP bind, known credential": ("ldap", lambda bench: bench.logins("ldap", bench.known(PEOPLE)[:KNOWN])),
    "RADIUS PAP, known credential": (
        "radius",
        lambda bench: bench.logins("radius", bench.known(PEOPLE)[:KNOWN]).but(sources=SOURCES),
    ),
    "forward-auth, session, known": ("http", lambda bench: session(lambda _: KNOWN)(bench, PEOPLE)),
}


@dataclass(slots=True)
class Crew:
    """An outpost of so many workers; of one, it has no parent."""

    count: int
    server: Server
    ports: dict[str, int]
    rounds: list[tuple[Outcome, tuple[float, ...]]] = field(default_factory=list)
    """Each with the CPU seconds of each process; together they are the outcome's."""

    def pids(self) -> list[int]:
        pid = self.server.pid
        if self.count == 1:
            return [pid]
        found = children(pid)
        if len(found) != self.count:
            raise DidNotStart(f"{self.count} workers are wanted, and {len(found)} are there")
        return [pid, *found]

    def take(self, bench: Bench, load: Load) -> None:
        pids = self.pids()
        before = [cpu_seconds(pid) for pid in pids]
        outcome = bench.run(load)
        each = tuple(cpu_seconds(pid) - begun for pid, begun in zip(pids, before, strict=True))
        self.rounds.append((replace(outcome, server_cpu_seconds=sum(each)), each))

    def typical(self) -> tuple[Outcome, tuple[float, ...]]:
        """The round with the middle CPU per request."""
        ordered = sorted(self.rounds, key=lambda one: one[0].cpu_us)
        return ordered[len(ordered) // 2]


def measure(bench: Bench) -> list[Table]:
    table = Table("One request, by how many workers there are", COLUMNS, note=NOTE)
    store, token = bench.store(PEOPLE)
    with ExitStack() as running:
        folder = bench.file("control")
        shutil.copytree(store, folder)
        control = running.enter_context(ours.program("control", folder, cores=CORES))
        port = ours.ports(folder)["http"]
        crews = [running.enter_context(_crew(bench, port, token, count)) for count in COUNTS]
        for name, (door, load_of) in LOADS.items():
            say(name)
            _compete(bench, crews, door, load_of(bench), control.pid)
            _record(table, name, crews)
    return [table]


@contextmanager
def _crew(bench: Bench, control: int, token: str, count: int) -> Iterator[Crew]:
    folder = bench.file("workers")
    more = {**ours.where_control_is(control, token), "OUTPOST_WORKERS": str(count)}
    with ours.program("run", folder, more, cores=CORES) as server:
        yield Crew(count, server, ours.ports(folder))


def _compete(bench: Bench, crews: Sequence[Crew], door: str, load: Load, control: int) -> None:
    """In turns, after everybody has become known everywhere."""
    for crew in crews:
        crew.rounds.clear()
        for _ in range(WARMING):
            bench.run(_patient(load).but(port=crew.ports[door], count=KNOWN * SOURCES, seconds=120))
        for pid in (*crew.pids(), control):
            await_idle(pid)
    for _ in range(bench.budget.rounds):
        for crew in crews:
            crew.take(bench, _for(crew, load).but(port=crew.ports[door], seconds=bench.budget.seconds))


def _for(crew: Crew, load: Load) -> Load:
    """As much at a time for each worker: what comes together costs less than what comes alone."""
    if load.program == "radius":
        return load.but(sockets=SOURCES * crew.count, sources=SOURCES * crew.count)
    return load.but(connections=int(str(load.arguments["connections"])) * crew.count)


def _patient(load: Load) -> Load:
    """One question at a time from each NAS, or over each of four connections."""
    return load.but(outstanding=1) if load.program == "radius" else gentle(load)


def _record(table: Table, name: str, crews: Sequence[Crew]) -> None:
    alone = crews[0].typical()[0]
    for crew in crews:
        outcome, each = crew.typical()
        if any(one.failed for one, _ in crew.rounds):
            table.add(name, crew.count, *[None] * 6, "failed: answers wrong or missing")
            continue
        table.add(
            name,
            crew.count,
            outcome.cpu_us,
            outcome.rate,
            outcome.p50_ms,
            outcome.p99_ms,
            " ".join(f"{seconds / sum(each):.0%}" for seconds in each),
            outcome.load_share,
            alone.cpu_us / outcome.cpu_us,
            rounds=[{**asdict(one), "by_process": list(each)} for one, each in crew.rounds],
        )
