"""Commands that stand in the documents' text, and not in a box that a test runs: they are on the command line as they
are written, and `make` knows its targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from outpost.__main__ import COMMANDS
from outpost.commands.command_line import parser_of
from tests.readme import TREE

PAGES = sorted([TREE / "README.md", *(TREE / "docs").rglob("*.md")])
INLINE = re.compile(r"`((?:outpost|make) [^`]+)`")
INDENTED = re.compile(r"^    (?:[A-Z_]+=\S+ )*((?:outpost|make) .*)$", re.MULTILINE)
END = re.compile(r"\s(?:[|<>;&#]|\d>)")
"""Of a command, for the shell."""
SEVERAL = re.compile(r"[|\[\]*…]|\.\.\.")
"""What stands for more than one command."""
MENTIONED = ("arguments are required: ", "expected one argument")
"""Complaints about what is only named: ``outpost backup``, without its file."""
VALUES = {"SECONDS": "60", "ADDRESS": "192.0.2.7", "KIND": "ldif", "N": "3"}
"""Of placeholders that have to be something."""


def commands(page: Path) -> Iterator[str]:
    text = page.read_text()
    for found in (INLINE, INDENTED):
        for command in found.findall(text):
            one = " ".join(END.split(command)[0].split())
            if not SEVERAL.search(one):
                yield one


def test_there_are_some() -> None:
    assert sum(1 for page in PAGES for _ in commands(page)) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TREE)))
def test_they_are_what_the_command_line_takes(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complaints: list[str] = []
    targets = set(re.findall(r"^([\w-]+):", (TREE / "Makefile").read_text(), re.MULTILINE))
    for command in commands(page):
        program, *arguments = shlex.split(command)
        if program == "make":
            assert {one for one in arguments if "=" not in one} <= targets, command
            continue
        try:
            parser_of(COMMANDS).parse_args([VALUES.get(one, one) for one in arguments])
        except SystemExit as end:
            said = capsys.readouterr().err
            complaints += [] if not end.code or any(one in said for one in MENTIONED) else [f"{command}: {said}"]
    assert complaints == []
