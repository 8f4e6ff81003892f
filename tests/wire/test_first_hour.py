"""README's first hour, run as it is printed, against `outpost up`; and with the embedded outpost's doors elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.readme import README, TREE, Example, examples, missing_lines
from tests.wire.apart import Apart
from tests.wire.program import EMBEDDED, SECRET_KEY, Program

pytestmark = pytest.mark.peer

PRINTED_PLACES = {"ldap": "localhost:3389", "radius": "127.0.0.1:1812", "http": "localhost:9000"}
SECONDS = 100


SHAPES: dict[str, Callable[[Path], Program]] = {
    "all-in-one": lambda folder: Program(folder, "up"),
    "apart": lambda folder: Apart(folder, EMBEDDED),
}


@pytest.fixture(scope="module", params=SHAPES)
def hour(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    running = SHAPES[request.param](tmp_path_factory.mktemp("hour")).start()
    try:
        yield running
    finally:
        assert running.stop() == 0, running.output()


def printed_by(example: Example, program: Program) -> str:
    """What the commands print, with the ports that are really open, in the repository as README has it."""
    commands = example.commands
    for listener, place in PRINTED_PLACES.items():
        commands = commands.replace(place, program.ports[listener][0])
    commands = commands.replace(".venv/bin/outpost", f"{sys.executable} -m outpost")
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=TREE,
        env=_environment(program),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout + done.stderr


def _environment(program: Program) -> dict[str, str]:
    """That of the second terminal."""
    folder = str(program.control.folder)
    return {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "OUTPOST_DATA_DIR": f"{folder}/data",
        "OUTPOST_SECRET_KEY": SECRET_KEY,
    }


def test_every_command_prints_what_is_shown(hour: Program) -> None:
    for example in examples(README.read_text()):
        output = printed_by(example, hour)
        assert missing_lines(example.lines, output) == [], f"{example.commands}\nprinted:\n{output}\n{hour.output()}"
    again = printed_by(examples(README.read_text())[0], hour)
    assert again == "nothing to change\n"


def test_carol_is_told_why_in_the_log(hour: Program) -> None:
    for example in examples(README.read_text()):
        printed_by(example, hour)
    assert "Bind the user or one of their groups" in hour.output()
