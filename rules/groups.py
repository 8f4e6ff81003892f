"""Membership through parents: a member of a child group is a member of every ancestor.

Groups form a directed graph without cycles; an edge leads from a group to each of its parents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


def ancestors(start: Iterable[str], parents: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """The groups in ``start`` and all their ancestors. ``parents`` gives the direct parents of one group.

    A cycle, which the store refuses, would still end here.
    """
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        group = waiting.pop()
        if group not in found:
            found.add(group)
            waiting.extend(parents(group))
    return frozenset(found)


def makes_cycle(group: str, new_parents: Iterable[str], parents: Callable[[str], Iterable[str]]) -> bool:
    """Would ``group`` become its own ancestor with these parents?"""
    return group in ancestors(new_parents, parents)
