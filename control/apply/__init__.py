"""``outpost plan`` and ``outpost apply``: the store becomes what readable files describe, in one transaction or not at
all. ``outpost export`` writes such a file (`control.apply.export`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from control.apply.changes import Change
from control.apply.description import ApplyError, Description, called, read_description, read_descriptions
from control.apply.reconcile import reconcile
from control.passwords.hashing import Passwords, is_hash
from control.passwords.new import new_hash
from control.records import User
from control.store.interface import Actor, Query, Store, Transaction
from control.verbs.fields import Invalid

__all__ = ["ApplyError", "Change", "Description", "apply_description", "plan_description", "read", "read_description"]

ENDINGS = (".yml", ".yaml")
MOST_FILES = 1000
"""In one folder."""

Random = Callable[[int], bytes]
Prepare = Callable[[Transaction], object]


class _Planned(Exception):
    """Ends the transaction, so that nothing of it stays."""

    def __init__(self, changes: list[Change]) -> None:
        super().__init__()
        self.changes = changes


def read(path: Path, environ: Mapping[str, str]) -> Description:
    """A file, or all YAML files of a folder, which say together what one could say. Raises ApplyError."""
    if not called(path):
        raise ApplyError([f"{path}: has no name by which to know again what belongs to it; use another folder"])
    if not path.is_dir():
        return read_description(_text(path), path, environ)
    files = sorted(file for file in path.iterdir() if file.suffix in ENDINGS and not file.name.startswith("."))
    if not files or len(files) > MOST_FILES:
        raise ApplyError([f"{path}: holds {len(files)} files that end in .yml or .yaml; 1 to {MOST_FILES} can be read"])
    return read_descriptions([(file, _text(file)) for file in files], path, environ)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ApplyError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ApplyError([f"{path}: is not UTF-8 text"]) from None


async def apply_description(
    store: Store, passwords: Passwords, random: Random, description: Description
) -> list[Change]:
    """What it changed. Raises ApplyError, and then nothing has changed.

    Applying the same description again changes nothing. Passwords are hashed before the transaction begins, so that
    a long file does not hold up everybody else's writes.
    """
    hashes = await _hashes(store, passwords, description)
    return await store.write(lambda tx: reconcile(tx, description, hashes, random), _actor(description))


async def plan_description(
    store: Store,
    passwords: Passwords,
    random: Random,
    description: Description,
    prepare: Prepare = lambda tx: None,
) -> list[Change]:
    """What it would change: it is done, and taken back. ``prepare`` comes before, and is taken back, too. Raises
    ApplyError."""
    hashes = await _hashes(store, passwords, description)

    def verb(tx: Transaction) -> None:
        prepare(tx)
        raise _Planned(reconcile(tx, description, hashes, random))

    try:
        await store.write(verb, _actor(description))
    except _Planned as planned:
        return planned.changes
    raise AssertionError("a plan ends by taking everything back")


def _actor(description: Description) -> Actor:
    return Actor({"username": description.mark})


async def _hashes(store: Store, passwords: Passwords, description: Description) -> dict[str, str]:
    """Username to the password hash that is to be stored, for whom it is to change. Raises ApplyError."""
    wanted, made_elsewhere = description.passwords, description.password_hashes
    query = Query(within={"username": sorted({*wanted, *made_elsewhere})})
    users = {user.username: user for user in await store.read(lambda tx: tx.select(User, query))}
    hashes: dict[str, str] = {}
    faults: list[str] = []
    for username, (password, initial, place) in wanted.items():
        user = users.get(username)
        if user is not None and (initial or passwords.verify_now(user.password, password).ok):
            continue
        try:
            pk = user.pk if user is not None else 0
            hashes[username] = await new_hash(store, passwords, pk, password, name=username)
        except ValueError as error:
            faults.append(description.fault(place, str(error)))
        except Invalid as error:
            faults += [description.fault(place, sentence) for found in error.fields.values() for sentence in found]
    for username, (stored, place) in made_elsewhere.items():
        if not is_hash(stored):
            faults.append(description.fault(place, "is no hash of a kind that can be verified here"))
        elif username not in users:
            hashes.setdefault(username, stored)
    if faults:
        raise ApplyError(faults)
    return hashes
