"""What administrative commands do: they open the store directly and work beside a running ``outpost up``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from control.app import Control, open_store
from control.apply import ApplyError, apply_description, read_file
from control.bootstrap import is_new
from control.config import CannotStart, ControlConfig
from control.passwords import Passwords
from control.store.interface import Unavailable
from settings import Settings


class CommandFailed(Exception):
    """``lines`` are sentences for the operator."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def apply_file(settings: Settings, file: Path, environ: Mapping[str, str]) -> list[str]:
    """Makes the store what the file describes; what changed, a line each.

    Raises CommandFailed, and then nothing has changed.
    """
    try:
        return asyncio.run(_apply_file(ControlConfig.from_settings(settings), file, environ))
    except CannotStart as error:
        raise CommandFailed([str(error)]) from None
    except ApplyError as error:
        raise CommandFailed(error.lines) from None
    except Unavailable as error:
        raise CommandFailed([f"{error}."]) from None


async def _apply_file(config: ControlConfig, file: Path, environ: Mapping[str, str]) -> list[str]:
    description = read_file(file, environ)
    store = open_store(config)
    passwords = Passwords()
    try:
        # Only for a new store: the first start of a running program must not be repeated, it would end the setup code.
        if await store.read(is_new):
            (await Control.open(config)).close()
        return await apply_description(store, passwords, os.urandom, description)
    finally:
        passwords.close()
        store.close()
