"""The times when the database cannot be used: said by each statement in the store's own words, and told in the log once
each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from control.store.interface import AccessDenied, Unavailable
from control.store.sql.dialect import Dialect

WENT_AWAY = "the database went away in the middle of a transaction"

log = logging.getLogger(__name__)


def speak_plainly(dialect: Dialect) -> None:
    """From now on a statement raises Unavailable and AccessDenied itself, in place of the driver's errors that mean it:
    verbs, and whomever they ask, need to know no driver."""

    def in_our_words(context: ExceptionContext) -> BaseException | None:
        error = context.sqlalchemy_exception
        if context.is_pre_ping or not isinstance(error, DBAPIError):  # whoever pings takes another connection
            return None
        return dialect.trouble(error)

    for engine in (dialect.reading, dialect.writing):
        event.listen(engine, "handle_error", in_our_words)


@contextmanager
def translated(dialect: Dialect) -> Iterator[None]:
    """The same for what is no statement, and for those of a connection that went away before."""
    try:
        yield
    except PendingRollbackError as error:
        raise Unavailable(WENT_AWAY) from error
    except DBAPIError as error:
        trouble = dialect.trouble(error)
        if trouble is None:
            raise
        raise trouble from error


class Outage:
    """One for all threads of a store."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._lock = Lock()
        self.lasts = False
        """The database could not be used when it was tried last."""

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Around every use of an open store. Raises Unavailable, also for AccessDenied: we were let in before."""
        try:
            with translated(self._dialect):
                yield
        except Unavailable as trouble:
            self._began(trouble)
            raise
        except AccessDenied as trouble:
            self._began(trouble)
            raise Unavailable(str(trouble)) from trouble
        self.over()

    def over(self) -> None:
        """The database was used just now."""
        if not self.lasts:
            return
        with self._lock:
            if self.lasts:
                self.lasts = False
                log.warning("the database can be used again")

    def _began(self, trouble: Exception) -> None:
        with self._lock:
            if not self.lasts:
                self.lasts = True
                log.warning("the database cannot be used, trying again until it can: %s", trouble)
