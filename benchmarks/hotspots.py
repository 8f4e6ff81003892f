"""``python -m benchmarks.hotspots "LDAP bind"``: where `outpost run` spends its time while it does one kind of work.

The real program under the standard library's profiler, the real load beside it. The profiler makes Python calls look
dearer than they are beside system calls and C: read the order, not the microseconds.
"""

from __future__ import annotations

import argparse
import os
import pstats
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import directory, load, requests
from benchmarks.harness.bench import QUICK, Bench, gentle, say
from benchmarks.harness.processes import LOAD_CORE

WORKS = (*directory.WORKS, *requests.WORKS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.hotspots", description="Profile one kind of work.")
    parser.add_argument("work", help="part of its name: " + "; ".join(work.name for work in WORKS))
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumulative"))
    arguments = parser.parse_args()
    chosen = [work for work in WORKS if arguments.work.lower() in work.name.lower()]
    if not chosen:
        parser.error(f"no work is called {arguments.work!r}")
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory(prefix="outpost-hotspots-") as name:
        folder = Path(name)
        load.build(folder)
        bench = Bench(folder, QUICK)
        for work in chosen:
            seen = folder / "seen"
            with bench.apart(arguments.people, profile=seen) as program:
                aimed = work.load(bench, arguments.people).but(port=program.ports[work.port], pid=program.outpost.pid)
                bench.run(gentle(aimed).but(count=QUICK.known, seconds=120))
                outcome = bench.run(aimed.but(seconds=arguments.seconds))
            say(f"{work.name}: {outcome.right} right, {outcome.failed} failed, {outcome.cpu_us:.0f} us under profile")
            stats = pstats.Stats(str(seen), stream=sys.stdout)
            stats.strip_dirs().sort_stats(arguments.sort).print_stats(arguments.lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
