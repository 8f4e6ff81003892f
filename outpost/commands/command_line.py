"""What a command is, and the parser of the command line that a table of them makes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from outpost import __version__
from rules.names import printable
from settings import Settings

DONE, FAILED, WRONG_SETTINGS = 0, 1, 2
DEFAULT_FILE = Path("outpost.yml")

Arguments = argparse.Namespace


def _no_options(parser: argparse.ArgumentParser) -> None:
    """Most commands have none."""


@dataclass(frozen=True, slots=True)
class Command:
    run: Callable[[Settings, Arguments], int]
    summary: str
    file: bool = False
    options: Callable[[argparse.ArgumentParser], None] = _no_options
    needs_settings: bool = True
    wrong_settings: int = WRONG_SETTINGS
    """The exit code then."""


def parser_of(named: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outpost",
        description="LDAP, RADIUS and forward-auth for your users and groups, from one program.",
        epilog=f"Settings come from {DEFAULT_FILE} and from OUTPOST_* variables (AUTHENTIK_* ones are accepted). "
        "Exit codes: 0 done, 1 failed, 2 wrong settings or command line.",
    )
    parser.add_argument("-c", "--config", type=Path, help=f"settings file (default: {DEFAULT_FILE}, if it exists)")
    parser.add_argument("--version", action="version", version=__version__, help="print the version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in named.items():
        sub = commands.add_parser(
            name, help=command.summary, description=f"{command.summary[0].upper()}{command.summary[1:]}."
        )
        if command.file:
            sub.add_argument("file", type=Path, metavar="FILE", help="a file, or a folder of them")
        command.options(sub)
    return parser


def say(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line), flush=True)


def complain(lines: Iterable[str]) -> None:
    for line in lines:
        print(f"outpost: {printable(line)}", file=sys.stderr)
