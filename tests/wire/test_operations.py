"""docs/operations.md, run as it is printed, beside `outpost up`, and after it where it says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme import TREE, Example, examples, missing_lines
from tests.wire.program import Program

pytestmark = pytest.mark.peer

SECONDS = 120
EXAMPLES = examples((TREE / "docs" / "operations.md").read_text())


def printed_by(example: Example, program: Program) -> str:
    outpost = f'outpost() {{ "{sys.executable}" -m outpost "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-ec", outpost + example.commands],
        cwd=program.folder,
        env=program.environ | {"OUTPOST_BACKUP_PASSPHRASE": "correct horse battery"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.timeout(400)
def test_every_command_prints_what_is_shown(tmp_path: Path) -> None:
    program = Program(tmp_path, "up", OUTPOST_SECRET_KEY="")
    try:
        program.start()
        applied = program.command("apply", str(TREE / "examples" / "first-hour.yml"))
        assert applied.returncode == 0, applied.stderr
        for example in EXAMPLES:
            if "restore" in example.commands:
                assert program.stop() == 0, program.output()
            output = printed_by(example, program)
            assert missing_lines(example.lines, output) == [], f"{example.commands}\nprinted:\n{output}"
        program.start_again()
        assert program.api("GET", "core/users/", query={"username": "akadmin"})["results"]
    finally:
        assert program.stop() == 0, program.output()
    assert "Traceback" not in program.output(), program.output()
