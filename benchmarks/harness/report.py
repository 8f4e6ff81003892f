"""What was measured, as a page for people and a file for programs. Neither holds a path or a host name."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.harness import peers
from benchmarks.harness.bench import Budget, Table, shown
from benchmarks.harness.processes import CORES, LOAD_CORE, SERVER_CORE

METHOD = """\
Every program runs on loopback without TLS, in a folder of its own, pinned to one core; the load generator and the
harness are pinned to another. The figure to compare is **CPU µs**: the server's CPU clock (user and system time of all
its threads, in nanoseconds, from the kernel) before and after a round, divided by the requests that were answered and
checked. Each round is bounded in time; programs take turns round by round, and the round with the middle CPU µs is
shown. Rates and latencies depend on what else the machine does, CPU per request much less. LDAP: 16 connections, one
request each (the 1,000-entry search: one connection). RADIUS: 8 sockets with 16 requests each. HTTP: 64 kept-alive
connections, requests of some 700 octets. Every answer's code, and for searches the number of entries and the
person's address, are checked; of RADIUS replies every 16th authenticator.
"""


def facts(budget: Budget, quick: bool) -> dict[str, Any]:
    return {
        "mode": "quick" if quick else "full",
        "rounds": budget.rounds,
        "seconds_of_a_round": budget.seconds,
        "commit": _said("git", "rev-parse", "--short", "HEAD") or "not committed",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_used": {"servers": SERVER_CORE, "load": LOAD_CORE, "allowed": CORES},
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "twisted": _version("twisted"),
        "load_before": round(os.getloadavg()[0], 1),
        **peers.versions(),
    }


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def page(date: str, facts: dict[str, Any], tables: list[Table]) -> str:
    """Markdown."""
    parts = [f"# Measured {date}", "", METHOD, "| machine and programs | |", "|---|---|"]
    parts += [f"| {name.replace('_', ' ')} | {_fact(value)} |" for name, value in facts.items()]
    for table in tables:
        parts += ["", f"## {table.title}", ""]
        parts += [table.note, ""] if table.note else []
        parts.append("| " + " | ".join(table.columns) + " |")
        parts.append("|" + "---|" * len(table.columns))
        parts += ["| " + " | ".join(shown(value) for value in row) + " |" for row in table.rows]
    return "\n".join(parts) + "\n"


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return str(value)


def write(folder: Path, date: str, facts: dict[str, Any], tables: list[Table]) -> Path:
    """``<date>.md`` and ``<date>.json``; the path of the page."""
    written = folder / f"{date}.md"
    written.write_text(page(date, facts, tables))
    written.with_suffix(".json").write_text(
        json.dumps(
            {
                "date": date,
                "facts": facts,
                "tables": [
                    {
                        "title": table.title,
                        "rows": [
                            {**dict(zip(table.columns, row, strict=False)), **details}
                            for row, details in zip(table.rows, table.details, strict=True)
                        ],
                    }
                    for table in tables
                ],
            },
            indent=1,
        )
        + "\n"
    )
    return written
