"""Two controls that share a database, and an outpost that knows both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.wire.apart import Edge
from tests.wire.directory import Directory
from tests.wire.doors import open_to_people
from tests.wire.program import Program

START_SECONDS = 90.0
"""Also on a machine that others use, too; usually a tenth of that."""


class Several:
    def __init__(self, controls: list[Program], edge: Edge) -> None:
        self.controls = controls
        self.edge = edge
        self.people: Directory = open_to_people(edge)


@contextmanager
def several(folder: Path, database: Mapping[str, str], **environ: str) -> Iterator[Several]:
    """``database`` is the controls' settings, ``environ`` the outpost's. At the end all stop as they should, and none
    has left a traceback."""
    programs = [Program(folder / name, "control", **database) for name in ("first", "second")]
    controls = list(programs)
    try:
        for program in controls:
            program.start_seconds = START_SECONDS
        with ThreadPoolExecutor(len(controls)) as pool:
            list(pool.map(Program.start, controls))
        edge = Edge(folder / "run", controls[0], **environ)
        edge.environ["OUTPOST_HOST"] = ",".join(program.http for program in controls)
        edge.start_seconds = START_SECONDS
        programs.append(edge)
        edge.start()
        controls[0].api("PATCH", "admin/settings/", {"base_url": controls[0].http})
        yield Several(controls, edge)
    finally:
        codes = [program.stop() for program in reversed(programs)]
    said = "\n".join(program.output() for program in programs)
    assert codes == [0] * len(programs), said
    assert "Traceback" not in said, said
