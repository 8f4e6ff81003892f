"""Whom a provider shows, where that is not everybody: who may use its application, or who is in certain groups.

Whoever is not shown does not exist there: not as a base, not in an answer, not as a member, not to a filter.
"""

from __future__ import annotations

from collections.abc import Callable

from outpost.directory.snapshot import Snapshot
from protocols.link.messages import LdapSettings, ProviderRecord
from rules import bindings

Groups = Callable[[int], frozenset[str]]
"""From the pk of a user to every group that they are in, also by groups inside groups."""


class ShownPeople:
    """Of one provider at one revision."""

    def __init__(self, provider: ProviderRecord, settings: LdapSettings, snapshot: Snapshot, groups_of: Groups) -> None:
        self._provider = provider
        self._only_admitted = settings.show_only_admitted
        self._only_groups = frozenset(settings.show_only_groups)
        self._snapshot = snapshot
        self._groups_of = groups_of
        self._known: dict[int, bool] = {}
        self._members: dict[str, frozenset[int]] = {}

    def shows(self, user: int) -> bool:
        known = self._known.get(user)
        if known is None:
            known = self._known[user] = self._decide(user)
        return known

    def members(self, group: str) -> frozenset[int]:
        """Direct ones."""
        known = self._members.get(group)
        if known is None:
            members = self._snapshot.members.get(group, frozenset())
            known = self._members[group] = frozenset(filter(self.shows, members))
        return known

    def _decide(self, user: int) -> bool:
        groups = self._groups_of(user)
        if self._only_groups and groups.isdisjoint(self._only_groups):
            return False
        if not self._only_admitted:
            return True
        provider = self._provider
        return bindings.verdict(provider.policy_engine_mode, provider.bindings, user, groups) is not False


def shown_people(
    provider: ProviderRecord, settings: LdapSettings, snapshot: Snapshot, groups_of: Groups
) -> ShownPeople | None:
    """None: everybody."""
    if not settings.show_only_admitted and not settings.show_only_groups:
        return None
    return ShownPeople(provider, settings, snapshot, groups_of)
