"""When LDAP connections end by themselves: with the account that has bound there, or with what was shown for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.listeners.ldap_binds import Binds, Bound


class Connection(Protocol):
    @property
    def bound(self) -> Bound | None: ...

    def end_if_refused(self) -> None:
        """Is told to the peer, if it comes to that."""


class Endings:
    """``connections`` gives those that are open."""

    def __init__(self, connections: Callable[[], Iterable[Connection]], binds: Binds, directory: Directory) -> None:
        self._connections = connections
        self._binds = binds
        directory.follow(self._changed)

    def look(self) -> None:
        """Ends those whose password or certificate has ended. To be called every second."""
        for connection, bound in self._bound():
            if self._binds.is_over(bound):
                connection.end_if_refused()

    def _changed(self, snapshot: Snapshot, touched: Touched) -> None:
        """Ends those of accounts that a change has disabled or removed, at once."""
        for connection, bound in self._bound():
            if touched.everything or bound.identity.user in touched.users:
                connection.end_if_refused()

    def _bound(self) -> list[tuple[Connection, Bound]]:
        return [(one, bound) for one in self._connections() if (bound := one.bound) is not None]
