"""Ports for programs that cannot be told to take any free one, or that come back to the one that they had."""

from __future__ import annotations

import os
import secrets
import socket

LOWEST, HIGHEST = 10_000, 32_000
"""Below what kernels give to whoever asks for any port, so that between our look and the program's nobody gets it."""
TRIES = 100
SHARES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
SHARE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES
"""Of processes that share the tests, each has ports of its own: every so manieth."""

_given: set[int] = set()


def free_port() -> int:
    """One that nobody has on 127.0.0.1, neither of TCP nor of UDP, and that nobody else is given. Raises OSError after
    100 that somebody has."""
    for _ in range(TRIES):
        port = LOWEST + SHARES * secrets.randbelow((HIGHEST - LOWEST) // SHARES) + SHARE
        if port not in _given and all(_is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            _given.add(port)
            return port
    raise OSError(f"of {TRIES} ports none was free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
