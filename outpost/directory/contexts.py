"""The naming contexts that this outpost serves: one tree per LDAP provider, always of the newest revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from outpost.directory.bodies import Bodies
from outpost.directory.memory import Memory, remember
from outpost.directory.reader import Reader
from outpost.directory.snapshot import Directory, Snapshot, Touched
from outpost.directory.tree import Tree
from outpost.outcome import Identity
from protocols.ldap import dn
from protocols.ldap.dn import DN
from protocols.link.messages import LdapSettings, ProviderRecord
from rules import bindings, validity

NOBODY = 0
"""No user has this pk."""
LOOKED_AT = 1000
"""Users of one change whose names are compared; of more, some name is taken to be another."""


class NamingContexts:
    """Follows a `Directory`. Whoever holds a `Tree` or a `Reader` keeps the revision that they began with."""

    def __init__(self, directory: Directory, grown: Callable[[int], object] = bool) -> None:
        self.problems: dict[int, str] = {}
        """pk of an LDAP provider that cannot be served, and why."""
        self._trees: dict[int, Tree] = {}
        self._snapshot = Snapshot()
        self._bodies = Bodies(grown=grown)
        self.memory = Memory()
        """Of the newest revision."""
        directory.follow(self._follow)

    def tree(self, provider: int) -> Tree | None:
        return self._trees.get(provider)

    def tree_at(self, name: DN) -> Tree | None:
        """The tree that ``name`` lies in: the longest base DN wins."""
        within = [tree for tree in self._trees.values() if dn.is_under(name, tree.base)]
        return max(within, key=lambda tree: len(tree.base.key), default=None)

    def place(self, text: str) -> tuple[DN, Tree | None]:
        """The name, and the tree that it lies in. Raises ValueError if it is no DN."""
        known = self.memory.places.get(text)
        if known is None:
            name = dn.parse(text)
            known = (name, self.tree_at(name))
            if len(text) <= dn.CACHED_LENGTH:
                remember(self.memory.places, text, known)
        return known

    def login(self, text: str) -> tuple[Tree, str] | None:
        """Through which provider a bind with this name logs in, and the user name. Raises ValueError if it is no DN."""
        known = self.memory.logins.get(text)
        if known is not None:
            return known
        try:
            name = dn.parse(text)
        except ValueError:
            known = self._alias(text, self._asked_for)
            if known is None:
                raise
            return known  # not remembered: what it stands for may be another's tomorrow
        tree = self.tree_at(name)
        username = None if tree is None else tree.login_name(name)
        if tree is None or username is None:
            return None
        known = (tree, username)
        return remember(self.memory.logins, text, known) if len(text) <= dn.CACHED_LENGTH else known

    def active_directory(self) -> bool:
        """Does any provider show itself as Active Directory?"""
        return any(tree.settings.active_directory for tree in self._trees.values())

    def host_name(self) -> str:
        """By which clients of such a provider should know us; "": none of them says."""
        shown = [self._trees[pk].settings for pk in sorted(self._trees)]
        return next((one.tls_server_name for one in shown if one.active_directory and one.tls_server_name), "")

    def giving_hashes(self) -> frozenset[int]:
        """pks of providers that show password hashes."""
        return frozenset(pk for pk, tree in self._trees.items() if tree.settings.samba_password_hashes)

    def of_certificates(self) -> Tree | None:
        """The provider that takes client certificates from whoever names none; the one with the lowest pk."""
        taking = [pk for pk, tree in self._trees.items() if tree.settings.client_certificates]
        return self._trees[min(taking)] if taking else None

    def plain_login(self, name: str) -> tuple[Tree, str] | None:
        """As `login`, for the name of a SASL bind: ``dn:`` and a DN, or a login name in any form."""
        if name[:3].lower() == "dn:":
            return self.login(name[3:])
        alone = name[2:] if name[:2].lower() == "u:" else name
        return self._alias(alone, lambda settings, form: True)

    def _alias(self, text: str, served: Callable[[LdapSettings, str], bool]) -> tuple[Tree, str] | None:
        """Whose name it is that is no DN; the provider with the lowest pk that takes its form."""
        domain, backslash, alone = text.partition("\\")
        local, at, suffix = text.rpartition("@")
        nobodys = None
        for pk in sorted(self._trees):
            tree = self._trees[pk]
            if backslash:
                if served(tree.settings, "domain") and domain.casefold() == tree.short_domain.casefold():
                    return tree, alone
                continue
            if at and served(tree.settings, "mail"):
                if tree.user_named(text) is not None:
                    return tree, text  # whoever has it for a mailbox is somebody else
                found = tree.users_with_mail(text)
                if len(found) == 1:
                    return tree, tree.snapshot.users[found[0]].username
                if tree.domain and suffix.casefold() == tree.domain:
                    return tree, local
                nobodys = nobodys or (tree, text)  # asked about like any other, so that no answer tells whose it is
            if served(tree.settings, "name"):
                return tree, text
        return nobodys

    @staticmethod
    def _asked_for(settings: LdapSettings, form: str) -> bool:
        return bool(getattr(settings, f"bind_by_{form}"))

    def base_dns(self) -> list[str]:
        """In the order of provider pks."""
        return [self._trees[pk].base_dn for pk in sorted(self._trees)]

    def of_anybody(self) -> Tree | None:
        """The provider that is read without a bind by whoever names no base; the one with the lowest pk."""
        return next((self._trees[pk] for pk in sorted(self._trees) if self._trees[pk].settings.anonymous_search), None)

    def readable_by_anybody(self, tree: Tree) -> Reader | None:
        """Without a bind, where the provider allows that."""
        return Reader(tree.public, NOBODY, everything=True) if tree.settings.anonymous_search else None

    def policies_decide(self, user: int, provider: int) -> bool:
        """Do users and groups alone not say whether this user may in?"""
        tree = self._trees.get(provider)
        if tree is None or not tree.has_policies:
            return False
        return _admitted(tree.provider, user, tree.ancestry(user).groups) is None

    def readable_by(self, identity: Identity, provider: int, now: float, by_policies: bool = False) -> Reader | None:
        """What this identity may read now. None: nothing, for they are gone, disabled, expired or no longer admitted.
        ``by_policies``: these were asked at the bind, and let them in.

        Asked for each search, so that rights follow the revision, and validity the clock, on open connections.
        """
        tree = self._trees.get(provider)
        if tree is None:
            return None
        user = tree.snapshot.users.get(identity.user)
        if user is None or user.uuid != identity.uuid or validity.refusal(user, now) is not None:
            return None
        readers, key = self.memory.readers, (provider, user.pk)
        reader = readers[key] if key in readers else remember(readers, key, _reader(tree, user.pk))
        return None if reader is not None and reader.by_policies and not by_policies else reader

    def name_of(self, identity: Identity, provider: int) -> str | None:
        """The user name that somebody who has bound has now; None: they are gone."""
        tree = self._trees.get(provider)
        user = None if tree is None else tree.snapshot.users.get(identity.user)
        return None if user is None or user.uuid != identity.uuid else user.username

    def _follow(self, snapshot: Snapshot, touched: Touched) -> None:
        old = self._snapshot
        regrouped = touched.everything or any(
            old.groups.get(pk) is not snapshot.groups.get(pk) for pk in touched.groups
        )
        renamed = (
            touched.everything
            or len(touched.users) > LOOKED_AT
            or any(_name(old, pk) != _name(snapshot, pk) for pk in touched.users)
        )
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
        self._snapshot, self._trees, self.memory = snapshot, trees, Memory()


def _name(snapshot: Snapshot, user: int) -> str | None:
    record = snapshot.users.get(user)
    return None if record is None else record.username


def _ldap_providers(snapshot: Snapshot) -> Iterator[tuple[ProviderRecord, LdapSettings]]:
    for provider in snapshot.providers.values():
        if isinstance(provider.settings, LdapSettings):
            yield provider, provider.settings


def _reader(tree: Tree, user: int) -> Reader | None:
    ancestry = tree.ancestry(user)
    admitted = _admitted(tree.provider, user, ancestry.groups)
    everything = ancestry.superuser or _searches_everything(tree, ancestry.groups)
    if admitted is False:
        return None
    return Reader(tree if everything else tree.public, user, everything, by_policies=admitted is None)


def _searches_everything(tree: Tree, groups: frozenset[str]) -> bool:
    """Does one of these groups hold a role with ``search_full_directory`` for this provider?"""
    giving, known = tree.provider.full_search_roles, tree.snapshot.groups
    return bool(giving) and any(role in giving for pk in groups if pk in known for role in known[pk].roles)


def _admitted(provider: ProviderRecord, user: int, groups: frozenset[str]) -> bool | None:
    """What users and groups alone decide is checked here again; None: policies do, at control, at each bind."""
    return bindings.verdict(provider.policy_engine_mode, provider.bindings, user, groups)
