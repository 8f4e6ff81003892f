"""First logins: a credential that the outpost has never seen, at each door."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.harness.bench import PEOPLE, Bench, Table, gentle, say
from benchmarks.harness.load import LoadFailed
from benchmarks.harness.ours import Installation
from benchmarks.harness.people import people

DOORS = {"ldap": "LDAP bind", "radius": "RADIUS PAP", "http": "forward-auth, Basic"}
COLUMNS = (
    *("login", "program", "CPU ms at the outpost", "CPU ms at control", "rate /s", "p50 ms", "p99 ms"),
    "requests to control for each",
)


def measure(bench: Bench) -> list[Table]:
    table = Table(
        "First logins, 4 at a time",
        COLUMNS,
        note="Each hashes a password once (Argon2id, 19 MiB, 2 passes): that is nearly all of the CPU time.",
    )
    for installation in bench.installations():
        with installation(PEOPLE) as ours:
            for index, door in enumerate(DOORS):
                say(f"first login, {DOORS[door]}, {ours.name}")
                _first_logins(bench, table, ours, door, first=1 + index * bench.budget.logins)
    return [table]


def _first_logins(bench: Bench, table: Table, ours: Installation, door: str, first: int) -> None:
    strangers = people(bench.budget.logins, first)
    load = gentle(bench.logins(door, strangers)).but(port=ours.ports[door], pid=ours.outpost.pid)
    requests = ours.between.total() if ours.between else 0
    control = ours.control.cpu_seconds()
    try:
        outcome = bench.run(load.but(count=len(strangers), seconds=300))
    except LoadFailed as error:
        table.add(DOORS[door], ours.name, *[None] * 5, f"failed: {error}")
        return
    if outcome.failed:
        table.add(DOORS[door], ours.name, *[None] * 5, f"failed: {outcome.failed} of {outcome.asked}")
        return
    table.add(
        DOORS[door],
        ours.name,
        outcome.cpu_us / 1000,
        (ours.control.cpu_seconds() - control) * 1000 / outcome.right if ours.between else None,
        outcome.rate,
        outcome.p50_ms,
        outcome.p99_ms,
        (ours.between.total() - requests) / outcome.right if ours.between else "same process",
        outcome=asdict(outcome),
    )
