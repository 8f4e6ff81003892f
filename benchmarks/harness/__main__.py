"""``python -m benchmarks.harness``: measures, prints, and writes the dated results."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.harness import (
    applications,
    changes,
    directory,
    load,
    logins,
    policies,
    programs,
    proxied,
    radius,
    report,
    requests,
    sign_ins,
    workers,
)
from benchmarks.harness.bench import FULL, QUICK, Bench, Table, say
from benchmarks.harness.processes import LOAD_CORE, DidNotStart

RESULTS = Path(__file__).parent.parent / "results"
SECTIONS: dict[str, Callable[[Bench], list[Table]]] = {
    "programs": programs.measure,
    "directory": directory.measure,
    "requests": requests.measure,
    "proxied": proxied.measure,
    "applications": applications.measure,
    "workers": workers.measure,
    "radius": radius.measure,
    "flood": radius.flood,
    "logins": logins.measure,
    "sign_ins": sign_ins.measure,
    "changes": changes.measure,
    "policies": policies.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.harness", description="Measure Outpost beside its peers.")
    parser.add_argument("--quick", action="store_true", help="a quarter of an hour, for a first look")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="this section (may be repeated)")
    parser.add_argument(
        "--people", type=int, action="append", help="so many, in the rows about growth (may be repeated)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the page and the JSON")
    arguments = parser.parse_args()
    budget = QUICK if arguments.quick else FULL
    if arguments.people:
        budget = replace(budget, sizes=tuple(arguments.people))
    os.sched_setaffinity(0, {LOAD_CORE})
    facts = report.facts(budget, arguments.quick)
    began = time.monotonic()
    tables: list[Table] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="outpost-bench-") as folder:
        load.build(Path(folder))
        bench = Bench(Path(folder), budget)
        for name in arguments.only or SECTIONS:
            try:
                tables += SECTIONS[name](bench)
            except (DidNotStart, load.LoadFailed) as error:
                failed = True
                say(f"{name}: {error}")
                tables.append(Table(f"{name}: not measured", ("why",), [(str(error).splitlines()[0],)], [{}]))
    facts["minutes"] = round((time.monotonic() - began) / 60, 1)
    date = datetime.now(UTC).strftime("%Y-%m-%d") + ("-quick" if arguments.quick else "")
    date += "".join(f"-{name}" for name in arguments.only or ())
    date += "".join(f"-{people}" for people in arguments.people or ())
    arguments.results.mkdir(exist_ok=True)
    written = report.write(arguments.results, date, facts, tables)
    print(report.page(date, facts, tables))
    say(f"written to {written.name} and {written.with_suffix('.json').name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
