"""The directory arriving and changing: a whole snapshot at the start, then one user at a time, while others search."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict

from benchmarks.harness import ours, wire
from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.load import LoadFailed, Running
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, people, user_dn

PACE = 200.0
"""Searches a second beside the changes: often enough that a pause of 5 ms falls on one."""
PATIENCE = 10.0
"""Seconds within which a change has to be in force."""
SETTLE_SECONDS = 3.0

LOAD_COLUMNS = ("program", "people", "seconds to ready", "CPU s", "MiB", "first search ms")
CHANGE_COLUMNS = (
    *("program", "people", "in force p50 ms", "in force p99 ms", "API p50 ms", "CPU ms each"),
    *("search p50 ms", "search p99 ms", "longest pause ms"),
)


def measure(bench: Bench) -> list[Table]:
    loads = Table(
        "Loading a whole snapshot",
        LOAD_COLUMNS,
        note="From exec to a ready health check, with everybody in the directory; then proportional set size.",
    )
    changes = Table(
        "One user changed",
        CHANGE_COLUMNS,
        note=f"From the answer of the API to a search that finds it. Beside it {PACE:.0f} other searches a second, "
        "whose longest wait is the longest pause. CPU is the outpost's, without those searches' share.",
    )
    for count in bench.budget.sizes[1:]:
        for installation in bench.installations():
            with installation(count) as program:
                say(f"{program.name} with {count:,} people")
                cpu = program.outpost.cpu_seconds()
                began = time.monotonic()
                with wire.LdapClient(program.ports["ldap"]) as client:
                    client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
                    bound = time.monotonic()
                    client.ask(wire.search(BASE_DN, "uid", people(1, count - 1)[0].username))
                    first = time.monotonic() - bound
                time.sleep(max(0.0, SETTLE_SECONDS - (time.monotonic() - began)))
                memory = program.outpost.memory_mib()
                loads.add(program.name, count, program.outpost.seconds_to_start, cpu, memory, first * 1000)
                _one_by_one(bench, changes, program, count)
    return [loads, changes]


def _one_by_one(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    chosen = people(1, count // 2)[0]
    pk = _pk(program, chosen.username)
    others = bench.searches("uid", (), {person.username: person.email for person in bench.known(count)})
    others = others.but(port=program.ports["ldap"], pid=program.outpost.pid, connections=4, rate=PACE)
    try:
        quiet = bench.run(others.but(seconds=2))
        beside = Running(bench.folder, others.but(seconds=_seconds_for(bench)))
        in_force, api = _change(bench, program, pk, chosen.username)
        noisy = beside.finish()
    except LoadFailed as error:
        table.add(program.name, count, *[None] * 6, f"failed: {error}")
        return
    others_cpu = quiet.server_cpu_seconds / quiet.seconds * noisy.seconds
    table.add(
        program.name,
        count,
        statistics.median(in_force) * 1000,
        _percentile(in_force, 0.99) * 1000,
        statistics.median(api) * 1000,
        max(noisy.server_cpu_seconds - others_cpu, 0.0) * 1000 / len(in_force),
        noisy.p50_ms,
        noisy.p99_ms,
        noisy.longest_ms,
        in_force=in_force,
        api=api,
        beside=asdict(noisy),
        quiet=asdict(quiet),
    )


INTERVAL = 0.1
"""Seconds between changes, so that each is one delta of its own."""


def _seconds_for(bench: Bench) -> float:
    return bench.budget.changes * (INTERVAL + 0.05) + 1


def _change(bench: Bench, program: ours.Installation, pk: int, username: str) -> tuple[list[float], list[float]]:
    """Seconds from the API's answer until each change was in force, and those that the API took."""
    in_force, api = [], []
    question = wire.search(BASE_DN, "uid", username, ("displayName",))
    with wire.LdapClient(program.ports["ldap"]) as client:
        client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        for number in range(bench.budget.changes):
            name = f"Changed {number} times"
            began = time.monotonic()
            status, _ = ours.request(program.control_port, "PATCH", f"/api/v3/core/users/{pk}/", {"name": name})
            answered = time.monotonic()
            if status != 200:
                raise LoadFailed(f"the API answered {status}")
            while name.encode() not in client.ask(question)[1]:
                if time.monotonic() - answered > PATIENCE:
                    raise LoadFailed(f"a change was not in force after {PATIENCE:.0f} s")
                time.sleep(0.0005)
            in_force.append(time.monotonic() - answered)
            api.append(answered - began)
            time.sleep(max(0.0, INTERVAL - (time.monotonic() - began)))
    return in_force, api


def _pk(program: ours.Installation, username: str) -> int:
    _, found = ours.request(program.control_port, "GET", f"/api/v3/core/users/?username={username}")
    pk: int = found["results"][0]["pk"]
    return pk


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]
