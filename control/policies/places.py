"""Where an address lies, by database files in MaxMind's format that the operator supplies (MaxMind DB, version 2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

EARTH_KM = 6371.0
"""The mean radius."""
LOOK_SECONDS = 10.0
"""Between two looks whether a file is another one: they are replaced twice a week."""


class Unknown(Exception):
    """There is no such database, or it cannot be read. The text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class _Open:
    reader: Any
    stamp: tuple[int, int, int]
    looked: float


class Database:
    """One file, opened when it is first asked, and again when it has changed. ``clock`` only counts seconds.

    The file is read into memory: one that is written over while it is mapped would end the process.
    """

    def __init__(self, file: Path | None, setting: str, clock: Callable[[], float]) -> None:
        self.file = file
        self._setting = setting
        self._clock = clock
        self._opened: _Open | None = None
        self._opening = threading.Lock()

    def find(self, address: str) -> dict[str, Any]:
        """What it says of the address; empty where it does not know it. Raises Unknown; ValueError for no address."""
        found = self._reader().get(address)
        return found if isinstance(found, dict) else {}

    def _reader(self) -> Any:
        opened, now = self._opened, self._clock()
        if opened is not None and now - opened.looked < LOOK_SECONDS:
            return opened.reader
        with self._opening:
            return self._look(now)

    def _look(self, now: float) -> Any:
        if self.file is None:
            raise Unknown(f"There is no database to look addresses up in. Name one in {self._setting}.")
        try:
            about = self.file.stat()
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns)
            if self._opened is None or self._opened.stamp != stamp:
                self._opened = _Open(_read(self.file), stamp, now)
            else:
                self._opened = _Open(self._opened.reader, stamp, now)
        except (OSError, ValueError) as error:  # also InvalidDatabaseError
            raise Unknown(f"The database {self.file} cannot be read: {error}.") from error
        return self._opened.reader


def _read(file: Path) -> Any:
    import maxminddb  # only where there is a database

    try:
        return maxminddb.open_database(file, maxminddb.MODE_MEMORY)
    except maxminddb.InvalidDatabaseError as error:
        raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Places:
    """``city``: countries and cities; ``asn``: who runs the network."""

    city: Database
    asn: Database

    def country(self, address: str) -> str | None:
        """Two letters (ISO 3166-1). Raises as `Database.find`."""
        code = _part(self.city.find(address), "country", "iso_code")
        return code if isinstance(code, str) else None

    def number(self, address: str) -> int | None:
        """Of the autonomous system. Raises as `Database.find`."""
        number = self.asn.find(address).get("autonomous_system_number")
        return number if isinstance(number, int) else None

    def point(self, address: str) -> tuple[float, float] | None:
        """Latitude and longitude, in degrees. Raises as `Database.find`."""
        where = _part(self.city.find(address), "location")
        latitude, longitude = _part(where, "latitude"), _part(where, "longitude")
        if not isinstance(latitude, (int, float)) or not isinstance(longitude, (int, float)):
            return None
        return float(latitude), float(longitude)

    def context(self, address: str) -> dict[str, Any]:
        """``geoip`` and ``asn`` of an expression's context, as far as there are databases that know the address."""
        found: dict[str, Any] = {}
        for name, database, told in (("geoip", self.city, _geoip), ("asn", self.asn, _asn)):
            if database.file is None:
                continue
            try:
                about = database.find(address)
            except (Unknown, ValueError):
                continue
            if about:
                found[name] = told(about)
        return found


def kilometres(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Along the great circle, on a sphere (the haversine formula): right to half a percent."""
    (north, east), (other_north, other_east) = (tuple(map(radians, point)) for point in (here, there))
    chord = sin((other_north - north) / 2) ** 2 + cos(north) * cos(other_north) * sin((other_east - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(chord)))


def places(city: Path | None, asn: Path | None, clock: Callable[[], float]) -> Places:
    return Places(Database(city, SETTINGS["city"], clock), Database(asn, SETTINGS["asn"], clock))


SETTINGS = {
    "city": "OUTPOST_EVENTS__CONTEXT_PROCESSORS__GEOIP",
    "asn": "OUTPOST_EVENTS__CONTEXT_PROCESSORS__ASN",
}


def _part(found: Any, *path: str) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _geoip(found: dict[str, Any]) -> dict[str, Any]:
    """authentik's names."""
    return {
        "continent": _part(found, "continent", "code"),
        "country": _part(found, "country", "iso_code"),
        "lat": _part(found, "location", "latitude"),
        "long": _part(found, "location", "longitude"),
        "city": _part(found, "city", "names", "en"),
    }


def _asn(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "asn": found.get("autonomous_system_number"),
        "as_org": found.get("autonomous_system_organization"),
    }
