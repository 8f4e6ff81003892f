"""Servers under test: started on a core of their own, their CPU time and memory read from the kernel, then stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

START_SECONDS = 180.0
STOP_SECONDS = 20.0
ENVIRON = {
    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
    **({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}),
}
"""What programs get of ours. Servers are in sbin, which a person's PATH may lack; PYTHONPATH may name another checkout
to measure."""

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[-1], CORES[0]
"""The same one on a machine with a single core; rates then mean little, CPU per request still does."""


class DidNotStart(Exception):
    """The text holds the end of what the program said."""


def cpu_seconds(pid: int) -> float:
    """User and system time of the process, all its threads included, those that have ended too.

    This is the process's CPU clock (clock_getcpuclockid(3) makes the same number): nanoseconds, where utime and stime
    of /proc/<pid>/stat count in ticks of 10 ms.
    """
    return time.clock_gettime(~pid << 3 | 2)


IDLE_SHARE, IDLE_SECONDS, IDLE_PATIENCE = 0.05, 0.25, 60.0


def children(pid: int) -> list[int]:
    """The processes that its first thread has started."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def await_idle(pid: int) -> None:
    """Until a server has nothing to do, for a minute at most. Ours, for one, hashes what it has just accepted, to keep
    it over a restart, for long after it has answered: that is no part of what a known credential costs."""
    until = time.monotonic() + IDLE_PATIENCE
    while time.monotonic() < until:
        before = cpu_seconds(pid)
        time.sleep(IDLE_SECONDS)
        if cpu_seconds(pid) - before < IDLE_SHARE * IDLE_SECONDS:
            return


def proportional_mib(pid: int) -> float:
    """Resident memory, pages that several processes share counted in parts (PSS)."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        for line in lines:
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    raise ValueError("the kernel does not tell the proportional set size")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A program in the foreground, pinned to the servers' core or to other ones; use as a context. ``ready`` is asked
    until true."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], bool],
        environ: Mapping[str, str] | None = None,
        cores: Sequence[int] = (SERVER_CORE,),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.seconds_to_start = 0.0
        self._command = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
        self._folder = folder
        self._ready = ready
        self._environ = {**ENVIRON, "HOME": str(folder), **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Raises DidNotStart."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - began > START_SECONDS:
                self.stop()
                raise DidNotStart(f"{self.name} did not start:\n" + self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.005)
        self.seconds_to_start = time.monotonic() - began
        return self

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ValueError(f"{self.name} is not running")
        return self._process.pid

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.pid)

    def memory_mib(self) -> float:
        return proportional_mib(self.pid)

    def stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Server:
        return self if self._process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
