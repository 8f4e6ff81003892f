"""What administrative commands do with files: `outpost plan`, `apply`, `import` and `export`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from control.app import Control, open_passwords, open_store
from control.apply import ApplyError, Change, apply_description, plan_description, read
from control.apply.changes import shown, told
from control.apply.export import export, state
from control.apply.text import as_text
from control.bootstrap import FirstStart, bootstrap, is_new
from control.certificates import generated
from control.commands import CommandFailed, in_force, run
from control.config import ControlConfig
from control.moving_in import ASKED, Access, CannotRead, Coming, Import, ask_foreign, read_foreign
from control.passwords.hashing import Passwords
from control.store.interface import Store, Transaction
from settings import Settings

T = TypeVar("T")


def apply_files(settings: Settings, path: Path, environ: Mapping[str, str]) -> list[str]:
    """Makes the store what the file, or the folder, describes; what changed, a line each.

    Raises CommandFailed, and then nothing has changed.
    """
    return _described(settings, lambda config: _apply(config, path, environ))


def plan_files(settings: Settings, path: Path, environ: Mapping[str, str], coloured: bool) -> tuple[bool, list[str]]:
    """Would `apply_files` change anything, and what, for people. Raises CommandFailed."""
    changes = _described(settings, lambda config: _plan(config, path, environ))
    return bool(changes), shown(changes, coloured)


def import_file(
    settings: Settings,
    kind: str,
    place: str,
    adopts: bool,
    progress: Callable[[str], None] | None,
    access: Access | None = None,
) -> Iterator[str]:
    """Takes over what another program kept in a file, or tells at its address; what changed and what was left, a line
    each. Without ``progress`` it says what would change. Raises CommandFailed."""
    try:
        if kind in ASKED:
            coming = asyncio.run(ask_foreign(kind, place, access or Access(), adopts))
        else:
            coming = read_foreign(kind, Path(place), adopts)
    except CannotRead as error:
        raise CommandFailed([str(error)]) from None
    yield from _described(settings, lambda config: _import(config, coming, progress))
    yield from (f"{place}: {line}" for line in coming.found.told())


def export_text(settings: Settings, everything: bool) -> str:
    """A file for `apply_files`: of everything, or of what such files own. Raises CommandFailed."""
    return run(settings, lambda config: _export(config, everything))


def _described(settings: Settings, work: Callable[[ControlConfig], Coroutine[Any, Any, T]]) -> T:
    """Raises CommandFailed."""
    try:
        return run(settings, work)
    except ApplyError as error:
        raise CommandFailed(error.lines) from None


@contextmanager
def _opened(config: ControlConfig) -> Iterator[tuple[Store, Passwords]]:
    store, passwords = open_store(config), open_passwords(config, os.urandom)
    try:
        yield store, passwords
    finally:
        passwords.close()
        store.close()


async def _begun(config: ControlConfig, store: Store) -> None:
    """Only for a new store: the first start of a running program must not be repeated, it would end the setup code."""
    if await store.read(is_new):
        (await Control.open(config)).close()


async def _apply(config: ControlConfig, path: Path, environ: Mapping[str, str]) -> list[str]:
    description = read(path, environ)
    with _opened(config) as (store, passwords):
        await _begun(config, store)
        lines = told(await apply_description(store, passwords, os.urandom, description))
        return lines + await in_force(store, asyncio.sleep)


async def _plan(config: ControlConfig, path: Path, environ: Mapping[str, str]) -> list[Change]:
    description = read(path, environ)
    with _opened(config) as (store, passwords):
        prepare = _begin if await store.read(is_new) else _nothing
        return await plan_description(store, passwords, os.urandom, description, prepare)


async def _import(config: ControlConfig, source: Coming, progress: Callable[[str], None] | None) -> list[str]:
    """``progress``: None only tries it out."""
    with _opened(config) as (store, passwords):
        work = Import(store, passwords, os.urandom, source)
        if progress is None:
            return shown(await work.try_out(_begin if await store.read(is_new) else _nothing), False)
        await _begun(config, store)
        return told(await work.run(progress)) + await in_force(store, asyncio.sleep)


async def _export(config: ControlConfig, everything: bool) -> str:
    with TemporaryDirectory() as folder:
        empty = open_store(replace(config, database=f"sqlite:///{folder}/empty.sqlite3"))
        try:
            await empty.write(_begin)
            fresh = await empty.read(state)
        finally:
            empty.close()
    store = open_store(config)
    try:
        exported = await store.read(lambda tx: export(tx, fresh, everything))
    finally:
        store.close()
    return as_text(exported, f"outpost export {'--all' if everything else '--owned'}")


def _begin(tx: Transaction) -> None:
    """What a first start makes."""
    pairs = generated.make(generated.wanting(tx, tx.now), tx.now, os.urandom)
    bootstrap(tx, FirstStart(), None, pairs, os.urandom)


def _nothing(tx: Transaction) -> None:
    """The first start has been."""
