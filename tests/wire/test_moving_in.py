"""docs/moving-in.md, run as it is printed beside `outpost up`; then people come in with what they brought along."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme import TREE, examples, missing_lines
from tests.wire.clients import run
from tests.wire.program import Program, until
from tests.wire.test_operations import printed_by

pytestmark = pytest.mark.peer

EXAMPLES = examples((TREE / "docs" / "moving-in.md").read_text())
DIRECTORY = """
providers: {moved: {kind: ldap, base_dn: "dc=moved"}}
applications: {moved: {provider: moved, bindings: [{group: newcomers}]}}
outposts: {embedded: {providers: [moved]}}
"""


def test_every_command_prints_what_is_shown_and_the_old_password_is_good(tmp_path: Path) -> None:
    program = Program(tmp_path, "up").start()
    try:
        for example in EXAMPLES:
            output = printed_by(example, program)
            assert missing_lines(example.lines, output) == [], f"{example.commands}\nprinted:\n{output}"
        (program.folder / "moved.yml").write_text(DIRECTORY)
        applied = program.command("apply", "moved.yml")
        assert applied.returncode == 0, applied.stderr

        def bind(password: str) -> int:
            who = ("-D", "cn=erin,ou=users,dc=moved", "-w", password)
            return run("ldapwhoami", "-x", "-H", program.ldap, *who).code

        until(lambda: bind("fargle") == 0 or None, 30, "erin's old password being good")
        assert bind("fargle2") == 49
    finally:
        assert program.stop() == 0, program.output()
