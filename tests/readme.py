"""README.md as data: its commands and what they are said to print."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parent.parent
README = TREE / "README.md"

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A block of shell commands, and the lines that its output has, in this order, among others."""

    commands: str
    lines: tuple[str, ...]


def examples(text: str) -> list[Example]:
    """Every ``sh`` block with the ``text`` block behind it."""
    blocks: list[tuple[str, str]] = _FENCED.findall(text)
    found = []
    for index, (language, content) in enumerate(blocks):
        if language == "sh":
            following, lines = blocks[index + 1] if index + 1 < len(blocks) else ("", "")
            assert following == "text", f"no output is shown for:\n{content}"
            found.append(Example(content, tuple(lines.splitlines())))
    return found


def missing_lines(expected: tuple[str, ...], output: str) -> list[str]:
    """The expected lines that the output lacks, where they are looked for one after the other.

    A line is found in a line that contains it, so that an example may leave out what differs from run to run.
    """
    printed = iter(output.splitlines())
    return [line for line in expected if not any(line in candidate for candidate in printed)]
