"""One work, several programs: rounds take turns, so that a noisy machine is noisy for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.harness.bench import Bench, Table, gentle, say
from benchmarks.harness.load import Load, LoadFailed, Outcome
from benchmarks.harness.ours import Installation
from benchmarks.harness.peers import Peer
from benchmarks.harness.processes import await_idle


@dataclass(frozen=True, slots=True)
class Against:
    """A peer at its own port, and what it answers differently."""

    peer: str
    port: str
    called: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    name: str
    port: str
    """Ours."""
    load: Callable[[Bench, int], Load]
    against: tuple[Against, ...] = ()
    """The first is what the ratio compares with."""


COLUMNS = (
    *("work", "program", "CPU µs", "rate /s", "p50 ms", "p99 ms", "p50 at half", "p99 at half"),
    *("octets", "load on its core", "peer CPU / ours"),
)


RATIO_NOTE = (
    "The last column is how much work ours does in the CPU time in which the peer does one: above 1, ours costs less. "
    "“At half”: paced at half of the rate, latency counted from when each request was due."
)


@dataclass(slots=True)
class Contender:
    """One program doing one work."""

    program: str
    load: Load
    rounds: list[Outcome] = field(default_factory=list)
    half: Outcome | None = None
    failure: str = ""

    def take(self, bench: Bench, load: Load) -> Outcome | None:
        if self.failure:
            return None
        try:
            outcome = bench.run(load)
        except LoadFailed as error:
            self.failure = str(error)
            return None
        if outcome.failed:
            self.failure = f"{outcome.failed} of {outcome.asked} answers wrong or missing"
            return None
        return outcome

    @property
    def asked(self) -> int:
        """In all rounds: the next one goes on behind it, so that what was new to the program is new again."""
        return sum(outcome.asked for outcome in self.rounds)

    @property
    def pid(self) -> int:
        """Of the program."""
        return int(str(self.load.arguments["pid"]))

    @property
    def typical(self) -> Outcome | None:
        """The round with the middle CPU per request: a real round, not a mixture."""
        ordered = sorted(self.rounds, key=lambda outcome: outcome.cpu_us)
        return ordered[len(ordered) // 2] if ordered and not self.failure else None


def compete(bench: Bench, contenders: list[Contender]) -> None:
    """Each in turn, round after round; then each at half of its rate, for latencies that are not its own queue."""
    seconds = bench.budget.seconds
    for contender in contenders:  # known credentials become known here, and caches warm
        known = max(bench.budget.known, 16)
        contender.take(bench, gentle(contender.load).but(count=known, seconds=120))
    for contender in contenders:
        await_idle(contender.pid)
    for _ in range(bench.budget.rounds):
        for contender in contenders:
            outcome = contender.take(bench, contender.load.but(seconds=seconds, begin=contender.asked))
            if outcome is not None:
                contender.rounds.append(outcome)
    for contender in contenders:
        typical = contender.typical
        if typical is not None:
            contender.half = contender.take(bench, contender.load.but(seconds=seconds, rate=max(typical.rate / 2, 1)))


def record(table: Table, work: str, contenders: list[Contender], reference: str = "") -> None:
    """``reference``: the program that the ratio compares with."""
    beside = next((one.typical for one in contenders if one.program == reference), None)
    for one in contenders:
        typical, half = one.typical, one.half
        if typical is None:
            table.add(work, one.program, *[None] * 8, f"failed: {one.failure}")
            continue
        table.add(
            work,
            one.program,
            typical.cpu_us,
            typical.rate,
            typical.p50_ms,
            typical.p99_ms,
            half.p50_ms if half else None,
            half.p99_ms if half else None,
            int(typical.octets_each),
            typical.load_share,
            beside.cpu_us / typical.cpu_us if beside is not None else None,
            rounds=[asdict(outcome) for outcome in one.rounds],
            half=asdict(half) if half else None,
        )


def contend(
    bench: Bench,
    table: Table,
    works: Sequence[Work],
    count: int,
    ours: Sequence[Installation],
    beside: Mapping[str, Peer],
) -> None:
    """Every work by each of ours, and by those peers that are there and can do it; ``count``: people."""
    for work in works:
        say(work.name)
        load = work.load(bench, count)
        contenders = [Contender(one.name, load.but(port=one.ports[work.port], pid=one.outpost.pid)) for one in ours]
        for against in work.against:
            peer = beside.get(against.peer)
            if peer is not None:
                aimed = load.but(port=peer.ports[against.port], pid=peer.server.pid, **against.arguments)
                contenders.append(Contender(against.called, aimed))
        compete(bench, contenders)
        record(table, work.name, contenders, work.against[0].called if work.against else "")
