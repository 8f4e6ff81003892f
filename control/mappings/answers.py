"""Several mappings, one question: what each says, and which are broken."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.expression.environment import Asked
from control.expression.evaluation import Evaluated, evaluate
from control.expression.exposed import Exposed
from control.expression.faults import Fault
from control.expression.people import Facts, thing
from control.records import Application, Event, PropertyMapping, Provider, User
from control.store.interface import Transaction
from protocols.proxy.elsewhere import BACKEND_OVERRIDE, HOST_HEADER, Misdirected, elsewhere
from rules.claimed import directions

LARGEST = 16_384
"""Characters of what one mapping says, as JSON: tokens go into headers, and lines of 64 KiB are looked up nowhere."""


@dataclass(frozen=True, slots=True)
class Broken:
    mapping: PropertyMapping
    fault: Fault
    misdirects: bool = False
    """What it says stands, and whoever it is said of is refused where they would be sent."""


def refuses(broken: Iterable[Broken]) -> bool:
    """Does one of them end the login, as its administrator wants it?"""
    return any(one.mapping.on_failure == "refuse" for one in broken)


@dataclass(frozen=True, slots=True)
class Mappings:
    """``clock`` only counts seconds."""

    clock: Callable[[], float] = field(default=time.monotonic)

    def ask(self, mapping: PropertyMapping, asked: Asked, more: Mapping[str, Exposed] | None = None) -> Evaluated:
        return evaluate(mapping.expression, asked, self.clock, more)


def provider_facts(provider: Provider, application: Application | None) -> Facts:
    """What an expression sees of the provider that it is asked for."""
    fields = {name: getattr(application, name) for name in ("pk", "name", "slug", "group")} if application else {}
    told = Facts("Application", fields, application.name) if application else None
    return Facts(
        "Provider",
        {
            "pk": provider.pk,
            "name": provider.name,
            "client_id": provider.client_id,
            "application": told,
            "backchannel_application": None,
        },
        provider.name,
    )


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


def unfit(value: Any, largest: int) -> Fault | None:
    """Why this is no dictionary of claims or attributes; ``largest``: characters of it as JSON."""
    if value is not None and not isinstance(value, dict):
        return Fault(1, 1, f"It returns a dictionary of names and values, or None; not {type(value).__name__}.")
    if len(json.dumps(value)) > largest:
        return Fault(1, 1, f"It returned more than {largest} characters, which there is no room for.")
    return None


def misdirection(provider: Provider, value: Any) -> Fault | None:
    """Why a reverse proxy can send nobody where this says. ``value`` is not `unfit`."""
    own = value.get("ak_proxy") if value and provider.settings.get("mode") == "proxy" else None
    if not isinstance(own, dict):
        return None
    said = directions(own)
    try:
        elsewhere(said.get(HOST_HEADER, ""), said.get(BACKEND_OVERRIDE, ""))
    except Misdirected as error:
        return Fault(1, 1, f"{error}.")
    return None


def scope_names(provider: Facts, scopes: Sequence[str]) -> dict[str, Exposed]:
    """What an expression of a scope sees beside what every one sees."""
    return {"provider": thing(provider), "token": thing(Facts("Token", {"scope": list(scopes)}))}


def leave_events(
    tx: Transaction, broken: Sequence[Broken], app: str, provider: int | None, user: User | None, client_ip: str
) -> None:
    """authentik's ``property_mapping_exception``, one for each, with what has to be changed and where."""
    application = tx.find(Application, provider=provider) if broken and provider is not None else None
    for one in broken:
        effect = "What it would have said was left out."
        if one.misdirects:
            effect = "Whoever it says so of is refused at the application."
        if one.mapping.on_failure == "refuse":
            effect = "The login was refused."
        context: dict[str, Any] = {
            "message": f"The property mapping “{one.mapping.name}” failed: {one.fault}",
            "mapping": {"pk": one.mapping.pk, "name": one.mapping.name},
            "line": one.fault.line,
            "column": one.fault.column,
            "effect": effect,
            **({"provider": provider} if provider is not None else {}),
        }
        if application is not None:
            context["application"] = {"pk": application.pk, "name": application.name, "slug": application.slug}
        tx.insert(
            Event(
                action="property_mapping_exception",
                app=app,
                context=context,
                user={"pk": user.pk, "username": user.username, "email": user.email} if user is not None else {},
                client_ip=client_ip,
                created=tx.now,
            )
        )
