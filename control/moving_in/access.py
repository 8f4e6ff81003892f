"""What lets an import into a program that is asked itself. No secret of it is ever an argument of a command."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from types import MappingProxyType

from control.moving_in.found import CannotRead


def _silence(line: str) -> None:
    """Nobody listens."""


def at_terminal() -> Callable[[str], str] | None:
    """Whom to ask for a secret; None: nobody is there."""
    return getpass if sys.stdin.isatty() else None


@dataclass(frozen=True, slots=True)
class Access:
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    name: str = ""
    """Who asks; empty: nobody in particular, or whoever the secret belongs to."""
    authority: Path | None = None
    """PEM of who has to have issued the program's certificate; None: whom this machine trusts."""
    without_tls: bool = False
    prompt: Callable[[str], str] | None = None
    """As of `at_terminal`."""
    tell: Callable[[str], None] = _silence
    """Hears how far the reading is."""

    def secret(self, variable: str, what: str) -> str:
        """Of the variable, else as it is typed. Raises CannotRead if there is none."""
        given = self.environ.get(variable, "")
        if not given and self.prompt is not None:
            given = self.prompt(f"{what[0].upper()}{what[1:]}: ")
        if not given:
            raise CannotRead(f"put {what} into {variable}, or call this from a terminal")
        return given

    def authorities(self) -> str:
        """PEM; empty: whom this machine trusts. Raises CannotRead."""
        if self.authority is None:
            return ""
        try:
            text = self.authority.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotRead(f"the authority in {self.authority} cannot be read: {error}") from None
        try:
            ssl.create_default_context(cadata=text)
        except (OSError, ValueError):
            raise CannotRead(f"{self.authority} holds no certificate in PEM") from None
        return text
