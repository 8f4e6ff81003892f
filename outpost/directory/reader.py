"""The capability to search one tree: all of it, or one's own entry, groups and the containers.

What a reader may not read does not exist for it: not as a base, not in an answer, not to a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from outpost.directory.candidates import EVERYTHING, Candidates, candidates
from outpost.directory.entries import GroupEntry, TellingUserEntry, UserEntry, VirtualGroupEntry
from outpost.directory.tree import BASE, LEAF_OF, Node, Tree
from protocols.ldap.controlled import matching
from protocols.ldap.dn import DN
from protocols.ldap.evaluation import predicate
from protocols.ldap.filter import Filter
from protocols.ldap.messages import Scope, SearchRequest
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import AttributeType
from protocols.ldap.search import Entry, Slice, results


@dataclass(frozen=True, slots=True)
class Reader:
    tree: Tree
    user: int
    """pk of the one who reads."""
    everything: bool
    now: float | None = None
    """Over TLS, where the provider gives out hashes of network passwords: when this is read. None: none are shown."""

    @property
    def recognise(self) -> Callable[[str], AttributeType | None]:
        return self.tree.recognise

    def search(self, request: SearchRequest, base: DN) -> Iterator[Entry]:
        """Candidates at and under ``base``, all of this tree's revision. Raises Refused."""
        node, scope = self._place(base, request.scope)
        return self._under(node, scope, self._possible(request.filter))

    def answer(
        self, message_id: int, request: SearchRequest, base: DN, expired: Callable[[], bool] | None = None
    ) -> Iterator[Slice]:
        """As `protocols.ldap.search.results`; the filter is left out where the index has decided. Raises Refused."""
        node, scope = self._place(base, request.scope)
        possible = self._possible(request.filter) if node.pk is None else EVERYTHING
        found = self._under(node, scope, possible)
        return results(message_id, request, found, self.tree.recognise, possible.decided, expired)

    def matching(self, request: SearchRequest, base: DN) -> Iterator[Entry | None]:
        """The entries themselves, and None whenever others should have their turn. Raises Refused."""
        node, scope = self._place(base, request.scope)
        possible = self._possible(request.filter) if node.pk is None else EVERYTHING
        selects = None if possible.decided else predicate(request.filter, self.recognise)
        return matching(self._under(node, scope, possible), selects)

    def entry_at(self, name: DN) -> Entry:
        """Raises Refused."""
        node = self._visible(name)
        if node is None:
            raise Refused(ResultCode.NO_SUCH_OBJECT, "", self._matched_dn(name))
        return self.tree.containers[node.kind] if node.pk is None else next(self._alone(node))

    def _place(self, base: DN, scope: Scope) -> tuple[Node, Scope]:
        # The empty name stands for all that we hold: Proxmox and others search from there.
        if not base.key:
            return BASE, Scope.BASE if scope is Scope.ONE else scope
        node = self._visible(base)
        if node is None:
            raise Refused(ResultCode.NO_SUCH_OBJECT, "", self._matched_dn(base))
        return node, scope

    def _possible(self, asked: Filter) -> Candidates:
        return candidates(asked, self.tree) if self.everything else EVERYTHING

    def _visible(self, name: DN) -> Node | None:
        if name.key == self.tree.base.key:
            return BASE
        node = self.tree.node_at(name)
        if node is None or self.everything or node.pk is None:
            return node
        return node if node.pk in self._own(node.kind) else None

    def _own(self, kind: str) -> Collection[Any]:
        return self.tree.ancestry(self.user).groups if kind == "group" else (self.user,)

    def _matched_dn(self, name: DN) -> str:
        """Of the nearest entry above a name that is not there (RFC 4511 s4.1.9)."""
        for depth in range(1, len(name.key)):
            node = self._visible(DN(name.rdns[depth:], name.key[depth:]))
            if node is not None:
                return self.entry_at(DN(name.rdns[depth:], name.key[depth:])).dn
        return ""

    def _under(self, node: Node, scope: Scope, possible: Candidates) -> Iterator[Entry]:
        if node.pk is not None:
            return self._alone(node) if scope in (Scope.BASE, Scope.SUB) else iter(())
        found: list[Iterable[Entry]] = [self._containers(node, scope)] if possible.containers is None else []
        if node.kind != "base":
            if scope is not Scope.BASE and node.kind in LEAF_OF:
                found.append(self._leaves(LEAF_OF[node.kind], possible))
        elif scope is Scope.SUB or scope is Scope.CHILDREN:
            found += [self._leaves(leaf, possible) for leaf in LEAF_OF.values() if _some(leaf, possible)]
        return chain.from_iterable(found)

    def _alone(self, node: Node) -> Iterator[Entry]:
        snapshot = self.tree.snapshot
        there: Mapping[Any, Any] = snapshot.groups if node.kind == "group" else snapshot.users
        yield self._entry(node.kind, there[node.pk])

    def _containers(self, node: Node, scope: Scope) -> Iterator[Entry]:
        containers = self.tree.containers
        if scope in (Scope.BASE, Scope.SUB):
            yield containers[node.kind]
        if node.kind == "base" and scope is not Scope.BASE:
            yield from (container for kind, container in containers.items() if kind != "base")

    def _leaves(self, kind: str, possible: Candidates) -> Iterator[Entry]:
        found: Collection[Any] | None = possible[POSSIBLE[kind]]
        if not self.everything:
            found = self._own(kind)
        snapshot, shown = self.tree.snapshot, self.tree.shown
        there: Mapping[Any, Any] = snapshot.groups if kind == "group" else snapshot.users
        records: Iterable[Any] = there.values() if found is None else filter(None, map(there.get, found))
        if shown is not None and kind != "group":
            records = (record for record in records if shown.shows(record.pk))
        for record in records:
            yield self._entry(kind, record)

    def _entry(self, kind: str, record: Any) -> Entry:
        if kind == "user":
            return UserEntry(self.tree, record) if self.now is None else TellingUserEntry(self.tree, record, self.now)
        if kind == "group":
            return GroupEntry(self.tree, record, None if self.everything else self.user)
        return VirtualGroupEntry(self.tree, record)


POSSIBLE = {"user": 0, "group": 1, "virtual-group": 2}
"""Kind of leaf to the place of its candidates in `Candidates`."""


def _some(leaf: str, possible: Candidates) -> bool:
    pks: Any = possible[POSSIBLE[leaf]]
    return pks is None or len(pks) > 0
