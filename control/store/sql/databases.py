"""Which database an address names."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from control.store.sql.dialect import Dialect


def open_dialect(url: str, readers: int) -> Dialect:
    """Raises ValueError for a database that is neither SQLite nor PostgreSQL. Each loads its driver only when asked."""
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            from control.store.sql.sqlite import Sqlite

            return Sqlite(parsed, readers)
        case "postgresql":
            from control.store.sql.postgresql import Postgresql

            return Postgresql(parsed.set(drivername="postgresql+psycopg"), readers)
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use sqlite:///... or postgresql://...")
