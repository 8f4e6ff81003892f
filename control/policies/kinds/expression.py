"""Expressions: what authentik's users write in Python, and whether what it gives counts as true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field

from control import people
from control.expression.environment import Asked
from control.expression.evaluation import check, evaluate
from control.expression.http import HttpFacts
from control.expression.people import Facts
from control.expression.program import LIMITS
from control.expression.syntax import LONGEST
from control.mappings.facts import event_facts
from control.policies.asking import Around, Asking, Broken, Verdict
from control.policies.kinds.kind import Kind, PolicyFields
from control.records import Event
from control.store.interface import Transaction
from protocols.link.messages import VisitorRequest

MOST_FIELDS = 100
"""Of a query; in one with more, expressions see the text alone."""


def _sound(source: str) -> str:
    if faults := check(source):
        raise ValueError(" ".join(map(str, faults)))
    return source


class ExpressionFields(PolicyFields):
    expression: Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_sound)]


def decide(tx: Transaction, settings: Mapping[str, Any], asking: Asking, around: Around) -> Verdict:
    """It can look at anything, so it is asked each time. Raises Broken."""
    limits = replace(LIMITS, seconds=min(LIMITS.seconds, around.seconds))
    where = around.places.context(asking.peer)
    found = evaluate(settings["expression"], asked(tx, asking, where), around.clock, limits=limits)
    verdict = Verdict(found.passing, found.messages, None, found.logged, found.value, found.steps)
    if found.fault is not None:
        raise Broken(str(found.fault), verdict)
    return verdict


def asked(tx: Transaction, asking: Asking, where: Mapping[str, Any]) -> Asked:
    """What `request`, `context` and the other names are made from."""
    person = people.person_facts(tx, asking.user) if asking.user is not None else None
    context = {**where, **asking.attributes, **asking.context}  # what a door knows is there by its own names
    if isinstance(event := context.get("event"), Event):
        context["event"] = event_facts(event)
    http = asking.http or _http(asking)
    return Asked(person, asking.peer, http, context, _target(asking))


def _http(asking: Asking) -> HttpFacts | None:
    """None: the door speaks no HTTP."""
    host = asking.attributes.get("host")
    if host is None:
        return None
    path, _, query = asking.attributes.get("path", "/").partition("?")
    visitor = asking.visitor or VisitorRequest("https")
    return HttpFacts(
        asking.attributes.get("method", "GET"),
        visitor.scheme,
        host,
        path,
        dict(parse_qsl(query, keep_blank_values=True)) if query.count("&") < MOST_FIELDS else {},
        query,
        visitor.headers,
        asking.peer,
    )


def _target(asking: Asking) -> Facts | None:
    target = asking.target
    if target is None:
        return None
    fields = {name: value for name in ("pk", "name", "slug") if (value := getattr(target, name, None)) is not None}
    return Facts(type(target).__name__, fields, str(fields.get("name", "")))


KIND = Kind(
    "expression", "Expression Policy", "Passes if an expression gives something true.", ExpressionFields, decide
)
