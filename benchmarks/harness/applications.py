"""Many applications on one outpost: what a request costs may not depend on how many there are."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.harness import ours
from benchmarks.harness.bench import Bench, Table
from benchmarks.harness.contest import COLUMNS, Contender, compete, record
from benchmarks.harness.processes import proportional_mib
from benchmarks.harness.requests import redirected, session

PEOPLE = 100
APPLICATIONS = (0, 10_000)
"""Beside the three that every store has."""


def measure(bench: Bench) -> list[Table]:
    """One outpost with few, one with many, in turns."""
    table = Table("One request, by how many applications there are", COLUMNS, note="The ratio compares with few.")
    memory = Table("Memory of an outpost, by applications", ("applications", "MiB"))
    with ExitStack() as running:
        outposts = []
        for count in APPLICATIONS:
            folder = bench.file("applications")
            token = ours.populate(folder, PEOPLE, further=count)
            outposts.append(running.enter_context(ours.apart(bench.file("apart"), folder, token)))
        for name, load in (
            ("forward-auth, session, known", session(lambda bench: bench.budget.known)(bench, PEOPLE)),
            ("forward-auth, anonymous, sent to sign in", redirected(bench, PEOPLE)),
        ):
            contenders = [
                Contender(_named(count), load.but(port=one.ports["http"], pid=one.outpost.pid))
                for count, one in zip(APPLICATIONS, outposts, strict=True)
            ]
            compete(bench, contenders)
            record(table, name, contenders, _named(APPLICATIONS[0]))
        for count, one in zip(APPLICATIONS, outposts, strict=True):
            memory.add(count + 1, proportional_mib(one.outpost.pid))
    return [table, memory]


def _named(count: int) -> str:
    return f"outpost run, {count + 1:,} behind proxies"
