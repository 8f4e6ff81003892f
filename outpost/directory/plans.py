"""How searches of one shape are answered on one revision: only what depends on their values is left to be done.

What a filter finds is looked up as in `candidates`, and comes in the same order. What is the same for all values is
asked once, when the plan is made: the kinds of entries that an object class leaves, and attributes that no group has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from outpost.directory.candidates import (
    CERTAIN,
    GROUP_LOOKUPS,
    MAX_COMPARED,
    NOTHING,
    USERS,
    Candidates,
    candidates,
    common,
    every_one,
    joined,
    look_ups,
    no_one,
)
from outpost.directory.index import ORDINAL
from outpost.directory.reader import Entries, Reader
from outpost.directory.tree import Tree
from protocols.ldap.dn import DN
from protocols.ldap.evaluation import TakesTurns, predicate
from protocols.ldap.filter import And, Equality, Filter, GreaterOrEqual, LessOrEqual, Not, Or, Present
from protocols.ldap.schema import AttributeType
from protocols.ldap.search import DONE, SLICE_OCTETS, Entry, Selection, selection
from protocols.ldap.search_request import SearchRequest
from protocols.ldap.shapes import Shape, Values, alike, asserted, is_asserted
from protocols.ldap.shapes import shape as shape_of

MOST_FOUND = 8
"""Entries of an answer by plan: what finds more is searched for in slices."""
MOST_ASSERTED = 8
"""Values of a filter that is planned. Those of real clients have up to four."""

MOST_KEPT, MOST_ALIKE = 1000, 4
"""Lengths and beginnings of searches for which there are plans, and shapes of each. A client that searches by name has
as many as its names have lengths. A plan takes some 2 KB: 10 MB at worst."""

Found = Collection[Any] | None
"""pks; None: all."""
Find = Callable[[Values], Found]
"""Values to what they find."""


class Kind(NamedTuple):
    """Of entries that can be found."""

    find: Find
    entries: Entries
    doubtful: bool
    """Not all that is found matches."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Good for the revision of its tree, and for whoever reads all of it."""

    shape: Shape
    tree: Tree
    kinds: tuple[Kind, ...]
    selection: Selection
    most: int
    """Entries that an answer may have."""

    def answer(self, values: Values) -> list[bytes] | None:
        """What messages carry behind their message IDs; None: it has to be searched for."""
        said: list[bytes] = []
        octets = 0
        for find, entries, doubtful in self.kinds:
            found = find(values)
            if found is None or len(found) > MOST_FOUND:
                return None
            for entry in self._matching(entries(found), values) if doubtful else entries(found):
                body = entry.encoded(self.selection)
                if not isinstance(body, bytes):
                    return None
                octets += len(body)
                said.append(body)
        if len(said) > self.most or octets > SLICE_OCTETS:
            return None
        said.append(DONE)
        return said

    def _matching(self, entries: Iterable[Entry], values: Values) -> Iterator[Entry]:
        selects = predicate(self.shape.filter(values), self.tree.recognise)
        return (entry for entry in entries if selects(entry) is True)


def plan(reader: Reader, shape: Shape, base: DN) -> Plan | None:
    """None: such searches have to be searched for. Raises Refused. ``reader`` reads everything."""
    tree, request = reader.tree, shape.request
    parts = tuple(asserted(request.filter))
    if len(parts) > MOST_ASSERTED or tree.settings.samba_password_hashes:
        return None
    try:
        finding = _finding(request.filter, tree, count())
    except _Unplanned:
        return None
    reached = reader.reach(base, request.scope)
    if reached is None:
        return None
    kinds = []
    for name, entries in reached:
        find = getattr(finding, name)
        if callable(find):
            kinds.append(Kind(find, entries, name in finding.doubtful))
        elif find is None or find:
            return None
    most = min(request.size_limit or MOST_FOUND, MOST_FOUND)
    return Plan(shape, tree, tuple(kinds), selection(request.attributes, request.types_only), most)


class _Unplanned(Exception):
    """What this finds is not told by the values alone, or is too much to be kept."""


class _TooLarge(Exception):
    """What is found might not match, or takes long to be put together."""


def _finding(filter: Filter, tree: Tree, numbers: Iterator[int]) -> Candidates:
    """`candidates`, with a `Find` for what depends on values. Raises _Unplanned."""
    match filter:
        case And(parts) if parts:
            return _combined(_in_all, [_finding(part, tree, numbers) for part in parts])
        case Or(parts) if parts:
            return _combined(_in_any, [_finding(part, tree, numbers) for part in parts])
        case Equality() if is_asserted(filter):
            return _equal(filter.attribute, tree, next(numbers))
        case Equality() | Not() | GreaterOrEqual() | LessOrEqual():
            return candidates(filter, tree)
        case Present() if not tree.settings.mapped:
            return candidates(filter, tree)
    raise _Unplanned


def _combined(combine: Callable[[Sequence[Any]], Any], parts: list[Candidates]) -> Candidates:
    *kinds, doubtful = zip(*parts, strict=True)
    users, groups, virtual_groups, containers = map(combine, kinds)
    return Candidates(users, groups, virtual_groups, containers, CERTAIN.union(*doubtful))


def _in_all(parts: Sequence[Any]) -> Any:
    some = [part for part in parts if part is not None]
    if not all(some):
        return ()
    if len(some) <= 1:
        return some[0] if some else None

    def find(values: Values) -> Any:
        found, whole = common([part(values) if callable(part) else part for part in some])
        if not whole:
            raise _TooLarge
        return found

    return find


def _in_any(parts: Sequence[Any]) -> Any:
    some = [part for part in parts if part or part is None]
    if None in some or len(some) <= 1:
        return None if None in some else some[0] if some else ()

    def find(values: Values) -> Any:
        sets = [part(values) if callable(part) else part for part in some]
        if sum(len(found) for found in sets if found is not None) > MAX_COMPARED:
            raise _TooLarge
        return joined(sets)

    return find


def _equal(attribute: str, tree: Tree, number: int) -> Candidates:
    """As `candidates._equal`, for the value with this number."""
    known = tree.recognise(attribute.lower())
    if known is None or known.key == ORDINAL:
        return NOTHING
    key, normalise, by = known.key, known.rule.normalise, look_ups(known.key, tree.profile)

    def finding(look_up: Callable[[Tree, Any], Found]) -> Any:
        def find(values: Values) -> Found:
            normal = normalise(values[number])
            return () if normal is None else look_up(tree, normal)

        return look_up(tree, None) if look_up in (every_one, no_one) else find

    some_group = key in GROUP_LOOKUPS or key in tree.profile.groups or tree.indices.groups.present(key)
    return Candidates(
        finding(by.users),
        finding(by.groups) if some_group else (),
        finding(by.virtual_groups),
        () if by.containers is not None else finding(_of_containers(known, tree)),
        by.doubtful | {USERS} if tree.settings.mapped else by.doubtful,
    )


def _of_containers(known: AttributeType, tree: Tree) -> Callable[[Tree, Any], Found]:
    there = {known.rule.normalise(value) for one in tree.containers.values() for value in one.values(known.key)}
    return lambda tree, normal: _SOME if normal in there else ()


_SOME = ("containers",)
"""They are not told apart."""


Kept = tuple[Shape, Plan | None]
"""None: searches of this shape have to be searched for."""


class Plans:
    """Those of one revision."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Tree, int, bytes], tuple[Kept, ...]] = {}
        """By `shapes.alike`."""

    def answer(self, reader: Reader, content: bytes) -> list[bytes] | None:
        """As `Plan.answer`; None to whoever does not read everything."""
        if not reader.everything:
            return None
        for shape, known in self._kept.get((reader.tree, *alike(content)), ()):
            values = shape.values(content)
            if values is not None and known is not None:
                try:
                    return known.answer(values)
                except (TakesTurns, _TooLarge):
                    return None
        return None

    def learn(self, reader: Reader, content: bytes, request: SearchRequest, base: DN) -> None:
        """Makes a plan for searches like this one by whoever reads everything, unless one was tried. Raises Refused."""
        if not reader.everything:
            return
        key = (reader.tree, *alike(content))
        kept = self._kept.get(key, ())
        if any(shape.values(content) is not None for shape, _ in kept):
            return
        found = shape_of(content, request)
        if found is None:
            return
        known = plan(reader, found, base)
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (*kept[1 - MOST_ALIKE :], (found, known))
