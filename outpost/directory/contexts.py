"""The naming contexts that this outpost serves: one tree per LDAP provider, always of the newest revision."""

from __future__ import annotations

from collections.abc import Iterator

from outpost.directory.bodies import Bodies
from outpost.directory.reader import Reader
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.directory.tree import Tree
from outpost.outcome import Identity
from protocols.ldap import dn
from protocols.ldap.dn import DN
from protocols.link.messages import LdapSettings, ProviderRecord
from rules import bindings, validity


class NamingContexts:
    """Follows a `Directory`. Whoever holds a `Tree` or a `Reader` keeps the revision that they began with."""

    def __init__(self, directory: Directory) -> None:
        self.problems: dict[int, str] = {}
        """pk of an LDAP provider that cannot be served, and why."""
        self._trees: dict[int, Tree] = {}
        self._snapshot = Snapshot()
        self._bodies = Bodies()
        directory.follow(self._follow)

    def tree(self, provider: int) -> Tree | None:
        return self._trees.get(provider)

    def tree_at(self, name: DN) -> Tree | None:
        """The tree that ``name`` lies in: the longest base DN wins."""
        within = [tree for tree in self._trees.values() if dn.is_under(name, tree.base)]
        return max(within, key=lambda tree: len(tree.base.key), default=None)

    def base_dns(self) -> list[str]:
        """In the order of provider pks."""
        return [self._trees[pk].settings.base_dn for pk in sorted(self._trees)]

    def readable_by(self, identity: Identity, provider: int, now: float) -> Reader | None:
        """What this identity may read now. None: nothing, for they are gone, disabled, expired or no longer admitted.

        Asked anew for each search, so that rights follow the revision on open connections.
        """
        tree = self._trees.get(provider)
        if tree is None:
            return None
        user = tree.snapshot.users.get(identity.user)
        if user is None or user.uuid != identity.uuid or validity.refusal(user, now) is not None:
            return None
        ancestry = tree.ancestry(user.pk)
        if not _admitted(tree.provider, user.pk, ancestry.groups):
            return None
        return Reader(tree, user.pk, everything=ancestry.superuser)

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        old = self._snapshot
        regrouped = touched.everything or any(
            old.groups.get(pk) is not snapshot.groups.get(pk) for pk in touched.groups
        )
        renamed = touched.everything or any(_name(old, pk) != _name(snapshot, pk) for pk in touched.users)
        trees: dict[int, Tree] = {}
        self.problems = {}
        for provider, settings in _ldap_providers(snapshot):
            before = self._trees.get(provider.pk)
            if before is not None and before.provider != provider:
                before = None
            if before is not None:
                provider = before.provider  # the same object, by which encoded entries know that they are current
            try:
                trees[provider.pk] = Tree(
                    provider,
                    settings,
                    snapshot,
                    snapshot.indices,
                    self._bodies,
                    before.ancestries if before is not None and not regrouped else None,
                    before.names if before is not None and not renamed else None,
                )
            except ValueError as error:
                self.problems[provider.pk] = str(error)
        self._snapshot, self._trees = snapshot, trees


def _name(snapshot: Snapshot, user: int) -> str | None:
    record = snapshot.users.get(user)
    return None if record is None else record.username


def _ldap_providers(snapshot: Snapshot) -> Iterator[tuple[ProviderRecord, LdapSettings]]:
    for provider in snapshot.providers.values():
        if isinstance(provider.settings, LdapSettings):
            yield provider, provider.settings


def _admitted(provider: ProviderRecord, user: int, groups: frozenset[str]) -> bool:
    """Policies are judged at control, at each bind; what users and groups alone decide is checked here again."""
    if any(binding.policy is not None and binding.enabled for binding in provider.bindings):
        return True
    return bindings.admits(provider.policy_engine_mode, provider.bindings, user, groups)
