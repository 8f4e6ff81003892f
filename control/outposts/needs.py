"""Whom an outpost has to know: who may use one of its applications, and whom one of its directories shows.

Everybody, where users and groups alone refuse nobody: an application without bindings, one that policies may open to
anybody, a directory that is shown whole. Nothing is read here; what a view holds is `control.outposts.narrowed`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from protocols.link.messages import BindingRecord, LdapSettings, ProviderRecord, ProxySettings
from rules import bindings

MOST_WAYS = 100
"""In which an outpost's people are told by more than one binding each: each is asked of each person."""
MADE = 2
"""Goes up when records of a view are made in another way, so that no outpost goes on with the former."""

Way = frozenset[BindingRecord]
"""Who passes all of these. Of a binding there is only whom it names, and whether it is negated."""


@dataclass(frozen=True, slots=True)
class View:
    """Of a provider, or of all that an outpost serves. Equal ones hold the same records, whoever has them."""

    whole: bool = False
    """Everybody, with everything; the rest says nothing then."""
    users: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()
    """Whose members there are, also those of groups inside."""
    ways: frozenset[Way] = frozenset()
    every_group: bool = False
    """Also those that none of these people is in: directories show them."""
    attributes: bool = False
    """Of people and groups; RADIUS looks at none."""
    headers: bool = False
    """Are the names of headers wanted that anybody's attributes add? `OutpostRecord.added_headers`."""
    mapped: frozenset[int] = frozenset()
    """pks of providers whose mappings' words are wanted."""

    def has(self, user: int, groups: frozenset[str]) -> bool:
        """``groups``: theirs, with all ancestors."""
        return (
            self.whole
            or user in self.users
            or not groups.isdisjoint(self.groups)
            or any(bindings.admits("all", way, user, groups) for way in self.ways)
        )


WHOLE = View(whole=True)


def of_provider(provider: ProviderRecord) -> View:
    settings = provider.settings
    is_ldap, is_proxy = isinstance(settings, LdapSettings), isinstance(settings, ProxySettings)
    people = _admitted(provider.policy_engine_mode, provider.bindings)
    if isinstance(settings, LdapSettings):
        people = _shown(settings, people)
    if people is None:
        return WHOLE
    mapped = isinstance(settings, LdapSettings | ProxySettings) and settings.mapped
    return _sorted_out(
        people,
        View(
            every_group=is_ldap,
            attributes=is_ldap or is_proxy,
            headers=is_proxy,
            mapped=frozenset((provider.pk,) if mapped else ()),
        ),
    )


def together(views: Iterable[View]) -> View:
    """What holds all that these hold."""
    every = list[View]()
    for view in views:
        if view.whole:
            return WHOLE
        every.append(view)
    ways = frozenset[Way]().union(*(view.ways for view in every))
    if len(ways) > MOST_WAYS:
        return WHOLE
    return View(
        users=frozenset[int]().union(*(view.users for view in every)),
        groups=frozenset[str]().union(*(view.groups for view in every)),
        ways=ways,
        every_group=any(view.every_group for view in every),
        attributes=any(view.attributes for view in every),
        headers=any(view.headers for view in every),
        mapped=frozenset[int]().union(*(view.mapped for view in every)),
    )


def of_outpost(providers: Iterable[ProviderRecord]) -> View:
    """No more of them are asked for than it takes to know."""
    return together(map(of_provider, providers))


def key(view: View) -> str:
    """The same for equal views in every process; empty of the whole one."""
    if view.whole:
        return ""
    ways = sorted(sorted((line.user or 0, line.group or "", line.negate) for line in way) for way in view.ways)
    flags = (view.every_group, view.attributes, view.headers)
    said = (MADE, sorted(view.users), sorted(view.groups), ways, flags, sorted(view.mapped))
    return hashlib.sha256(repr(said).encode()).hexdigest()


def chained(chain: str, view_key: str) -> str:
    """What an outpost knows a revision by: equal ones mean the same revision of the same view. Of the whole directory
    it is the store's own."""
    return hashlib.sha256(f"{chain} {view_key}".encode()).hexdigest() if view_key and chain else chain


def _admitted(mode: str, lines: Sequence[BindingRecord]) -> frozenset[Way] | None:
    """Ways in which users and groups do not refuse somebody; None: they refuse nobody. A policy may let in anybody."""
    enabled = [line for line in lines if line.enabled]
    plain = [_plain(line) for line in enabled if line.policy is None]
    if not plain or (mode != "all" and len(plain) < len(enabled)):
        return None
    return frozenset((frozenset(plain),)) if mode == "all" else frozenset(frozenset((line,)) for line in plain)


def _shown(settings: LdapSettings, admitted: frozenset[Way] | None) -> frozenset[Way] | None:
    """Who binds is looked at, too. And where a mail address may stand for the name, whose it is has to be known, also
    of those whom control then refuses."""
    if admitted is None or settings.bind_by_mail:
        return None
    if settings.show_only_admitted:
        return admitted
    if settings.show_only_groups:
        return admitted | {frozenset((BindingRecord("", 0, group=group),)) for group in settings.show_only_groups}
    return None


def _plain(line: BindingRecord) -> BindingRecord:
    return BindingRecord("", 0, negate=line.negate, user=line.user, group=line.group)


def _sorted_out(ways: Iterable[Way], view: View) -> View:
    """Where one user or group is all there is to a way, whoever is looked for is found without asking each way."""
    users, groups, others = set[int](), set[str](), set[Way]()
    for way in ways:
        line = next(iter(way))
        if len(way) > 1 or line.negate:
            others.add(way)
        elif line.user is not None:
            users.add(line.user)
        elif line.group is not None:
            groups.add(line.group)
    return replace(view, users=frozenset(users), groups=frozenset(groups), ways=frozenset(others))
