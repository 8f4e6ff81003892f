"""Names of headers that somebody's attributes add (`protocols.proxy.injected.ADDITIONAL`), wherever in the directory;
control tells us those of people whom we do not know.

Whoever has none of a name is told so with an empty header of it: nothing that a visitor sends under that name gets
through as if it were theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from outpost.directory.snapshot import Directory, Snapshot, Touched
from protocols.proxy.injected import added_names

MAX_NAMES = 100
"""Empty headers in every answer; nobody has so many of their own."""


class AddedHeaders:
    """``names`` only grow until a whole new snapshot comes: one that nobody has any more does no harm."""

    def __init__(self, directory: Directory) -> None:
        self.names: tuple[str, ...] = ()
        self.too_many = False
        """More than `MAX_NAMES`, of which some are not among ``names``."""
        directory.follow(self._followed)

    def _followed(self, snapshot: Snapshot, touched: Touched) -> None:
        if touched.everything:
            self.names, self.too_many = (), False
        of_each = map(added_names, _attributes(snapshot, touched))
        others = snapshot.outpost.added_headers if snapshot.outpost is not None else ()
        found = {name.lower(): name for names in (others, *of_each) for name in names}
        for name in self.names:
            found.pop(name.lower(), None)
        if found:
            every = (*self.names, *sorted(found.values()))
            self.names, self.too_many = every[:MAX_NAMES], self.too_many or len(every) > MAX_NAMES


def _attributes(snapshot: Snapshot, touched: Touched) -> Iterator[dict[str, Any]]:
    users, groups = snapshot.users, snapshot.groups
    for user in users.values() if touched.everything else _of(users, touched.users):
        if user.attributes:
            yield user.attributes
        for said in user.mapped.values():
            if isinstance(attributes := said.get("attributes"), dict):
                yield attributes
    for group in groups.values() if touched.everything else _of(groups, touched.groups):
        if group.attributes:
            yield group.attributes


def _of(records: Any, pks: Iterable[Any]) -> Iterator[Any]:
    return (record for record in map(records.get, pks) if record is not None)
