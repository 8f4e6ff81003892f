"""The store on SQLAlchemy Core: SQLite and PostgreSQL (DESIGN D4)."""

from control.store.sql.creation import NewerStore
from control.store.sql.store import SqlStore

__all__ = ["NewerStore", "SqlStore"]
