"""Takes away, a slice at a time, what grows with every change and is needed by nobody any more.

That is old revisions with their lines of the change log, events that are older than the settings say, and RADIUS
sessions, letters and notifications whose time is over. An outpost that stands on a revision which is gone is told
everything anew (`control.outposts.link`).
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select

from control.records import (
    Event,
    FlowToken,
    KnownDevice,
    Letter,
    Notification,
    RadiusSession,
    Record,
    Setting,
    UntoldEvent,
)
from control.store.sql.schema import RECORD_TABLES, change_log, head, revision
from rules.spans import seconds

KEPT_REVISIONS = 10_000
"""An outpost that was away while fewer came follows by a delta. More than that is as much work as a snapshot."""
KEPT_LINES = 200_000
"""Of the change log, beside those of the newest revision: an import of everybody is one revision of very many."""
EXPIRING: tuple[type[Record], ...] = (Event, RadiusSession, Letter, Notification, FlowToken, KnownDevice)
RETENTION_SETTING, RETENTION = "event_retention", "days=365"
"""How long events are kept, and how long where nobody has said it."""
UNTOLD_SECONDS = 86_400.0
"""News that no rule could be asked about for so long is no news any more."""
SLICE = 1000
"""Rows of one table that are deleted together: some milliseconds, for which other writes wait."""


def prune(connection: Connection, now: float) -> bool:
    """One slice. Is there more to do?"""
    full = [_revisions(connection), _lines(connection), *(_expired(connection, kind, now) for kind in EXPIRING)]
    full += [_older(connection, Event, now - _retention(connection))]
    full += [_older(connection, UntoldEvent, now - UNTOLD_SECONDS)]
    return any(full)


def _revisions(connection: Connection) -> bool:
    """The newest one always stays: it says where the store stands."""
    newest = connection.execute(select(head.c.number)).scalar_one()
    first = connection.execute(select(func.min(revision.c.number))).scalar()
    if first is None:
        return False
    last = max(newest - KEPT_REVISIONS, min(_last_beyond_the_lines(connection), newest - 1))
    if first > last:
        return False
    connection.execute(delete(revision).where(revision.c.number <= min(last, first + SLICE - 1)))
    return bool(last >= first + SLICE)


def _last_beyond_the_lines(connection: Connection) -> int:
    """The revision of the line that is one too many; lines are numbered without gaps."""
    last = connection.execute(select(func.max(change_log.c.seq))).scalar() or 0
    found = connection.execute(select(change_log.c.revision).where(change_log.c.seq == last - KEPT_LINES)).scalar()
    return -1 if found is None else int(found)


def _lines(connection: Connection) -> bool:
    """Those of revisions that are gone; so a log that is there at all is there to its end."""
    first = connection.execute(select(func.min(revision.c.number))).scalar()
    start = connection.execute(select(func.min(change_log.c.seq))).scalar()
    if first is None or start is None:
        return False
    gone = delete(change_log).where(change_log.c.revision < first, change_log.c.seq < start + SLICE)
    return connection.execute(gone).rowcount == SLICE


def _expired(connection: Connection, kind: type[Record], now: float) -> bool:
    table = RECORD_TABLES[kind].table
    over = select(table.c.pk).where(table.c.expires <= now).order_by(table.c.expires).limit(SLICE)
    pks = list(connection.execute(over).scalars())
    if pks:
        connection.execute(delete(table).where(table.c.pk.in_(pks)))
    return len(pks) == SLICE


def _older(connection: Connection, kind: type[Record], than: float) -> bool:
    table = RECORD_TABLES[kind].table
    over = select(table.c.pk).where(table.c.created <= than).order_by(table.c.created).limit(SLICE)
    pks = list(connection.execute(over).scalars())
    if pks:
        connection.execute(delete(table).where(table.c.pk.in_(pks)))
    return len(pks) == SLICE


def _retention(connection: Connection) -> float:
    """Seconds."""
    table = RECORD_TABLES[Setting].table
    value = connection.execute(select(table.c.value).where(table.c.pk == RETENTION_SETTING)).scalar()
    return seconds(value if isinstance(value, str) else RETENTION)
