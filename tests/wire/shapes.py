"""The two shapes that the tests of this folder run on: one `outpost up`, and `outpost run` beside `outpost control`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import geography
from tests.control.store.postgresql import Server
from tests.wire.apart import Apart
from tests.wire.program import ANYWHERE, Program

SHAPES: dict[str, Callable[..., Program]] = {
    "all-in-one": lambda folder, clock, **environ: Program(folder, "up", **clock, **environ),
    "apart": lambda folder, clock, **environ: Apart(folder, clock=clock, **environ),
}
ON_POSTGRESQL = "apart"
"""The shape whose control has its store there; the other's is a file of SQLite."""
WORLD: dict[str, dict[str, Any]] = {
    "127.0.0.0/25": {"country": {"iso_code": "DE"}, "location": {"latitude": 52.52, "longitude": 13.40}},
    "127.0.0.128/25": {"country": {"iso_code": "NZ"}, "location": {"latitude": -36.85, "longitude": 174.76}},
}
"""Where addresses lie: tests come from Berlin, and Auckland is as far away as places are."""


@contextmanager
def running(request: pytest.FixtureRequest, folder: Path, clock: Mapping[str, str] | None = None) -> Iterator[Program]:
    """The shape that the fixture's parameter names; ``clock`` is the environment of its time of day."""
    database: dict[str, str] = {}
    if request.param == ON_POSTGRESQL:
        server: Server = request.getfixturevalue("postgresql_server")
        server.new_database(folder.name)
        database = server.settings(folder.name)
    world = {"OUTPOST_EVENTS__CONTEXT_PROCESSORS__GEOIP": str(geography.write(folder / "world.mmdb", WORLD))}
    program = SHAPES[request.param](folder, clock or {}, **ANYWHERE, **database, **world).start()
    try:
        yield program
    finally:
        code = program.stop()
    assert code == 0, program.output()
    assert "Traceback" not in program.output(), program.output()
