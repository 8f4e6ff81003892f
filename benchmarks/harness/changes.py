"""The directory arriving, and changing while others search it; and who waits while somebody takes all of it."""

from __future__ import annotations

import time
from dataclasses import asdict

from benchmarks.harness import ours, wire
from benchmarks.harness.bench import Bench, Table, gentle, say
from benchmarks.harness.deltas import PACE, Changer, Original, changed_one_by_one, others, right
from benchmarks.harness.load import LoadFailed, Running
from benchmarks.harness.people import ADMINISTRATOR, BASE_DN, PASSWORD, people, user_dn
from benchmarks.harness.processes import await_idle

SETTLE_SECONDS = 3.0


def _tables() -> tuple[Table, Table, Table, Table]:
    loads = Table(
        "Loading a whole snapshot at the start",
        ("program", "people", "seconds to ready", "CPU s", "MiB", "first search ms", "MiB with bodies", "octets each"),
        note="From exec to a ready health check, with everybody in the directory; then proportional set size. Bodies: "
        "encoded entries are kept; the last two columns are the size after somebody has asked for everybody twice, "
        "with all attributes, and the octets of one entry.",
    )
    waits = Table(
        "A bind while somebody takes everybody",
        ("program", "people", "p50 ms", "p99 ms", "longest ms", "longest without", "searches meanwhile"),
        note=f"{PACE:.0f} binds a second with known credentials, beside one connection on which searches for "
        "everybody, with all attributes, follow one another; then the same binds alone.",
    )
    changes = Table(
        "One user changed",
        (
            *("program", "people", "change", "in force p50 ms", "in force p99 ms", "API p50 ms", "CPU ms each"),
            *("longest pause ms", "without changes"),
        ),
        note=f"From the answer of the API to a search that finds the change. Beside it {PACE:.0f} other searches a "
        "second, whose longest wait is the longest pause; the last column is the same while nothing changes, which is "
        "what the machine adds. CPU ms: of the outpost's process, nobody searching; it bounds the pause that a change "
        "makes. The large group has half of the people in it, at most 50,000.",
    )
    backups = Table(
        "A whole new snapshot while serving",
        ("program", "people", "seconds until in force", "CPU s", "longest pause ms", "without changes"),
        note="Control is stopped and started with an older store; the outpost notices and takes everything anew. The "
        "seconds include control's start and the outpost's wait before it comes back.",
    )
    return loads, waits, changes, backups


def measure(bench: Bench) -> list[Table]:
    loads, waits, changes, backups = _tables()
    for count in bench.budget.sizes[1:]:
        for installation in bench.installations():
            with installation(count) as program:
                say(f"{program.name} with {count:,} people")
                _loaded(loads, program, count)
                try:
                    _bystanders(bench, waits, program, count)
                    changed_one_by_one(bench, changes, program, count)
                    if program.between is not None:
                        _replaced(bench, backups, program, count)
                except LoadFailed as error:
                    changes.add(program.name, count, f"failed: {error}")
    return [loads, waits, changes, backups]


EVERYBODY = wire.filtered(BASE_DN, wire.EVERYBODY)


def _loaded(table: Table, program: ours.Installation, count: int) -> None:
    cpu = program.outpost.cpu_seconds()
    with wire.LdapClient(program.ports["ldap"]) as client:
        client.ask(wire.bind(user_dn(ADMINISTRATOR), PASSWORD))
        began = time.monotonic()
        client.ask(wire.search(BASE_DN, "uid", people(1, count - 1)[0].username))
        first = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
        memory = program.outpost.memory_mib()
        octets = [len(client.ask(EVERYBODY)[1]) for _ in range(2)]
        time.sleep(SETTLE_SECONDS)
        after = program.outpost.memory_mib()
    started = program.outpost.seconds_to_start
    table.add(program.name, count, started, cpu, memory, first * 1000, after, octets[-1] // count)


def _bystanders(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    aimed = {"port": program.ports["ldap"], "pid": program.outpost.pid}
    binds = bench.logins("ldap", bench.known(count)).but(**aimed, connections=4)
    right(bench.run(gentle(binds).but(count=bench.budget.known, seconds=120)))
    await_idle(program.outpost.pid)
    everybody = bench.filtered([(wire.EVERYBODY, "")], ())
    taking = everybody.but(**aimed, connections=1, entries=count)
    taken = Running(bench.folder, taking.but(seconds=10 * bench.budget.seconds))
    beside = right(bench.run(binds.but(rate=PACE, seconds=8 * bench.budget.seconds)))
    searches = right(taken.finish())
    alone = right(bench.run(binds.but(rate=PACE, seconds=3)))
    table.add(
        program.name,
        count,
        beside.p50_ms,
        beside.p99_ms,
        beside.longest_ms,
        alone.longest_ms,
        searches.right,
        beside=asdict(beside),
        alone=asdict(alone),
    )


# --- a backup ------------------------------------------------------------------------------------------------------


def _replaced(bench: Bench, table: Table, program: ours.Installation, count: int) -> None:
    searches = others(bench, program, count)
    quiet = right(bench.run(searches.but(seconds=3)))
    store, _ = bench.store(count)
    person = people(1, count // 2)[0]
    with Changer(program, person.username, Original(person.name)) as changer:
        beside = Running(bench.folder, searches.but(seconds=10 + count / 5000))
        cpu, began = program.outpost.cpu_seconds(), time.monotonic()
        program.restore(store)
        changer.wait_for(0)
        seconds, used = time.monotonic() - began, program.outpost.cpu_seconds() - cpu
        noisy = right(beside.finish())
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
