"""Where control keeps its records: an interface, and one implementation on SQLAlchemy Core."""
