"""Runs the migrations inside a transaction that is already open."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from control.store.sql.schema import metadata

FOLDER = Path(__file__).parent


def known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in _scripts().walk_revisions())


def newest() -> str:
    head = _scripts().get_current_head()
    if head is None:
        raise LookupError(f"no migrations in {FOLDER}")
    return head


def to_newest(connection: Connection) -> None:
    """From whatever the store has, nothing included, to the newest schema."""
    to(connection, "head")


def to(connection: Connection, revision: str) -> None:
    """From whatever older schema the store has, nothing included, to this one."""
    scripts = _scripts()

    def steps(current: object, _context: object) -> object:
        return scripts._upgrade_revs(revision, current)  # type: ignore[arg-type]  # the way Alembic's own command goes

    environment = EnvironmentContext(Config(), scripts, fn=steps, destination_rev=revision)
    environment.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    environment.run_migrations()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(FOLDER))
