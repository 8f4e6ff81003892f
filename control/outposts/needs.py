"""Whom an outpost has to know: who may use one of its applications, and whom one of its directories shows.

Everybody, where users and groups alone refuse nobody: an application without bindings, one that policies may open to
anybody, a directory that is shown whole. Nothing is read here; what a view holds is `control.outposts.narrowed`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from protocols.link.messages import (
    BindingRecord,
    LdapSettings,
    OutpostRecord,
    ProviderRecord,
    ProxySettings,
    RadiusSettings,
    Record,
)
from rules import bindings
from rules.secret_attributes import key as secret_key
from rules.secret_attributes import keys as secret_keys

MOST_WAYS = 100
"""In which an outpost's people are told by more than one binding each: each is asked of each person."""
MADE = 2
"""Goes up when records of a view are made in another way, so that no outpost goes on with the former."""

Way = frozenset[BindingRecord]
"""Who passes all of these. Of a binding there is only whom it names, and whether it is negated."""


@dataclass(frozen=True, slots=True)
class People:
    """Nobody, if nothing is said."""

    whole: bool = False
    """Everybody; the rest says nothing then."""
    users: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()
    """Whose members there are, also those of groups inside."""
    ways: frozenset[Way] = frozenset()

    def has(self, user: int, groups: frozenset[str]) -> bool:
        """``groups``: theirs, with all ancestors."""
        return (
            self.whole
            or user in self.users
            or not groups.isdisjoint(self.groups)
            or any(bindings.admits("all", way, user, groups) for way in self.ways)
        )


NOBODY, EVERYBODY = People(), People(whole=True)


@dataclass(frozen=True, slots=True)
class View(People):
    """Of a provider, or of all that an outpost serves. Equal ones hold the same records, whoever has them."""

    every_group: bool = False
    """Also those that none of these people is in: directories show them, and whoever knows everybody has them."""
    attributes: bool = False
    """Of people and groups; RADIUS looks at none."""
    headers: bool = False
    """Are the names of headers wanted that anybody's attributes add, and that are not known from these people's?
    `OutpostRecord.added_headers`."""
    mapped: frozenset[int] = frozenset()
    """pks of providers whose mappings' words are wanted."""
    passwords: frozenset[tuple[str, People]] = frozenset()
    """Attributes that are secret (`rules.secret_attributes.key`), and whose of them are wanted."""

    @property
    def follows_log(self) -> bool:
        """Does it hold everybody, and of each secret attribute all or none? What a change means for it then depends on
        that change alone, not on who was in which group."""
        return self.whole and all(whose in (NOBODY, EVERYBODY) for _, whose in self.passwords)

    def secrets_of(self, user: int, groups: frozenset[str]) -> frozenset[str]:
        """Which of somebody's secret attributes are wanted. ``groups``: theirs, with all ancestors."""
        return frozenset(name for name, whose in self.passwords if whose.has(user, groups))


WHOLE = View(whole=True, every_group=True, attributes=True)
"""Of a provider that needs everybody, where nothing is secret and nothing is mapped."""


def of_provider(provider: ProviderRecord) -> View:
    settings = provider.settings
    is_ldap, is_proxy = isinstance(settings, LdapSettings), isinstance(settings, ProxySettings)
    ways = _admitted(provider.policy_engine_mode, provider.bindings)
    if isinstance(settings, LdapSettings):
        ways = _shown(settings, ways)
    people = EVERYBODY if ways is None else _sorted_out(ways)
    mapped = isinstance(settings, LdapSettings | ProxySettings) and settings.mapped
    secret = set[tuple[str, People]]()
    if isinstance(settings, ProxySettings) and settings.basic_auth_enabled and settings.basic_auth_password_attribute:
        secret.add((secret_key(settings.basic_auth_password_attribute), people))
    view = View(
        people.whole,
        people.users,
        people.groups,
        people.ways,
        every_group=is_ldap or people.whole,
        attributes=not isinstance(settings, RadiusSettings),
        headers=is_proxy and not people.whole,
        mapped=frozenset((provider.pk,) if mapped else ()),
        passwords=frozenset(secret),
    )
    return WHOLE if view == WHOLE else view


def together(views: Iterable[View], password_attributes: Iterable[str] = ()) -> View:
    """What holds all that these hold. ``password_attributes``: of `OutpostRecord`; whatever none of these wants of them
    is nobody's."""
    every = list({id(view): view for view in views}.values())  # of ten thousand most are the whole one
    people = _united(every)
    secret: dict[str, list[People]] = {name: [] for name in secret_keys(password_attributes)}
    for view in every:
        for name, whose in view.passwords:
            secret.setdefault(name, []).append(whose)
    attributes = any(view.attributes for view in every)
    return View(
        people.whole,
        people.users,
        people.groups,
        people.ways,
        every_group=people.whole or any(view.every_group for view in every),
        attributes=attributes,
        headers=not people.whole and any(view.headers for view in every),
        mapped=frozenset[int]().union(*(view.mapped for view in every)),
        passwords=frozenset((name, _united(whose)) for name, whose in secret.items() if attributes),
    )


def of_outpost(records: Iterable[Record]) -> View:
    """By its configuration."""
    views, password_attributes = list[View](), tuple[str, ...]()
    for record in records:
        match record:
            case ProviderRecord():
                views.append(of_provider(record))
            case OutpostRecord():
                password_attributes = record.password_attributes
    return together(views, password_attributes)


def key(view: View) -> str:
    """The same for equal views in every process."""
    flags = (view.every_group, view.attributes, view.headers)
    secret = sorted((name, _written(whose)) for name, whose in view.passwords)
    said = (MADE, _written(view), flags, sorted(view.mapped), secret)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def chained(chain: str, view_key: str) -> str:
    """What an outpost knows a revision by: equal ones mean the same revision of the same view."""
    return hashlib.sha256(f"{chain} {view_key}".encode()).hexdigest() if chain else ""


def _written(people: People) -> tuple[Any, ...]:
    ways = sorted(sorted((line.user or 0, line.group or "", line.negate) for line in way) for way in people.ways)
    return people.whole, sorted(people.users), sorted(people.groups), ways


def _united(every: Iterable[People]) -> People:
    every = list(every)
    ways = frozenset[Way]().union(*(people.ways for people in every))
    if len(ways) > MOST_WAYS or any(people.whole for people in every):
        return EVERYBODY
    return People(
        users=frozenset[int]().union(*(people.users for people in every)),
        groups=frozenset[str]().union(*(people.groups for people in every)),
        ways=ways,
    )


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


def _sorted_out(ways: Iterable[Way]) -> People:
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
    return People(users=frozenset(users), groups=frozenset(groups), ways=frozenset(others))
