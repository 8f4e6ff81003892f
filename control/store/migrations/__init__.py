"""Schema changes, in order. Loaded only when a store is older than the program: Alembic takes long to import."""
