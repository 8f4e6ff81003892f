"""A backup by a process of its own, so that whoever is served meanwhile waits for nothing: ``outpost backup``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CALM = 10
"""Niceness: those who are served come first."""
MOST_CHARACTERS = 1000
"""Of what it complains about."""


class BackupProcess:
    """Call it. ``before``: what stands before the command on our own command line, such as the settings' file."""

    def __init__(self, folder: Path, keep: int, with_secret_key: bool, before: Sequence[str]) -> None:
        key = "--with-secret-key" if with_secret_key else "--without-secret-key"
        asked = ["backup", key, "--keep", str(keep), str(folder.absolute())]
        self._command = [sys.executable, "-P", "-m", "outpost", *before, *asked]
        self._running: subprocess.Popen[str] | None = None

    def __call__(self) -> str:
        """Why it was not made, a sentence; or nothing. It takes its time: call it in a thread."""
        self._running = running = subprocess.Popen(  # noqa: S603  # ourselves
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        os.setpriority(os.PRIO_PROCESS, running.pid, CALM)
        try:
            said = running.communicate()[1].strip()
        finally:
            self._running = None
        if running.returncode == 0:
            return ""
        return said.removeprefix("outpost: ")[-MOST_CHARACTERS:] or f"outpost backup ended with {running.returncode}."

    def close(self) -> None:
        """What is half done is given up; it leaves nothing behind that looks like a backup."""
        if self._running is not None:
            self._running.terminate()
