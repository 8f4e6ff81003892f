"""Every process that the wire tests start, so that none outlives them."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

STOP_SECONDS = 60.0
"""Usually less than one; what is in hand may take eight (`outpost.app.DRAIN_SECONDS`)."""

_started: list[subprocess.Popen[bytes]] = []


def start(command: list[str], **how: Any) -> subprocess.Popen[bytes]:
    """As `subprocess.Popen`, and remembered."""
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, **how})
    _started.append(process)
    return process


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Its exit code. One that does not end in time is killed, and raises TimeoutExpired."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def end_all() -> list[str]:
    """Kills whatever still runs; which they were."""
    running = [process for process in _started if process.poll() is None]
    for process in running:
        process.kill()
        process.wait()
    _started.clear()
    return [f"{process.pid}: {process.args!r}" for process in running]
