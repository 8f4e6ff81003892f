"""The capability to search one tree: all of it, or one's own entry, groups and the containers.

What a reader may not read does not exist for it: not as a base, not in an answer, not to a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from outpost.directory.candidates import CONTAINERS, EVERYTHING, KINDS, Candidates, candidates
from outpost.directory.entries import GroupEntry, LoneUserEntry, TellingUserEntry, UserEntry, VirtualGroupEntry
from outpost.directory.tree import BASE, LEAF_OF, Node, Tree
from protocols.ldap.controlled import matching
from protocols.ldap.dn import DN
from protocols.ldap.evaluation import predicate
from protocols.ldap.filter import Filter
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import AttributeType
from protocols.ldap.search import Entry, Slice, candidates_a_slice, results
from protocols.ldap.search_request import Scope, SearchRequest

Entries = Callable[[Collection[Any] | None], Iterable[Entry]]
"""From pks of one kind; None: from all."""


@dataclass(frozen=True, slots=True)
class Reader:
    tree: Tree
    user: int
    """pk of the one who reads."""
    everything: bool
    by_policies: bool = False
    """Users and groups alone do not let them in."""
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
        return matching(self._under(node, scope, possible), selects, candidates_a_slice(request.filter))

    def entry_at(self, name: DN) -> Entry:
        """Raises Refused."""
        node = self._visible(name)
        if node is None:
            raise Refused(ResultCode.NO_SUCH_OBJECT, "", self._matched_dn(name))
        return self.tree.containers[node.kind] if node.pk is None else next(self._alone(node))

    def _place(self, base: DN, scope: Scope) -> tuple[Node, Scope]:
        # The empty name stands for all that we hold: Proxmox and others search from there.
        if not base.key:
            return BASE, Scope.BASE if scope in (Scope.BASE, Scope.ONE) else Scope.SUB
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

    def reach(self, base: DN, scope: Scope) -> list[tuple[str, Entries]] | None:
        """The fields of `Candidates` that count at and under ``base``, in the order of answers, and how pks become
        entries there. None: it is a leaf. Raises Refused."""
        node, scope = self._place(base, scope)
        if node.pk is not None:
            return None
        containers = list(self._containers(node, scope))
        below = _leaves_under(node, scope)
        leaves = [(kind, self._leaves(leaf)) for kind, leaf in zip(KINDS, LEAVES, strict=False) if leaf in below]
        return [(CONTAINERS, lambda found: containers), *leaves]

    def _under(self, node: Node, scope: Scope, possible: Candidates) -> Iterator[Entry]:
        if node.pk is not None:
            return self._alone(node) if scope in (Scope.BASE, Scope.SUB) else iter(())
        found: list[Iterable[Entry]] = [self._containers(node, scope)] if possible.containers is None else []
        below = _leaves_under(node, scope)
        of_kinds = zip(LEAVES, possible, strict=False)
        found += [self._leaves(leaf)(pks) for leaf, pks in of_kinds if leaf in below and (pks is None or pks)]
        return chain.from_iterable(found)

    def _alone(self, node: Node) -> Iterator[Entry]:
        snapshot = self.tree.snapshot
        there: Mapping[Any, Any] = snapshot.groups if node.kind == "group" else snapshot.users
        yield self._entry(node.kind)(there[node.pk])

    def _containers(self, node: Node, scope: Scope) -> Iterator[Entry]:
        containers = self.tree.containers
        if scope in (Scope.BASE, Scope.SUB):
            yield containers[node.kind]
        if node.kind == "base" and scope is not Scope.BASE:
            yield from (container for kind, container in containers.items() if kind != "base")

    def _leaves(self, kind: str) -> Entries:
        """Of those that are found the ones that there are, and that this reader may read."""
        snapshot, shown, entry = self.tree.snapshot, self.tree.shown, self._entry(kind)
        there: Mapping[Any, Any] = snapshot.groups if kind == "group" else snapshot.users
        own = None if self.everything else self._own(kind)

        def leaves(found: Collection[Any] | None) -> Iterator[Entry]:
            if own is not None:
                found = own
            records: Iterable[Any] = there.values() if found is None else filter(None, map(there.get, found))
            if shown is not None and kind != "group":
                records = (record for record in records if shown.shows(record.pk))
            return map(entry, records)

        return leaves

    def _entry(self, kind: str) -> Callable[[Any], Entry]:
        """From a record."""
        if kind == "user" and self.now is not None:
            return partial(TellingUserEntry, self.tree, now=self.now)
        if kind == "user":
            return partial(UserEntry if self.everything else LoneUserEntry, self.tree)
        if kind == "group":
            return partial(GroupEntry, self.tree, only=None if self.everything else self.user)
        return partial(VirtualGroupEntry, self.tree)


LEAVES = ("user", "group", "virtual-group")
"""Kinds of leaves, in the order of their `Candidates`."""


def _leaves_under(node: Node, scope: Scope) -> tuple[str, ...]:
    if node.kind == "base":
        return LEAVES if scope in (Scope.SUB, Scope.CHILDREN) else ()
    return () if scope is Scope.BASE or node.kind not in LEAF_OF else (LEAF_OF[node.kind],)
