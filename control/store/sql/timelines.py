"""Of servers that may be written: which one has the newest history?

A standby that is promoted begins another timeline of the same system. A former primary that comes back by itself is on
its old one: it holds what was before, and what it is given is lost. So a process uses no server whose timeline is older
than one that it has seen of that system.

It remembers for as long as it runs. Whoever puts files of before in the database's place on purpose starts the program
after that, and it takes what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

import psycopg

SYSTEM = "SELECT system_identifier FROM pg_control_system()"
SEGMENT = "SELECT pg_walfile_name(pg_current_wal_lsn())"
"""The name of the file that is written to begins with the timeline, eight hexadecimal digits."""
TIMELINE = slice(0, 8)
FORMER = (
    "it is a former primary: another server has taken its place since. Keep it down, or, if what it holds is what you "
    "want, start this program again"
)

Connection = psycopg.Connection[Any]
Connect = Callable[[Sequence[str]], Connection]
"""To the first of these hosts that may be written. Raises psycopg.Error."""


@dataclass(frozen=True, slots=True)
class Timeline:
    system: int
    number: int


class Timelines:
    """Those that one store's connections have seen, in any thread."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}
        self._has_looked = False
        self._lock = Lock()

    def connected(self, connect: Connect, hosts: Sequence[str]) -> tuple[Connection, Timeline | None]:
        """Raises psycopg.Error, also when all that answer are former primaries."""
        if len(hosts) > 1 and not self._has_looked:
            self._look(connect, hosts)
        left = list(hosts)
        while left:
            try:
                connection = connect(left)
            except psycopg.Error as error:
                if len(left) == len(hosts):
                    raise
                raise psycopg.OperationalError(FORMER) from error
            seen = timeline(connection)
            if self.is_newest(seen):
                return connection, seen
            host = connection.info.host
            connection.close()
            left = [one for one in left if one != host] if host in left else []
        raise psycopg.OperationalError(FORMER)

    def is_newest(self, seen: Timeline | None) -> bool:
        """None, which is told of servers that do not say, is as good as any."""
        if seen is None:
            return True
        with self._lock:
            newest = max(seen.number, self._newest.get(seen.system, 0))
            self._newest[seen.system] = newest
            return seen.number == newest

    def _look(self, connect: Connect, hosts: Sequence[str]) -> None:
        """At each of several, once: the first that answers may be the former primary."""
        self._has_looked = True
        for host in hosts:
            with suppress(psycopg.Error), connect([host]) as connection:
                self.is_newest(timeline(connection))


def timeline(connection: Connection) -> Timeline | None:
    """Which the server writes to; None if it does not say, as some that only speak PostgreSQL's protocol."""
    before, connection.autocommit = connection.autocommit, True
    try:
        (system,) = connection.execute(SYSTEM).fetchone() or (0,)
        (segment,) = connection.execute(SEGMENT).fetchone() or ("",)
        return Timeline(int(system), int(segment[TIMELINE], 16))
    except (psycopg.Error, ValueError, TypeError):
        return None
    finally:
        with suppress(psycopg.Error):
            connection.autocommit = before
