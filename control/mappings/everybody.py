"""What mappings say of everybody, told beforehand: outposts answer LDAP searches and open sessions without asking.

For that, an expression sees the person and their groups alone, and may take few steps. What it says changes when the
person, one of their groups or the mapping does (`changed_users`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from control.expression.budget import Limits
from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.expression.faults import Fault
from control.expression.people import Facts, GroupFacts, PersonFacts
from control.mappings.answers import Broken, Mappings, joined, misdirection, provider_facts, scope_names, unfit
from control.mappings.defaults import is_untouched
from control.mappings.facts import by_application, group_facts, person_fields
from control.records import Application, Entitlement, Group, PropertyMapping, Provider, User
from control.store.interface import LoggedChange, Query, Transaction
from control.verbs import entitlements, property_mappings, secret_attributes
from control.verbs.property_mappings import ENTITLEMENTS, LDAP, SCOPE
from rules.groups import ancestors
from rules.secret_attributes import without

LIMITS = Limits(steps=2_000, size=10_000, seconds=0.1)
"""For one person; a hundred thousand of them are asked about in one go."""
MOST_FAILURES = 20
"""People that a mapping fails for, after whom it is not asked about the others."""
LARGEST = 4_096
"""Characters of what one provider's mappings say of one person, as JSON: everybody's is kept in memory."""
KINDS = {"ldap": LDAP, "proxy": SCOPE}
"""Kind of provider to the kind of its mappings that count here."""


EVERYBODYS = frozenset({"property_mapping", "entitlement"})
"""Kinds of changes after which something else may be said of anybody."""


@dataclass(frozen=True, slots=True)
class Served:
    provider: Provider
    mappings: tuple[PropertyMapping, ...]
    facts: Facts
    hidden: frozenset[str]
    """Attributes that are secret to it."""


def counting(tx: Transaction, provider: Provider) -> tuple[PropertyMapping, ...]:
    """The mappings of a provider that say more of a person than outposts know anyway."""
    wanted = KINDS.get(provider.kind)
    if wanted is None or not provider.property_mappings:
        return ()
    every = property_mappings.of(tx, provider.property_mappings)
    return tuple(mapping for mapping in every if mapping.kind == wanted and _says_more(tx, mapping))


def saying_more(tx: Transaction) -> dict[str, PropertyMapping]:
    """All that could count, by pk."""
    return {mapping.pk: mapping for mapping in tx.select(PropertyMapping) if _says_more(tx, mapping)}


def _says_more(tx: Transaction, mapping: PropertyMapping) -> bool:
    """Outposts know of no entitlements, and where there are none, nothing is to be said of them."""
    return not is_untouched(mapping) or (mapping.managed == ENTITLEMENTS and tx.count(Entitlement) > 0)


class Everybody:
    """In one transaction. ``broken`` fills as people are asked about: each mapping once."""

    def __init__(self, tx: Transaction, run: Mappings | None = None) -> None:
        self.broken: list[tuple[int, Broken]] = []
        """With the pk of the provider."""
        self.served = tuple(_served(tx))
        self._clock = (run or Mappings()).clock
        self._install_id = tx.install_id
        self._groups = {group.pk: group for group in tx.select(Group)} if self.served else {}
        self._facts = {pk: group_facts(group) for pk, group in self._groups.items()}
        self._entitlements = entitlements.everyone(tx) if self.served else entitlements.Entitlements()
        self._failures: dict[str, int] = {}

    def of(self, user: User, direct: Iterable[str]) -> dict[str, dict[str, Any]]:
        """pk of the provider, as text, to what its mappings say. ``direct``: pks of the person's own groups."""
        if not self.served:
            return {}
        own = frozenset(direct)
        every = sorted(
            (self._facts[pk] for pk in ancestors(own, self._parents) if pk in self._facts), key=lambda group: group.name
        )
        held = by_application(self._entitlements.of(user.pk, [group.pk for group in every]))
        person = replace(_person(user, self._install_id, own, every), entitlements=held)
        said = {str(one.provider.pk): self._said(one, person) for one in self.served}
        return {provider: values for provider, values in said.items() if values}

    @property
    def entitled(self) -> bool:
        """Are there entitlements?"""
        return bool(self._entitlements.lines)

    def _parents(self, pk: str) -> tuple[str, ...]:
        return self._groups[pk].parents if pk in self._groups else ()

    def _said(self, served: Served, person: PersonFacts) -> dict[str, Any]:
        said: dict[str, Any] = {}
        nested = bool(served.provider.settings.get("nested_groups"))
        asked = Asked(person.seen(nested, served.hidden), of=served.facts)
        more = scope_names(served.facts, ()) if served.provider.kind == "proxy" else {}
        for mapping in served.mappings:
            if self._failures.get(mapping.pk, 0) >= MOST_FAILURES:
                continue
            found = evaluate(mapping.expression, asked, self._clock, more, LIMITS)
            fault = found.fault or unfit(found.value, LARGEST)
            if fault is not None:
                self._failed(served.provider.pk, mapping, fault)
            elif found.value:
                said = joined(said, self._told(served, found.value))
                if (nowhere := misdirection(served.provider, found.value)) is not None:
                    self._misdirects(served.provider.pk, mapping, nowhere)
        return said if len(json.dumps(said)) <= LARGEST else {}

    def _told(self, served: Served, value: Any) -> Any:
        """LDAP has no attribute of that name, whatever a mapping says."""
        if served.provider.kind != "ldap" or not isinstance(value, dict):
            return value
        return without(value, served.hidden)

    def _misdirects(self, provider: int, mapping: PropertyMapping, fault: Fault) -> None:
        """It is asked again all the same: were it left out, people would be sent to an application not meant for
        them."""
        if not any(one.misdirects and (pk, one.mapping.pk) == (provider, mapping.pk) for pk, one in self.broken):
            self.broken.append((provider, Broken(mapping, fault, misdirects=True)))

    def _failed(self, provider: int, mapping: PropertyMapping, fault: Fault) -> None:
        if mapping.pk not in self._failures:
            self.broken.append((provider, Broken(mapping, fault)))
        self._failures[mapping.pk] = self._failures.get(mapping.pk, 0) + 1


def _served(tx: Transaction) -> Iterable[Served]:
    """In one question, where no mapping counts: every change of the directory comes by here, and there may be ten
    thousand providers."""
    every = saying_more(tx)
    if not every:
        return
    for provider in tx.select(Provider, Query(within={"kind": list(KINDS)})):
        if every.keys() & set(provider.property_mappings) and (mappings := counting(tx, provider)):
            facts = provider_facts(provider, tx.find(Application, provider=provider.pk))
            yield Served(provider, mappings, facts, secret_attributes.not_for(tx, provider))


def _person(user: User, install_id: str, own: frozenset[str], every: list[GroupFacts]) -> PersonFacts:
    direct = tuple(group for group in every if group.pk in own)
    return PersonFacts(user.pk, person_fields(user, install_id), direct, tuple(every), bool(user.password))


def changed_users(tx: Transaction, everybody: Everybody, log: Iterable[LoggedChange]) -> frozenset[int] | None:
    """Of whom something else may be said since these changes, beside the users in it; None: of everybody."""
    if not everybody.served:
        return frozenset()
    serving = {one.provider.pk for one in everybody.served}
    groups: set[str] = set()
    users: set[int] = set()
    for line in log:
        if line.kind in EVERYBODYS or (line.kind == "provider" and line.pk in serving):
            return None
        if line.kind == "binding" and everybody.entitled:  # it may be an entitlement's
            return None
        if line.kind == "members":
            users.update(line.joined, line.left)
        if line.kind == "group":
            groups.add(str(line.pk))
    below = _below(tx, groups)
    return frozenset(users).union(*tx.members_of(sorted(below)).values()) if below else frozenset(users)


def _below(tx: Transaction, groups: set[str]) -> frozenset[str]:
    """These and all their descendants."""
    if not groups:
        return frozenset()
    children: dict[str, list[str]] = {}
    for group in tx.select(Group):
        for parent in group.parents:
            children.setdefault(parent, []).append(group.pk)
    return ancestors(groups, lambda pk: children.get(pk, ()))
