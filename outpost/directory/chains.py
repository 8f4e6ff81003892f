"""In-chain over attributes that people add, as ``manager``: from an entry to whom it names, to whom they name, and on.

Over ``member`` and ``memberOf`` entries know the way themselves (`outpost.directory.tree.Ancestries`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from outpost.directory.entries import GroupEntry, UserEntry
from protocols.ldap.matching import DISTINGUISHED_NAME, Normal

if TYPE_CHECKING:
    from outpost.directory.tree import Tree

MOST_STEPS = 200
"""Names on the ways from one entry, beside those that it has itself: some 2 ms; what is behind is not found. No house
has so many above one person."""
MOST_REMEMBERED = 4
"""Names that are looked for at once. Of each, at most one truth is kept for each user and group: some 8 MB."""

Pk = int | str
"""Of a user or a group."""
Known = dict[tuple[str, Normal], dict[Pk, bool]]
"""Attribute and name, to whose entries lead there."""


def leads(tree: Tree, start: Pk, key: str, name: Normal) -> bool:
    """Is there a way from the entry of ``start`` to the name?"""
    known = _remembered(tree.chains, (key, name))
    if start not in known:
        seen, found = _walk(tree, known, start, key, name)
        if found:
            known[start] = True
        else:
            known.update(dict.fromkeys(seen, False))
    return known[start]


def _walk(tree: Tree, known: dict[Pk, bool], start: Pk, key: str, name: Normal) -> tuple[set[Pk], bool]:
    """Whom one comes by, and whether the way leads there: nobody of these leads there if it does not."""
    target = tree.pk_at(name)
    seen, waiting, steps = {start}, [start], 0
    while waiting:
        on_the_way = waiting.pop()
        for named in _named(tree, on_the_way, key):
            if steps == MOST_STEPS:
                return {start}, False
            steps += on_the_way != start
            pk = tree.pk_at(named)
            if named == name or (pk is not None and pk == target) or (pk is not None and known.get(pk)):
                return seen, True
            if pk is None or pk in seen or pk in known:
                continue
            seen.add(pk)
            waiting.append(pk)
    return seen, False


def _named(tree: Tree, pk: Pk, key: str) -> Iterator[Normal]:
    snapshot = tree.snapshot
    user = snapshot.users.get(pk) if isinstance(pk, int) else None
    entry = GroupEntry(tree, snapshot.groups[str(pk)]) if user is None else UserEntry(tree, user)
    normals = map(DISTINGUISHED_NAME.normalise, entry.values(key))
    return (normal for normal in normals if normal is not None)


def _remembered(chains: Known, asked: tuple[str, Normal]) -> dict[Pk, bool]:
    known = chains.get(asked)
    if known is None:
        if len(chains) >= MOST_REMEMBERED:
            chains.clear()
        known = chains[asked] = {}
    return known
