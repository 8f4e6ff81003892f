"""Who is in which groups, as it is held of a view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rules.groups import ancestors

NONE = frozenset[str]()

Direct = frozenset[str]
"""pks of somebody's own groups."""


class Known(NamedTuple):
    """Of somebody who is in the view."""

    direct: Direct
    secrets: frozenset[str]
    """`View.secrets_of`"""


Parents = Mapping[str, Sequence[str]]


def moves(before: Mapping[int, Known], after: Mapping[int, Known]) -> dict[str, list[int]]:
    """By group: who is in it after, and was not before."""
    found: dict[str, list[int]] = {}
    for user, known in after.items():
        for group in known.direct - (before[user].direct if user in before else NONE):
            found.setdefault(group, []).append(user)
    return found


def secrets_of_groups(alike: Iterable[Known], parents: Parents) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for known in alike:
        for group in closure(known.direct, parents) if known.secrets else ():
            found[group] = found.get(group, NONE) | known.secrets
    return found


def closure(groups: Iterable[str], parents: Parents) -> frozenset[str]:
    """These and all their ancestors."""
    return ancestors(groups, lambda pk: parents.get(pk, ()))


def below(groups: Iterable[str], parents: Parents) -> frozenset[str]:
    """These and all their descendants."""
    children: dict[str, list[str]] = {}
    for group, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(group)
    return ancestors(groups, lambda pk: children.get(pk, ()))
