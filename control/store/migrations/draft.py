"""``python -m control.store.migrations.draft``: what is between the newest migration and `control.store.sql.schema`.

Prints the body of the next migration. With ``--whole`` it prints that of a first one, for an empty database.
"""

from __future__ import annotations

import sys

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from control.store.migrations.upgrade import to_newest
from control.store.sql.schema import metadata


def draft(whole: bool) -> str:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        if not whole:
            to_newest(connection)
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata, "render_as_batch": True})
        steps = produce_migrations(context, metadata).upgrade_ops
        text = "" if steps is None else str(render_python_code(steps, render_as_batch=True))
    engine.dispose()
    return text


if __name__ == "__main__":
    sys.stdout.write(draft("--whole" in sys.argv) + "\n")
