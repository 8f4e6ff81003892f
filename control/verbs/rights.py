"""Who holds every right: members of a superuser group, directly or through a parent (DESIGN D12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from control.records import Group
from control.store.interface import Query, Transaction
from rules.groups import ancestors


def superusers(tx: Transaction, users: Sequence[int]) -> frozenset[int]:
    """Those among ``users`` who are superusers."""
    direct = tx.groups_of(users)
    above = _upwards(tx, {pk for groups in direct.values() for pk in groups})
    return frozenset(user for user, groups in direct.items() if any(g.is_superuser for g in _inside(groups, above)))


def is_superuser(tx: Transaction, user: int) -> bool:
    return user in superusers(tx, [user])


def closure(tx: Transaction, user: int) -> list[Group]:
    """The groups the user is in, directly or through a parent, by name."""
    direct = tx.groups_of([user]).get(user, [])
    return sorted(_inside(direct, _upwards(tx, direct)), key=lambda group: group.name)


def every_superuser(tx: Transaction) -> frozenset[int]:
    """Down from the superuser groups: all their descendants' members."""
    children: dict[str, list[str]] = {}
    ruling: list[str] = []
    for group in tx.select(Group):
        if group.is_superuser:
            ruling.append(group.pk)
        for parent in group.parents:
            children.setdefault(parent, []).append(group.pk)
    members = tx.members_of(sorted(ancestors(ruling, lambda pk: children.get(pk, ()))))
    return frozenset(user for users in members.values() for user in users)


def _upwards(tx: Transaction, start: Iterable[str]) -> dict[str, Group]:
    """The groups in ``start`` and all their ancestors: one query for each generation, however many groups there are."""
    found: dict[str, Group] = {}
    wanted = set(start)
    while wanted:
        generation = tx.select(Group, Query(within={"pk": sorted(wanted)}))
        found.update((group.pk, group) for group in generation)
        wanted = {parent for group in generation for parent in group.parents} - found.keys()
    return found


def _inside(direct: Iterable[str], above: Mapping[str, Group]) -> list[Group]:
    inside = ancestors(direct, lambda pk: above[pk].parents if pk in above else ())
    return [above[pk] for pk in inside if pk in above]
