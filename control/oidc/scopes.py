"""What the scopes of one client tell about a person: its scope mappings, run for those that were granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from control.expression.environment import Asked
from control.expression.people import PersonFacts
from control.mappings.answers import LARGEST, Broken, Mappings, joined, provider_facts, refuses, scope_names, unfit
from control.mappings.defaults import is_untouched
from control.oidc.claims import BUILT_IN, Person
from control.oidc.clients import Client
from control.people import person_facts
from control.records import PropertyMapping
from control.store.interface import Transaction
from control.verbs import secret_attributes

MAPPINGS = Mappings()
RESERVED = frozenset(
    {*("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash")}
    | {*("sid", "uid", "scope", "client_id", "active", "username", "token_type", "events")}
)
"""Claims that say who, for whom and how long (OpenID Connect Core, 2; RFC 7662, 2.2): no mapping's to say."""


@dataclass(frozen=True, slots=True)
class Told:
    claims: dict[str, Any]
    broken: tuple[Broken, ...] = ()

    @property
    def refused(self) -> bool:
        return refuses(self.broken)


def told(tx: Transaction, client: Client, person: Person, scopes: Sequence[str], peer: str = "") -> Told:
    """In the order of their scopes' names. Claims of the protocol's own, such as ``sub``, are not theirs to say."""
    run = _Run(tx, client, person, scopes, peer)
    for mapping in sorted(client.mappings, key=lambda one: one.settings["scope_name"]):
        if mapping.settings["scope_name"] in scopes:
            run.add(mapping)
    return Told({name: value for name, value in run.claims.items() if name not in RESERVED}, tuple(run.broken))


@dataclass
class _Run:
    tx: Transaction
    client: Client
    person: Person
    scopes: Sequence[str]
    peer: str
    claims: dict[str, Any] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    facts: PersonFacts | None = None
    """Read when the first mapping needs them: those of every store do not."""

    def add(self, mapping: PropertyMapping) -> None:
        built_in = BUILT_IN.get(mapping.managed or "")
        if built_in is not None and is_untouched(mapping):
            self.claims = joined(self.claims, built_in(self.person))
            return
        if self.facts is None:
            hidden = secret_attributes.not_for(self.tx, self.client.provider)
            self.facts = person_facts(self.tx, self.person.user).seen(self.client.nested_groups, hidden)
        provider = provider_facts(self.client.provider, self.client.application)
        found = MAPPINGS.ask(mapping, Asked(self.facts, self.peer, of=provider), scope_names(provider, self.scopes))
        fault = found.fault or unfit(found.value, LARGEST)
        if fault is not None:
            self.broken.append(Broken(mapping, fault))
        elif found.value is not None:
            self.claims = joined(self.claims, found.value)
