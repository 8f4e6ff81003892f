"""Which database an address names."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url

from control.store.sql.dialect import Dialect
from control.store.sql.outage import speak_plainly


def open_dialect(url: str, readers: int) -> Dialect:
    """Raises ValueError for a database that is neither SQLite nor PostgreSQL. Each loads its driver only when asked."""
    dialect = _dialect(make_url(url), readers)
    speak_plainly(dialect)
    return dialect


def _dialect(parsed: URL, readers: int) -> Dialect:
    match parsed.get_backend_name():
        case "sqlite":
            from control.store.sql.sqlite import Sqlite

            return Sqlite(parsed, readers)
        case "postgresql":
            from control.store.sql.postgresql import Postgresql

            return Postgresql(parsed.set(drivername="postgresql+psycopg"), readers)
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use sqlite:///... or postgresql://...")
