"""A server in mount and process namespaces of its own: its folders and configuration are not the machine's."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.wire import processes
from tests.wire.clients import CLIENT_SECONDS, Answer
from tests.wire.program import until

START_SECONDS = 60.0
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}


class Namespace:
    """``empty``: folders that begin empty; ``instead``: places of the machine, and what stands there; ``over``: such
    with folders laid over them, the first one uppermost.

    Whatever was started inside ends with it.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str],
        empty: Sequence[str] = (),
        instead: Mapping[str, Path] | None = None,
        over: Mapping[str, Sequence[Path]] | None = None,
        **environ: str,
    ) -> None:
        self._environ = {**ENVIRON, **environ}
        self.log = folder / "log.txt"
        script = folder / "start.sh"
        mounts = [f"mount -t tmpfs tmpfs {place}" for place in empty]
        mounts += [f"mount --bind {here} {place}" for place, here in (instead or {}).items()]
        for place, layers in (over or {}).items():
            stacked = ":".join(str(layer) for layer in (*layers, place))
            mounts.append(f"mount -t overlay overlay -o lowerdir={stacked} {place}")
        # The shell stays the first process: a server that gives up root would not hear that unshare has died.
        script.write_text("\n".join(["set -eu", *mounts, " ".join(command), "exit", ""]))
        with self.log.open("wb") as log:
            self._process = processes.start(
                ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", str(script)],
                stdout=log,
                stderr=log,
                env=self._environ,
            )

    def run(self, *command: str, stdin: str = "") -> Answer:
        """A command inside."""
        inside = until(self._first, START_SECONDS, "the namespace")
        done = subprocess.run(
            ["nsenter", "--mount", "--pid", "--target", inside, *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
            env=self._environ,
            check=False,
        )
        return Answer(done.returncode, done.stdout + done.stderr)

    def answers(self, host: str, port: int) -> bool:
        """Is somebody listening there? AssertionError when the first process has ended."""
        self._first()
        with socket.socket() as asked:
            return asked.connect_ex((host, port)) == 0

    def _first(self) -> str:
        """Of the processes inside: its number out here."""
        assert self._process.poll() is None, self.log.read_text()
        number = self._process.pid
        return Path(f"/proc/{number}/task/{number}/children").read_text().strip()

    def stop(self) -> None:
        """unshare heeds no gentler signal; its death is the first inner process's, and with that everybody's."""
        processes.stop(self._process, signal.SIGKILL)
