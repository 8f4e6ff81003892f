"""What the two databases say differently. `control.store.sql.databases` opens one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from control.store.sql.schema import head

ESCAPE = "\\"
Look = Callable[[], int]
"""Reads, when it is called, what the newest revision is."""


class Dialect(ABC):
    """One database: ``reading`` and ``writing`` are separate engines, so that a reader cannot write.

    Neither prints the values in its statements, also not when one fails: some of them are secrets.
    """

    reading: Engine
    writing: Engine

    @abstractmethod
    def lock(self, connection: Connection) -> None:
        """Holds back every other writer, of this process and others, until the transaction ends."""

    @abstractmethod
    def lock_everything(self, connection: Connection) -> None:
        """As `lock`, while the tables may not exist yet."""

    @abstractmethod
    def keep_copy(self, connection: Connection, schema: str) -> str:
        """Before tables of this schema are upgraded: where all is kept as it was. Raises Unavailable, AccessDenied."""

    @abstractmethod
    def within(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """The column has one of the values of the parameter ``name``; any number of them is one parameter."""

    @abstractmethod
    def listed(self, values: Sequence[Any]) -> Any:
        """Those values, as that parameter takes them."""

    @abstractmethod
    def contains(self, column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
        """The column contains the text, ignoring case."""

    @abstractmethod
    def ordered(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column as a sort key; text sorts by code point in every database."""

    @abstractmethod
    def tell(self, connection: Connection, revision: int) -> None:
        """Wakes the followers of other processes, if and when the transaction commits."""

    @abstractmethod
    def news(self, closing: Event) -> Iterator[Look]:
        """A look at the newest revision, now and whenever another connection may have made one; ends soon after
        ``closing``."""

    @abstractmethod
    def trouble(self, error: DBAPIError) -> Exception | None:
        """Unavailable or AccessDenied, where that is what the error means; None: it is a fault of ours."""

    def dispose(self) -> None:
        self.reading.dispose()
        self.writing.dispose()


def newest_revision(connection: Connection) -> int:
    return int(connection.execute(select(head.c.number)).scalar_one())


def like_pattern(text: str) -> str:
    for special in (ESCAPE, "%", "_"):
        text = text.replace(special, ESCAPE + special)
    return f"%{text}%"
