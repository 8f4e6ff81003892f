"""The capability to search one tree: all of it, or one's own entry, groups and the containers.

What a reader may not read does not exist for it: not as a base, not in an answer, not to a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from outpost.directory.candidates import EVERYTHING, candidates
from outpost.directory.entries import GroupEntry, UserEntry, VirtualGroupEntry
from outpost.directory.tree import BASE, LEAF_OF, Node, Tree
from protocols.ldap.dn import DN
from protocols.ldap.filter import Filter
from protocols.ldap.messages import Scope, SearchRequest
from protocols.ldap.result import Refused, ResultCode
from protocols.ldap.schema import AttributeType
from protocols.ldap.search import Entry


@dataclass(frozen=True, slots=True)
class Reader:
    tree: Tree
    user: int
    """pk of the one who reads."""
    everything: bool

    @property
    def recognise(self) -> Callable[[str], AttributeType | None]:
        return self.tree.recognise

    def search(self, request: SearchRequest, base: DN) -> Iterator[Entry]:
        """Candidates at and under ``base``, all of this tree's revision. Raises Refused."""
        # The empty name stands for all that we hold: Proxmox and others search from there.
        node = self._visible(base) if base.key else BASE
        if node is None:
            raise Refused(ResultCode.NO_SUCH_OBJECT, "", self._matched_dn(base))
        return self._under(node, request.scope, request.filter)

    def _visible(self, name: DN) -> Node | None:
        node = self.tree.node_at(name)
        if node is None or self.everything or node.pk is None:
            return node
        return node if node.pk in self._own(node.kind) else None

    def _own(self, kind: str) -> Collection[Any]:
        return self.tree.ancestry(self.user).groups if kind == "group" else (self.user,)

    def _matched_dn(self, name: DN) -> str:
        """Of the nearest container above a name that is not there (RFC 4511 s4.1.9)."""
        for depth in range(1, len(name.key)):
            node = self.tree.node_at(DN(name.rdns[depth:], name.key[depth:]))
            if node is not None and node.pk is None:
                return self.tree.containers[node.kind].dn
        return ""

    def _under(self, node: Node, scope: Scope, filter: Filter) -> Iterator[Entry]:
        if node.pk is not None:
            if scope in (Scope.BASE, Scope.SUB):
                yield self._entry(node.kind, node.pk)
            return
        possible = candidates(filter, self.tree) if self.everything else EVERYTHING
        if possible.containers is None:
            yield from self._containers(node, scope)
        if node.kind != "base" and scope is not Scope.BASE:
            yield from self._leaves(LEAF_OF[node.kind], possible)
        elif scope in (Scope.SUB, Scope.CHILDREN):
            for leaf in LEAF_OF.values():
                yield from self._leaves(leaf, possible)

    def _containers(self, node: Node, scope: Scope) -> Iterator[Entry]:
        containers = self.tree.containers
        if scope in (Scope.BASE, Scope.SUB):
            yield containers[node.kind]
        if node.kind == "base" and scope is not Scope.BASE:
            yield from (containers[kind] for kind in LEAF_OF)

    def _leaves(self, kind: str, possible: Any) -> Iterator[Entry]:
        snapshot = self.tree.snapshot
        found: Collection[Any] | None = getattr(possible, POSSIBLE[kind])
        there: Mapping[Any, Any] = snapshot.groups if kind == "group" else snapshot.users
        pks: Iterable[Any] = there if found is None else found
        if not self.everything:
            pks = self._own(kind)
        for pk in pks:
            if pk in there:
                yield self._entry(kind, pk)

    def _entry(self, kind: str, pk: Any) -> Entry:
        tree = self.tree
        match kind:
            case "user":
                return UserEntry(tree, tree.snapshot.users[pk])
            case "group":
                return GroupEntry(tree, tree.snapshot.groups[pk], None if self.everything else self.user)
        return VirtualGroupEntry(tree, tree.snapshot.users[pk])


POSSIBLE = {"user": "users", "group": "groups", "virtual-group": "virtual_groups"}
"""Kind of leaf to the field of `Candidates`."""
