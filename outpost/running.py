"""Where the running program listens, for commands beside it."""

from __future__ import annotations

import json

from settings import Settings

USUAL = {"http": 9000, "metrics": 9300}
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  all interfaces includes loopback


def running_at(settings: Settings, *listeners: str) -> tuple[str, int]:
    """Host and port of the first of these that is open: what the program wrote down, or else what the settings say."""
    written = _written(settings)
    place = next((place for name in listeners if (place := written.get(name)) is not None), None)
    if place is None:
        address = next((one for name in listeners for one in getattr(settings.listen, name)), None)
        place = (address.host, address.port) if address else ("127.0.0.1", USUAL[listeners[0]])
    host, port = place
    return EVERYWHERE.get(host, host), port


def _written(settings: Settings) -> dict[str, tuple[str, int]]:
    """The first place of each listener; nothing of a file that is not there, or not as it was written."""
    places: dict[str, tuple[str, int]] = {}
    try:
        for name, listed in json.loads((settings.data_dir / "ports.json").read_text()).items():
            if listed:
                host, _, port = listed[0].rpartition(":")
                places[name] = (host.strip("[]"), int(port))
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return {}
    return places
