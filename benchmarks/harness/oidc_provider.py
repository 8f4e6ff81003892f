"""npm's oidc-provider, as its manual sets it up: in memory, with the forms for development that it comes with.

The package and what it needs are pinned in ``benchmarks/peers/oidc-provider/package-lock.json`` and installed by npm
into the harness's folder, or into one that ``OUTPOST_BENCH_CACHE`` names and that is kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness.people import CALLBACK, CLIENT, CLIENT_SECRET
from benchmarks.harness.processes import Server, accepts, free_port

SOURCE = Path(__file__).parent.parent / "peers" / "oidc-provider"
INSTALL_SECONDS = 300.0


class NotInstalled(Exception):
    """npm is missing or could not install it; the text says why."""


def installed(folder: Path) -> Path:
    """Where the package is. Raises NotInstalled."""
    place = Path(os.environ["OUTPOST_BENCH_CACHE"]) if "OUTPOST_BENCH_CACHE" in os.environ else folder
    place = place / "oidc-provider"
    place.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, place)
    if (place / "node_modules" / ".package-lock.json").exists():
        return place
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"npm could not be run: {error}") from error
    if done.returncode:
        raise NotInstalled(f"npm could not install oidc-provider: {done.stderr.strip()[-500:]}")
    return place


@contextmanager
def running(folder: Path) -> Iterator[tuple[Server, int]]:
    """Raises NotInstalled, DidNotStart."""
    folder.mkdir(parents=True, exist_ok=True)
    place, port = installed(folder), free_port()
    environ = {
        "PORT": str(port),
        "CLIENT": CLIENT,
        "CLIENT_SECRET": CLIENT_SECRET,
        "CALLBACK": CALLBACK,
        "NODE_ENV": "production",
    }
    with Server("oidc-provider", ["node", "provider.mjs"], place, lambda: accepts(port), environ) as server:
        yield server, port
