"""The times when the database cannot be used: translated for callers, and told in the log once each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy.exc import DBAPIError

from control.store.interface import AccessDenied, Unavailable
from control.store.sql.dialect import Dialect

log = logging.getLogger(__name__)


@contextmanager
def translated(dialect: Dialect) -> Iterator[None]:
    """Raises Unavailable and AccessDenied in place of the driver's errors that mean it."""
    try:
        yield
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
