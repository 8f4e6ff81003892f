"""What the mappings of a provider behind a door add to its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.expression.environment import Asked
from control.expression.people import Facts
from control.mappings import radius
from control.mappings.answers import (
    LARGEST,
    Broken,
    Mappings,
    joined,
    misdirection,
    provider_facts,
    refuses,
    scope_names,
    unfit,
)
from control.mappings.everybody import counting
from control.people import person_facts
from control.records import Application, PropertyMapping, Provider, User
from control.store.interface import Transaction
from control.verbs import property_mappings, secret_attributes
from control.verbs.property_mappings import RADIUS
from protocols.link.messages import Authenticate, ReplyAttribute


@dataclass(frozen=True, slots=True)
class Mapped:
    reply: tuple[ReplyAttribute, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Of a proxy's mappings: `rules.claimed`."""
    broken: tuple[Broken, ...] = ()
    asked_each_time: bool = False
    """They have seen the request and the hour, so that no answer of theirs is used again."""

    @property
    def refused(self) -> bool:
        return refuses(self.broken)


def mapped(tx: Transaction, provider: Provider, user: User, question: Authenticate, run: Mappings) -> Mapped:
    """For whoever has been admitted."""
    if provider.kind not in ("radius", "proxy") or not provider.property_mappings:
        return Mapped()
    facts = provider_facts(provider, tx.find(Application, provider=provider.pk))
    context = {**question.attributes, "protocol": question.protocol}

    def asked() -> Asked:
        hidden = secret_attributes.not_for(tx, provider)
        person = person_facts(tx, user).seen(bool(provider.settings.get("nested_groups")), hidden)
        return Asked(person, question.peer, context=context, of=facts)

    if provider.kind == "radius":
        every = property_mappings.of(tx, provider.property_mappings)
        if chosen := [mapping for mapping in every if mapping.kind == RADIUS]:
            told, broken = radius.reply(chosen, asked(), run)
            return Mapped(told, broken=broken, asked_each_time=True)
    if provider.kind == "proxy" and (counted := counting(tx, provider)):
        return _claimed(counted, asked(), provider, facts, run)
    return Mapped()


def _claimed(
    mappings: Sequence[PropertyMapping], asked: Asked, provider: Provider, facts: Facts, run: Mappings
) -> Mapped:
    claims: dict[str, Any] = {}
    broken: list[Broken] = []
    for mapping in mappings:
        found = run.ask(mapping, asked, scope_names(facts, ()))
        fault = found.fault or unfit(found.value, LARGEST)
        if fault is not None:
            broken.append(Broken(mapping, fault))
        elif found.value:
            claims = joined(claims, found.value)
            if (nowhere := misdirection(provider, found.value)) is not None:
                broken.append(Broken(mapping, nowhere, misdirects=True))
    return Mapped(claims=claims, broken=tuple(broken))
