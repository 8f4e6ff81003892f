"""Where the running program listens, for commands beside it."""

from __future__ import annotations

import json

from settings import Settings

USUAL = {"http": "9000", "metrics": "9300"}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  all interfaces includes loopback


def running_at(settings: Settings, *listeners: str) -> tuple[str, int]:
    """Host and port of the first of these that is open: what the program wrote down, or else what the settings say."""
    try:
        ports = json.loads((settings.data_dir / "ports.json").read_text())
        host, _, port = next(ports[name] for name in listeners if ports.get(name))[0].rpartition(":")
        host = host.strip("[]")
    except (OSError, ValueError, StopIteration, IndexError):
        address = next((one for name in listeners for one in getattr(settings.listen, name)), None)
        host, port = (address.host, str(address.port)) if address else ("127.0.0.1", USUAL[listeners[0]])
    return EVERYWHERE.get(host, host), int(port)
