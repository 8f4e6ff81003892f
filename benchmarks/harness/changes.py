"""The directory arriving and changing, while others search it: a whole snapshot, one user at a time, a backup."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict

from benchmarks.harness import ours, wire
from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.load import Load, LoadFailed, Outcome, Running
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, people, user_dn

PACE = 200.0
"""Searches a second beside the changes: often enough that a pause of 5 ms falls on one."""
PATIENCE = 60.0
"""Seconds in which a change has to be in force: an outpost that lost control waits up to 30 before it comes back."""
SETTLE_SECONDS = 3.0
POLL = 0.001
"""Seconds between looks."""
INTERVAL = 0.05
"""Seconds between changes, so that each is a delta of its own."""


def _tables() -> tuple[Table, Table, Table]:
    loads = Table(
        "Loading a whole snapshot at the start",
        ("program", "people", "seconds to ready", "CPU s", "MiB", "first search ms"),
        note="From exec to a ready health check, with everybody in the directory; then proportional set size.",
    )
    changes = Table(
        "One user changed",
        (
            *("program", "people", "in force p50 ms", "in force p99 ms", "API p50 ms", "CPU ms each"),
            *("longest pause ms", "without changes"),
        ),
        note=f"From the answer of the API to a search that finds the change. Beside it {PACE:.0f} other searches a "
        "second, whose longest wait is the longest pause; the last column is the same while nothing changes, which is "
        "what the machine adds. CPU ms: of the outpost's process, nobody searching; it bounds the pause that a change "
        "makes.",
    )
    backups = Table(
        "A whole new snapshot while serving",
        ("program", "people", "seconds until in force", "CPU s", "longest pause ms", "without changes"),
        note="Control is stopped and started with an older store; the outpost notices and takes everything anew. The "
        "seconds include control's start and the outpost's wait before it comes back.",
    )
    return loads, changes, backups


def measure(bench: Bench) -> list[Table]:
    loads, changes, backups = _tables()
    for count in bench.budget.sizes[1:]:
        for installation in bench.installations():
            with installation(count) as program:
                say(f"{program.name} with {count:,} people")
                _loaded(loads, program, count)
                try:
                    _changed_one_by_one(bench, changes, program, count)
                    if program.between is not None:
                        _replaced(bench, backups, program, count)
                except LoadFailed as error:
                    changes.add(program.name, count, f"failed: {error}")
    return [loads, changes, backups]


def _loaded(table: Table, program: ours.Installation, count: int) -> None:
    cpu = program.outpost.cpu_seconds()
    with wire.LdapClient(program.ports["ldap"]) as client:
        client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        began = time.monotonic()
        client.ask(wire.search(BASE_DN, "uid", people(1, count - 1)[0].username))
        first = time.monotonic() - began
    time.sleep(SETTLE_SECONDS)
    memory = program.outpost.memory_mib()
    table.add(program.name, count, program.outpost.seconds_to_start, cpu, memory, first * 1000)


def _others(bench: Bench, program: ours.Installation, count: int) -> Load:
    """Paced searches: a request is due every 5 ms, and its latency counts from then."""
    found = {person.username: person.email for person in bench.known(count)}
    load = bench.searches("uid", (), found)
    return load.but(port=program.ports["ldap"], pid=program.outpost.pid, connections=4, rate=PACE)


# --- one user at a time --------------------------------------------------------------------------------------------


def _changed_one_by_one(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    others, times = _others(bench, program, count), bench.budget.changes
    quiet = _right(bench.run(others.but(seconds=3)))
    with _Changer(program, count) as changer:
        beside = Running(bench.folder, others.but(seconds=times * INTERVAL))
        timed = [changer.change(f"Changed {number}") for number in range(times)]
        noisy = _right(beside.finish())
        cpu = program.outpost.cpu_seconds()
        for number in range(times):
            changer.ask_for(f"Again {number}")
            time.sleep(INTERVAL)
        changer.wait_for(f"Again {times - 1}")
        each = (program.outpost.cpu_seconds() - cpu) / times
    api, in_force = [one for one, _ in timed], [one for _, one in timed]
    table.add(
        program.name,
        count,
        statistics.median(in_force) * 1000,
        _percentile(in_force, 0.99) * 1000,
        statistics.median(api) * 1000,
        each * 1000,
        noisy.longest_ms,
        quiet.longest_ms,
        in_force=in_force,
        api=api,
        beside=asdict(noisy),
        quiet=asdict(quiet),
    )


class _Changer:
    """Changes one person's name through the API, and looks for it over LDAP. Use as a context."""

    def __init__(self, program: ours.Installation, count: int) -> None:
        self._username = people(1, count // 2)[0].username
        self._program = program
        self._client = wire.LdapClient(program.ports["ldap"])
        self._pk = self._found()

    def __enter__(self) -> _Changer:
        self._client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _found(self) -> int:
        path = f"/api/v3/core/users/?username={self._username}"
        _, found = ours.request(self._program.control_port, "GET", path)
        pk: int = found["results"][0]["pk"]
        return pk

    def change(self, name: str) -> tuple[float, float]:
        """Seconds that the API took, and from its answer until the change was in force."""
        began = time.monotonic()
        self.ask_for(name)
        answered = time.monotonic()
        self.wait_for(name)
        in_force = time.monotonic()
        time.sleep(max(0.0, INTERVAL - (in_force - began)))
        return answered - began, in_force - answered

    def ask_for(self, name: str) -> None:
        path = f"/api/v3/core/users/{self._pk}/"
        status, _ = ours.request(self._program.control_port, "PATCH", path, {"name": name})
        if status != 200:
            raise LoadFailed(f"the API answered {status}")

    def wait_for(self, name: str) -> None:
        question = wire.search(BASE_DN, "uid", self._username, ("displayName",))
        until = time.monotonic() + PATIENCE
        while name.encode() not in self._client.ask(question)[1]:
            if time.monotonic() > until:
                raise LoadFailed(f"a change was not in force after {PATIENCE:.0f} s")
            time.sleep(POLL)


# --- a backup ------------------------------------------------------------------------------------------------------


def _replaced(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    others = _others(bench, program, count)
    quiet = _right(bench.run(others.but(seconds=3)))
    store, _ = bench.store(count)
    with _Changer(program, count) as changer:
        beside = Running(bench.folder, others.but(seconds=10 + count / 5000))
        cpu, began = program.outpost.cpu_seconds(), time.monotonic()
        program.restore(store)
        changer.wait_for(people(1, count // 2)[0].name)
        seconds, used = time.monotonic() - began, program.outpost.cpu_seconds() - cpu
        noisy = _right(beside.finish())
    used -= quiet.server_cpu_seconds / quiet.seconds * seconds
    table.add(
        program.name,
        count,
        seconds,
        used,
        noisy.longest_ms,
        quiet.longest_ms,
        beside=asdict(noisy),
        quiet=asdict(quiet),
    )


def _right(outcome: Outcome) -> Outcome:
    """Raises LoadFailed unless every answer was right."""
    if outcome.failed:
        raise LoadFailed(f"{outcome.failed} of {outcome.asked} answers wrong or missing")
    return outcome


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
