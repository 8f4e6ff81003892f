"""``outpost apply FILE``: creates and changes what a readable file describes, in one transaction, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from control.apply.description import ApplyError, Description, read_description
from control.apply.reconcile import reconcile
from control.new_passwords import new_hash
from control.passwords import Passwords, is_hash
from control.records import User
from control.store.interface import Actor, Query, Store
from control.verbs.fields import Invalid

__all__ = ["ApplyError", "Description", "apply_description", "read_description", "read_file"]


def read_file(path: Path, environ: Mapping[str, str]) -> Description:
    """Raises ApplyError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ApplyError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ApplyError([f"{path}: is not UTF-8 text"]) from None
    return read_description(text, path, environ)


async def apply_description(
    store: Store, passwords: Passwords, random: Callable[[int], bytes], description: Description
) -> list[str]:
    """What it changed, a line each. Raises ApplyError, and then nothing has changed.

    Applying the same description again changes nothing. Passwords are hashed before the transaction begins, so that
    a long file does not hold up everybody else's writes.
    """
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
    actor = Actor({"username": description.mark})
    return await store.write(lambda tx: reconcile(tx, description, hashes, random), actor)
