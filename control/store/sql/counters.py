"""Numbers that are never given twice: primary keys and ordinals, also after a deletion."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from control.records import Record
from control.store.sql.schema import RecordTable, counter

COUNTED = ("pk", "ordinal")


class Counters:
    """Those of one transaction: read once, written by `finish` where they grew."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stored: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def next(self, kept: RecordTable, field: str) -> int:
        name = f"{kept.table.name}.{field}"
        self._last[name] = self._of(name) + 1
        return self._last[name]

    def keep(self, kept: RecordTable, record: Record) -> None:
        """A number that the caller chose is not given again either."""
        for field in COUNTED:
            if kept.kind.DIRECTORY and field in kept.fields and kept.fields[field].python is int:
                name = f"{kept.table.name}.{field}"
                self._last[name] = max(self._of(name), getattr(record, field))

    def finish(self) -> None:
        for name, last in self._last.items():
            if last == self._stored[name]:
                continue
            self._connection.execute(update(counter).where(counter.c.name == name), {"last": last})

    def _of(self, name: str) -> int:
        if name not in self._last:
            last = self._connection.execute(select(counter.c.last).where(counter.c.name == name)).scalar()
            if last is None:
                self._connection.execute(insert(counter), {"name": name, "last": 0})
            self._last[name] = self._stored[name] = last or 0
        return self._last[name]
