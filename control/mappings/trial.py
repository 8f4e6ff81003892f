"""A mapping tried out: what it would say of somebody, and what running it took. Nothing is kept of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from control.expression.environment import Asked
from control.expression.evaluation import Evaluated
from control.expression.exposed import Exposed, Thing, free
from control.expression.people import Facts, exposed, thing
from control.mappings.answers import Mappings, provider_facts, scope_names
from control.mappings.radius import Packet
from control.people import person_facts
from control.records import Application, PropertyMapping, Provider, User
from control.store.interface import Transaction
from control.verbs import property_mappings, secret_attributes

NOWHERE = Facts(
    "Provider", {"pk": 0, "name": "", "client_id": "", "application": None, "backchannel_application": None}
)
"""A mapping is tried for no provider: several may have it."""


def of_provider(
    tx: Transaction, provider: Provider, user: User, context: Mapping[str, Any], peer: str, run: Mappings
) -> list[dict[str, Any]]:
    """Each of its mappings, tried out by itself."""
    facts = provider_facts(provider, tx.find(Application, provider=provider.pk))
    nested, hidden = bool(provider.settings.get("nested_groups")), secret_attributes.not_for(tx, provider)
    return [
        {
            "name": mapping.name,
            "kind": mapping.kind,
            "on_failure": mapping.on_failure,
            **tried(tx, mapping, user, context, peer, run, facts, nested, hidden),
        }
        for mapping in property_mappings.of(tx, provider.property_mappings)
    ]


def tried(
    tx: Transaction,
    mapping: PropertyMapping,
    user: User | None,
    context: Mapping[str, Any],
    peer: str,
    run: Mappings,
    provider: Facts = NOWHERE,
    nested: bool = False,
    hidden: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """authentik's ``result`` and ``successful``, and beside them value, messages, log, steps, and where it failed."""
    person = person_facts(tx, user).seen(nested, hidden) if user is not None else None
    asked = Asked(person, peer, context=context, of=provider)
    packet = Packet()
    found = run.ask(mapping, asked, _more(mapping.kind, packet, provider, asked))
    value = found.value
    if mapping.kind == property_mappings.RADIUS:
        value = [{"name": one.name, "value": one.value, "tag": one.tag} for one in packet.told]
    return {
        "result": str(found.fault) if found.fault is not None else json.dumps(value, indent=4, ensure_ascii=False),
        "successful": found.fault is None,
        "value": value if found.fault is None else None,
        "skipped": found.skipped,
        "messages": list(found.messages),
        "log": list(found.logged),
        "steps": found.steps,
        "fault": _place(found),
    }


def _more(kind: str, packet: Packet, provider: Facts, asked: Asked) -> dict[str, Exposed]:
    match kind:
        case property_mappings.RADIUS:
            return {"packet": packet, "define_attribute": free("define_attribute", packet.define)}
        case property_mappings.NOTIFICATION:
            return {"notification": thing(_notification(asked))}
        case property_mappings.LDAP_SOURCE:
            return _entry(asked.context)
        case property_mappings.SCOPE:
            return scope_names(provider, ())
        case _:
            return {}


def _entry(context: Mapping[str, Any]) -> dict[str, Any]:
    """As the trial describes it: authentik's names, ``ldap``, ``dn`` and ``properties``."""
    source = Thing("Source", {"slug": "trial", "get_user_path": free("get_user_path", lambda: "trial")})
    known = {name: context.get(name, missing) for name, missing in (("ldap", {}), ("dn", ""), ("properties", {}))}
    return {**exposed(known), "source": source}


def _notification(asked: Asked) -> Facts:
    """Of an event that nobody has seen; ``context`` is what the trial says."""
    event = {"action": "custom_trial", "app": "trial", "context": asked.context, "user": {}, "client_ip": asked.peer}
    told = {"event": Facts("Event", {"pk": "", "created": 0.0, **event}, "custom_trial")}
    body = "This is a trial."
    return Facts(
        "Notification", {"body": body, "severity": "notice", "seen": False, "user": asked.person, **told}, body
    )


def _place(found: Evaluated) -> dict[str, Any] | None:
    if found.fault is None:
        return None
    return {"line": found.fault.line, "column": found.fault.column, "sentence": found.fault.sentence}
