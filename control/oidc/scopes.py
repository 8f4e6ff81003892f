"""What the scopes of one client tell about a person: its scope mappings, run for those that were granted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.expression.environment import Asked
from control.expression.exposed import Exposed
from control.expression.faults import Fault
from control.expression.people import Facts, PersonFacts, thing
from control.mappings.answers import LARGEST, Broken, Mappings, provider_facts, refuses
from control.mappings.defaults import is_untouched
from control.oidc.claims import BUILT_IN, Person
from control.oidc.clients import Client
from control.people import person_facts
from control.records import PropertyMapping
from control.store.interface import Transaction

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
        self.facts = self.facts or person_facts(self.tx, self.person.user)
        asked = Asked(self.facts, self.peer, of=provider_facts(self.client.provider, self.client.application))
        found = MAPPINGS.ask(mapping, asked, self._more())
        if found.fault is not None:
            self.broken.append(Broken(mapping, found.fault))
        elif (sentence := unfit(found.value)) is not None:
            self.broken.append(Broken(mapping, Fault(1, 1, sentence)))
        elif found.value is not None:
            self.claims = joined(self.claims, found.value)

    def _more(self) -> Mapping[str, Exposed]:
        return {
            "provider": thing(provider_facts(self.client.provider, self.client.application)),
            "token": thing(Facts("Token", {"scope": list(self.scopes)})),
        }


def unfit(value: Any) -> str | None:
    """Why this cannot be claims, or None."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return f"A scope mapping returns a dictionary of claims, or None; this one returned {type(value).__name__}."
    if len(json.dumps(value)) > LARGEST:
        return f"It returned more than {LARGEST} characters, which no token has room for."
    return None


def joined(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Dictionaries are merged, lists joined without repeating anything; of other values the later one stands."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            value = joined(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            value = [*old, *(item for item in value if item not in old)]
        result[name] = value
    return result
