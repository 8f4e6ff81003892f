"""A copy of all tables in another schema of a PostgreSQL, before they are upgraded.

The tables are made as the version made them whose they are, indices included, and filled. Whoever wants that version
back starts it with the copy as its schema (``OUTPOST_POSTGRESQL__DEFAULT_SCHEMA``).
"""

from __future__ import annotations

from itertools import chain, count

from sqlalchemy import Column, Connection, MetaData, Table, func, insert, inspect, select, text
from sqlalchemy.schema import CreateSchema

from control.store.sql.schema import alembic_version

NAMED = "outpost_schema_{}"


def make(connection: Connection, version: str) -> str:
    """Its name. The transaction decides whether it stays. Raises Unavailable, AccessDenied."""
    from control.store.migrations import upgrade

    present = str(connection.scalar(select(func.current_schema())))
    path = connection.scalar(text("SHOW search_path"))
    name = _free(connection, version)
    connection.execute(CreateSchema(name))
    _look_in(connection, f'"{name}"')
    upgrade.to(connection, version)
    made = MetaData()
    made.reflect(connection, schema=name)
    _look_in(connection, str(path))
    for table in made.sorted_tables:
        if table.name != alembic_version.name:
            columns = [Column(one.name, one.type) for one in table.columns]
            former = Table(table.name, MetaData(), *columns, schema=present)
            connection.execute(insert(table).from_select(list(former.c), select(former)))
    return name


def _free(connection: Connection, version: str) -> str:
    """One of an upgrade before, which was taken back, stays."""
    taken = set(inspect(connection).get_schema_names())
    wanted = NAMED.format(version)
    return next(name for name in chain([wanted], (f"{wanted}_{n}" for n in count(2))) if name not in taken)


def _look_in(connection: Connection, path: str) -> None:
    connection.execute(select(func.set_config("search_path", path, True)))
