"""The real programs as subprocesses on loopback: `outpost up`, and `outpost run` beside `outpost control`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.ports import free_port
from tests.wire import processes

T = TypeVar("T")

START_SECONDS = 100.0
"""Usually two or three."""
TOKEN = "test-bootstrap-token-0123456789abcdef"
PASSWORD = "test-bootstrap-password"
SECRET_KEY = "kW7hT2mQ9xB4nV6pL1sD8fG3jR5yC0zA-test-only"
LOOPBACK = "127.0.0.1:0"
ANSWER_SECONDS = 30.0
"""For one answer, on a machine that others use, too."""
SOON = 60.0
"""What comes by itself comes within this, on such a machine; usually at once."""
LISTENERS = tuple(
    f"OUTPOST_LISTEN__{name}"
    for name in (
        "HTTP",
        "HTTPS",
        "LDAP",
        "LDAPS",
        "RADIUS",
        "RADIUS_ACCT",
        "RADSEC",
        "METRICS",
        "EXT_AUTHZ",
        "FASTCGI",
    )
)
ANYWHERE = dict.fromkeys(LISTENERS, LOOPBACK)
"""For one that never comes back to where it was."""
EMBEDDED = "authentik Embedded Outpost"


def until(check: Callable[[], T | None], seconds: float, what: str, pause: float = 0.02) -> T:
    """The first true answer of ``check``, asked again and again; AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(pause)


class Program:
    """``outpost <arguments>`` with its own data folder; ``ports`` are those that it says it has opened.

    Unless ``environ`` says otherwise they are its own from the beginning: while it is away, killed or stopped, nobody
    gets the port that it comes back to.
    """

    start_seconds = START_SECONDS
    """Within which it opens its ports, and is ready."""
    outpost_name = EMBEDDED
    """The outpost whose doors these are."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "log.txt"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "OUTPOST_DATA_DIR": str(folder / "data"),
            "OUTPOST_SECRET_KEY": SECRET_KEY,
            "OUTPOST_BOOTSTRAP_TOKEN": TOKEN,
            "OUTPOST_BOOTSTRAP_PASSWORD": PASSWORD,
            "OUTPOST_LOG__FORMAT": "text",
            "OUTPOST_CERT_DISCOVERY_DIR": str(folder / "certs"),
            **{name: f"127.0.0.1:{free_port()}" for name in LISTENERS},
            **environ,
        }
        self.environ = {name: value for name, value in self.environ.items() if value}
        self._arguments = arguments
        self.prefix: tuple[str, ...] = ()
        """Of the command that starts it."""
        self.descriptors: tuple[int, ...] = ()
        """What it is handed besides the usual three."""
        self._process: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, list[str]] = {}

    # --- the process ---

    def start(self) -> Program:
        ports = self.folder / "data" / "ports.json"
        ports.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = processes.start(
                [*self.prefix, sys.executable, "-m", "outpost", *self._arguments],
                cwd=self.folder,
                env=self.environ,
                stdout=log,
                stderr=log,
                pass_fds=self.descriptors,
            )
        until(lambda: ports.exists() or self._has_ended(), self.start_seconds, f"{self._arguments} opening its ports")
        self.ports = json.loads(ports.read_text())
        until(self.is_ready, self.start_seconds, "readiness")
        return self

    def start_again(self) -> None:
        """At the places where it was."""
        for listener, places in self.ports.items():
            self.environ[f"OUTPOST_LISTEN__{listener.upper()}"] = ",".join(places)
        self.start()

    def _has_ended(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self._arguments} ended:\n{self.output()}"
        return False

    def is_ready(self) -> bool:
        self._has_ended()
        try:
            return httpx.get(f"{self.http}/-/health/ready/", timeout=ANSWER_SECONDS).status_code < 300
        except httpx.TransportError:
            return False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """What the running program has used of a core, all its threads together."""
        numbers = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it and gives its exit code; a program that does not end in time is killed, and that is a failure."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        try:
            return processes.stop(process, number)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self._arguments} did not stop:\n{self.output()}") from None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``outpost <arguments>`` in a second terminal, with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "outpost", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )

    # --- its doors ---

    def place(self, listener: str) -> tuple[str, int]:
        host, _, port = self.ports[listener][0].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def http(self) -> str:
        return f"http://{self.ports['http'][0]}"

    @property
    def ldap(self) -> str:
        return f"ldap://{self.ports['ldap'][0]}"

    # --- its control ---

    @property
    def control(self) -> Program:
        """The program that has the store."""
        return self

    @property
    def programs(self) -> list[Program]:
        return [self]

    @property
    def database(self) -> Path:
        return self.control.folder / "data" / "outpost.sqlite3"

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str | int] | None = None,
        expect: int | None = None,
    ) -> Any:
        """The JSON that ``/api/v3/<path>`` answers to the bootstrap administrator."""
        answer = httpx.request(
            method,
            f"{self.control.http}/api/v3/{path}",
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=ANSWER_SECONDS * 2,
        )
        if expect is None:
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        else:
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
