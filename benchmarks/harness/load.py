"""The load generators: built from benchmarks/load at run time, run beside a server, their line of JSON read.

The timing method, the same for every row: the generator reads the server's CPU clock, sends a bounded number of
requests for a bounded time, checks every answer, and reads the clock again. CPU per request is the difference divided
by the requests that were answered and found right.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.harness.processes import LOAD_CORE

SOURCES = Path(__file__).parent.parent / "load"
PROGRAMS = ("stream", "radius")
COMPILER = ("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-std=gnu11")
SLACK_SECONDS = 60.0
"""A generator gives up by itself; this is for one that hangs."""


class LoadFailed(Exception):
    """The generator could not do its work; the text says why."""


def build(folder: Path) -> None:
    """Raises LoadFailed with the compiler's words."""
    for program in PROGRAMS:
        command = [*COMPILER, "-o", str(folder / program), str(SOURCES / f"{program}.c"), "-lm", "-lssl", "-lcrypto"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise LoadFailed(made.stderr)


@dataclass(frozen=True, slots=True)
class Load:
    """``program`` with ``--name value`` arguments; see the head of its source."""

    program: str
    arguments: Mapping[str, object] = field(default_factory=dict)

    def but(self, **arguments: object) -> Load:
        return replace(self, arguments={**self.arguments, **arguments})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a generator counted."""

    asked: int
    answered: int
    wrong: int
    lost: int
    seconds: float
    server_cpu_seconds: float
    load_cpu_seconds: float
    octets: int
    p50_ms: float
    p99_ms: float
    longest_ms: float

    @property
    def right(self) -> int:
        return self.answered - self.wrong

    @property
    def failed(self) -> int:
        return self.asked - self.right

    @property
    def cpu_us(self) -> float:
        return self.server_cpu_seconds * 1e6 / max(self.right, 1)

    @property
    def rate(self) -> float:
        return self.right / self.seconds

    @property
    def octets_each(self) -> float:
        return self.octets / max(self.answered, 1)

    @property
    def load_share(self) -> float:
        """Of a core, that the generator itself was busy: near 1 it may be what limits the rate."""
        return self.load_cpu_seconds / self.seconds


class Running:
    """A generator at work in the background."""

    def __init__(self, folder: Path, load: Load) -> None:
        self._command = [
            *("taskset", "--cpu-list", str(LOAD_CORE), str(folder / load.program)),
            *(part for name, value in load.arguments.items() for part in (f"--{name}", str(value))),
        ]
        self._patience = float(str(load.arguments.get("seconds", 0))) + SLACK_SECONDS
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def finish(self) -> Outcome:
        """Raises LoadFailed."""
        try:
            said, complaint = self._process.communicate(timeout=self._patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise LoadFailed("the generator did not end") from None
        if not said:
            raise LoadFailed(complaint.strip() or f"it ended with {self._process.returncode}")
        return Outcome(**json.loads(said))
