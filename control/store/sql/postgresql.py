"""PostgreSQL through psycopg 3: any number of processes on any number of machines, one writer at a time.

A process has 1 connection that writes, at most ``readers`` + 1 that read, and 1 that listens. No session state is
relied upon, so that a pooler may stand between; one that loses notifications costs promptness, and nothing else.
"""

from __future__ import annotations

import logging
import re
import select as waiting
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Engine,
    NullPool,
    Text,
    any_,
    bindparam,
    collate,
    create_engine,
    func,
    select,
    text,
)
from sqlalchemy import event as events
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from control.store.interface import AccessDenied, Unavailable
from control.store.sql import schema_copy
from control.store.sql.dialect import ESCAPE, Dialect, Look, like_pattern, newest_revision
from control.store.sql.schema import head
from control.store.sql.timelines import FORMER, Timelines

CREATION_LOCK = 0x6F757470
"""Names the advisory lock under which programs that start together make or upgrade the tables one after another."""
CHANNEL = "outpost_revision"
POLL_EVERY = 2.0
"""Seconds after which a change is noticed whose notification was lost."""
HEED_CLOSING = 0.2
"""Seconds until a listener that waits sees that it shall end."""

STATEMENT_TIMEOUT = "30s"
"""A statement that takes longer is given up, so that no caller hangs; the largest snapshot takes a few seconds. It
covers waiting for another process that writes, too."""
IDLE_TIMEOUT = "60s"
"""A process that was stopped or cut off in the middle of a transaction holds the others back no longer than this."""
SESSION = f"SET statement_timeout = '{STATEMENT_TIMEOUT}'; SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'"

CONNECTING: dict[str, object] = {
    "application_name": "outpost",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "target_session_attrs": "read-write",
    "prepare_threshold": None,
}
"""A server that vanished without a word is noticed within half a minute; of several, the one that may be written is
taken. Prepared statements are session state."""

TIMELINE = "timeline"
"""Of the server of a connection, among what its pool knows of it."""
TOLD = 300
"""Characters of the server's words that are repeated."""
DENIED = re.compile(
    r"(?i)authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not permitted to log in"
    r"|permission denied|certificate|does not support SSL|private key"
)
"""In why a connection was refused: waiting would not help. libpq passes on no code here, only words; those of a server
that speaks another language are waited on, and shown."""
FULL = re.compile(r"(?i)too many (clients|connections)|connection slots are reserved|no more connections allowed")
"""In why a connection was refused: it will be given when others have left."""
MORE = "raise max_connections there, or put PgBouncer before it"
DEAF = "%s does not let us listen (%s): changes made elsewhere are looked for every 2 seconds"
DENYING = (errors.InsufficientPrivilege, errors.InvalidSchemaName)

log = logging.getLogger(__name__)


class Postgresql(Dialect):
    """One writer at a time here too: whoever holds the head row. Verbs may therefore check and then act."""

    def __init__(self, url: URL, readers: int) -> None:
        self._place = _place(url)
        self._deaf = False
        seen = Timelines()
        self.writing = _engine(url, seen, pool_size=1, max_overflow=0, pool_pre_ping=True)
        self.reading = _engine(
            url,
            seen,
            pool_size=readers + 1,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
        events.listen(self.writing, "handle_error", _leave_what_became_read_only)
        self._listening = _engine(url, seen, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def lock(self, connection: Connection) -> None:
        connection.execute(select(head.c.number).with_for_update())

    def lock_everything(self, connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # an upgrade of many rows takes as long as it takes
        connection.execute(select(func.pg_advisory_xact_lock(CREATION_LOCK)))

    def keep_copy(self, connection: Connection, schema: str) -> str:
        """In another schema of the same database, which stays if the upgrade does: the former program starts on it."""
        try:
            return f"the schema {schema_copy.make(connection, schema)}"
        except AccessDenied as error:
            said = f"{self._place} refuses us a schema for a copy before the upgrade: {_first_words(error.__cause__)}"
            raise AccessDenied(f"{said} (GRANT CREATE ON DATABASE ... TO ...)") from error

    def within(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column == any_(bindparam(name, type_=ARRAY(column.type)))

    def listed(self, values: Sequence[Any]) -> Any:
        return list(values)

    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        return column.ilike(like_pattern(text), escape=ESCAPE)

    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return collate(column, "C") if isinstance(column.type, Text) else column

    def tell(self, connection: Connection, revision: int) -> None:
        connection.execute(select(func.pg_notify(CHANNEL, str(revision))))

    def news(self, closing: Event) -> Iterator[Look]:
        """A notification only wakes: what is told is what the head row says, whoever else uses the channel."""
        heard: list[psycopg.Notify] = []
        with self._listening.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.add_notify_handler(heard.append)
            self._listen(connection)
            readable = waiting.poll()
            readable.register(driver.fileno(), waiting.POLLIN)
            while not closing.is_set():
                heard.clear()
                yield lambda: newest_revision(connection)  # what arrives beside the answer goes to `heard` as well
                waited = 0.0
                while not heard and not closing.is_set() and waited < POLL_EVERY:
                    if readable.poll(HEED_CLOSING * 1000):
                        break
                    waited += HEED_CLOSING

    def _listen(self, connection: Connection) -> None:
        """Some poolers refuse it."""
        try:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            if not self._deaf:
                self._deaf = True
                log.warning(DEAF, self._place, _first_words(error.orig))

    def trouble(self, error: DBAPIError) -> Exception | None:
        said = error.orig
        if isinstance(said, DENYING) or (_while_connecting(said) and DENIED.search(str(said))):
            return AccessDenied(f"{self._place} refuses us: {_first_words(said)}")
        if _while_connecting(said) and FULL.search(str(said)):
            return Unavailable(f"{self._place} has no connection left for us: {_first_words(said)} ({MORE})")
        if error.connection_invalidated or isinstance(said, psycopg.OperationalError | errors.ReadOnlySqlTransaction):
            return Unavailable(f"{self._place} does not answer: {_first_words(said)}")
        return None

    def dispose(self) -> None:
        super().dispose()
        self._listening.dispose()


def _engine(url: URL, seen: Timelines, **how: Any) -> Engine:
    asked = {name: value for name, value in CONNECTING.items() if name not in url.query}
    engine = create_engine(url, hide_parameters=True, connect_args=asked, **how)

    events.listen(engine, "handle_error", _drop_details)

    @events.listens_for(engine, "do_connect")
    def connected(dialect: Any, record: ConnectionPoolEntry, arguments: list[Any], named: dict[str, Any]) -> Any:
        hosts = str(named.get("host", "")).split(",")

        def connect(these: Sequence[str]) -> Any:
            if len(these) == len(hosts):
                return dialect.connect(*arguments, **named)
            one_port = str(named["port"]).partition(",")[0]
            return dialect.connect(*arguments, **{**named, "host": ",".join(these), "port": one_port})

        connection, record.info[TIMELINE] = seen.connected(connect, hosts)
        return connection

    @events.listens_for(engine, "checkout")
    def used(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        """A server that another connection knows to be a former primary is left."""
        if not seen.is_newest(record.info.get(TIMELINE)):
            raise DisconnectionError(FORMER)

    @events.listens_for(engine, "connect")
    def opened(connection: Any, _record: object) -> None:
        before, connection.autocommit = connection.autocommit, True
        connection.execute(SESSION)
        connection.autocommit = before

    return engine


def _drop_details(context: ExceptionContext) -> None:
    """After the first line the server repeats values, of whole rows even."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\nDETAIL:")[0], *error.args[1:])


def _leave_what_became_read_only(context: ExceptionContext) -> None:
    """After a failover: the next connection goes to the server that may be written."""
    if isinstance(context.original_exception, errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


def _while_connecting(error: BaseException | None) -> bool:
    """Only what happens afterwards comes with a code."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def _place(url: URL) -> str:
    """The server as the operator knows it."""
    host = url.host or str(url.query.get("host", "localhost"))
    port = url.port or url.query.get("port", "")
    return f"PostgreSQL at {host}" + (f" port {port}" if port else "")


def _first_words(error: BaseException | None) -> str:
    """What the driver says, on one line; it repeats no password."""
    said = str(error).strip()
    one = said.partition("\n")[0] if not said.startswith("Multiple") else " ".join(said.split())
    return one.rpartition(" failed: ")[2][:TOLD].rstrip(".")
