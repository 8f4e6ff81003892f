"""Our programs by themselves: how long until they serve, and how much memory they hold while nothing happens."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.harness import ours
from benchmarks.harness.bench import Bench, Table, say
from benchmarks.harness.processes import Server

SETTLE_SECONDS = 3.0
COLUMNS = ("program", "first start s", "start s", "start CPU s", "idle MiB")


def measure(bench: Bench) -> list[Table]:
    table = Table(
        "Alone, with an empty directory",
        COLUMNS,
        note="Start: from exec to a ready health check. First start: the one that makes the store. "
        f"Idle: proportional set size {SETTLE_SECONDS:.0f} s after that.",
    )
    say("start and idle memory")
    _started(bench, table, "up", bench.folder / "alone-up")
    if ours.exists("control") and ours.exists("run"):
        folder = bench.folder / "alone-control"
        _started(bench, table, "control", folder)
        token = ours.populate(bench.folder / "alone-store", 0)
        with ours.program("control", bench.folder / "alone-store"):
            port = ours.ports(bench.folder / "alone-store")["http"]
            _started(bench, table, "run", bench.folder / "alone-run", ours.where_control_is(port, token))
    return [table]


def _started(
    bench: Bench, table: Table, command: str, folder: Path, environ: Mapping[str, str] = MappingProxyType({})
) -> None:
    starts: list[Server] = []
    cpu: list[float] = []
    memory: list[float] = []
    for _ in range(bench.budget.starts + 1):
        with ours.program(command, folder, environ) as server:
            cpu.append(server.cpu_seconds())
            time.sleep(SETTLE_SECONDS)
            memory.append(server.memory_mib())
            starts.append(server)
    seconds = [server.seconds_to_start for server in starts]
    table.add(
        f"outpost {command}",
        seconds[0],
        statistics.median(seconds[1:]),
        statistics.median(cpu[1:]),
        statistics.median(memory[1:]),
        seconds=seconds,
        cpu=cpu,
        memory=memory,
    )
