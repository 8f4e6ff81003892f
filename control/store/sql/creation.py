"""Opening: makes the tables of a new store, upgrades an older one, refuses a newer one and a wrong SECRET_KEY."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select

from control.store.interface import WrongSecretKey
from control.store.secrets import CannotOpen, KeyRing
from control.store.sql.dialect import Dialect
from control.store.sql.schema import SCHEMA_REVISION, alembic_version, head, meta, metadata, revision

log = logging.getLogger(__name__)

CANARY = "a bird that sings under the right key only"


class NewerStore(Exception):
    """The store was written by a newer version of this program."""


@dataclass(frozen=True, slots=True)
class Identity:
    incarnation: str
    install_id: str


def prepare(dialect: Dialect, keys: KeyRing, new_uuid: Callable[[], str], now: float) -> Identity:
    """Makes the store usable, whatever was there. Raises NewerStore, WrongSecretKey."""
    with dialect.writing.begin() as connection:
        dialect.lock_everything(connection)
        current = _schema_revision(connection)
        if current is None:
            metadata.create_all(connection)
            alembic_version.create(connection)
            connection.execute(insert(alembic_version), {"version_num": SCHEMA_REVISION})
        elif current != SCHEMA_REVISION:
            _upgrade(dialect, connection, current)
        if connection.execute(select(meta.c.name)).first() is None:
            _christen(connection, keys, new_uuid, now)
        identity = identity_of(connection, keys)
        if identity is None:
            raise WrongSecretKey("the store has lost its name")
        return identity


def _schema_revision(connection: Connection) -> str | None:
    """None: the database is empty."""
    if not inspect(connection).has_table(alembic_version.name):
        return None
    found: str | None = connection.execute(select(alembic_version.c.version_num)).scalar()
    return found


def _upgrade(dialect: Dialect, connection: Connection, current: str) -> None:
    from control.store.migrations import upgrade  # alembic takes a tenth of a second to load, and is rarely needed

    if current not in upgrade.known_revisions():
        raise NewerStore(
            f"The database has schema {current!r}, which this version does not know. Start the newer version again, "
            "or restore the backup that was made before it."
        )
    kept = dialect.keep_copy(connection, current)
    log.warning("the database is upgraded from schema %s to %s; %s is as it was", current, SCHEMA_REVISION, kept)
    upgrade.to_newest(connection)


def _christen(connection: Connection, keys: KeyRing, new_uuid: Callable[[], str], now: float) -> None:
    incarnation = new_uuid()
    chain = hashlib.sha256(incarnation.encode()).hexdigest()
    canary = keys.seal(CANARY, meta.name, "value", "canary")
    named = {"incarnation": incarnation, "install_id": new_uuid(), "canary": canary}
    connection.execute(insert(meta), [{"name": name, "value": value} for name, value in named.items()])
    connection.execute(insert(head), {"id": 1, "number": 0, "chain": chain})
    connection.execute(insert(revision), {"number": 0, "chain": chain, "created": now})


def identity_of(connection: Connection, keys: KeyRing) -> Identity | None:
    """None: the store has no name yet. Raises WrongSecretKey."""
    named = {row.name: row.value for row in connection.execute(select(meta.c.name, meta.c.value))}
    if not named:
        return None
    try:
        sings = keys.open(named["canary"], meta.name, "value", "canary") == CANARY
    except (CannotOpen, KeyError):
        sings = False
    if not sings:
        raise WrongSecretKey(
            "The store was written with another SECRET_KEY. Start with that key; "
            "without it the secrets inside cannot be read by anyone."
        )
    return Identity(named["incarnation"], named["install_id"])
