"""Everything that may die, each in processes of its own: a PostgreSQL, two controls, an outpost of two workers.

Whoever kills one here also plays the service manager that starts it again; a worker's is its parent.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import httpx

from tests.control.store import postgresql
from tests.control.store.postgresql import Server
from tests.wire.program import Program, until
from tests.wire.several import Several, several

WORKERS = 2
AWAY_SECONDS = 1.0
"""Between a death and the start after it: what systemd's RestartSec says in deploy/."""
BACK_SECONDS = 90.0
"""Whatever died is there again by then, also on a machine that others use, too; usually in a tenth of that."""


class Everything(Several):
    def __init__(self, server: Server, shape: Several) -> None:
        self.server = server
        self.controls, self.edge, self.people = shape.controls, shape.edge, shape.people

    def kill(self, what: str, random: Random) -> float:
        """As by the kernel when memory runs out; started again a second later. Seconds until it was ready again."""
        began = time.monotonic()
        match what:
            case "control":
                self._kill(random.choice(self.controls))
            case "outpost":
                self._kill(self.edge)
            case "worker":
                self._kill_worker(random)
            case "database":
                self.server.kill()
                time.sleep(AWAY_SECONDS)
                self.server.start()
        return time.monotonic() - began

    def _kill(self, program: Program) -> None:
        program.stop(signal.SIGKILL)
        time.sleep(AWAY_SECONDS)
        program.start_again()

    def _kill_worker(self, random: Random) -> None:
        victim = random.choice(children(self.edge.pid))
        os.kill(victim, signal.SIGKILL)
        ready = [f'outpost_worker_ready{{worker="{number}"}} 1.0' for number in range(WORKERS)]

        def all_serve() -> bool:
            page = httpx.get(f"http://{self.edge.ports['metrics'][0]}/metrics", timeout=BACK_SECONDS).text
            return all(line in page for line in ready) and victim not in children(self.edge.pid)

        until(all_serve, BACK_SECONDS, "another worker", pause=0.2)


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@contextmanager
def everything(folder: Path) -> Iterator[Everything]:
    with postgresql.running() as server:
        server.new_database("chaos")
        with several(folder, server.settings("chaos"), OUTPOST_WORKERS=str(WORKERS)) as shape:
            yield Everything(server, shape)
