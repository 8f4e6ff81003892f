"""Flows: made, changed and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from control.records import Flow, Provider
from control.store.interface import Query, Transaction
from control.verbs.fields import NON_FIELD, Fields, Invalid, LongText, Name, Slug, overlaid, parse, unique

USES = ("authentication_flow", "authorization_flow", "invalidation_flow")
"""Fields of a provider that name a flow."""
NEEDED = ("authentication", "invalidation")
"""Designations without which nobody gets in or out."""


class FlowFields(Fields):
    name: Name
    slug: Slug
    title: LongText
    designation: Literal[
        "authentication",
        "authorization",
        "invalidation",
        "enrollment",
        "unenrollment",
        "recovery",
        "stage_configuration",
    ]
    authentication: Literal[
        "none",
        "require_authenticated",
        "require_unauthenticated",
        "require_superuser",
        "require_redirect",
        "require_outpost",
        "require_token",
    ] = "none"
    denied_action: Literal["message_continue", "message", "continue"] = "message_continue"
    layout: Literal["stacked", "content_left", "content_right", "sidebar_left", "sidebar_right"] = "stacked"
    background: Annotated[str, Field(max_length=2048)] = ""
    compatibility_mode: bool = False
    policy_engine_mode: Literal["any", "all"] = "any"


def create(tx: Transaction, given: Mapping[str, Any]) -> Flow:
    """Raises Invalid."""
    with unique():
        return tx.insert(Flow(**parse(FlowFields, given).model_dump()))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Flow:
    """Raises Invalid, NotFound."""
    flow = tx.get(Flow, pk)
    fields = overlaid(FlowFields, current(flow), given, partial)
    with unique():
        return tx.update(replace(flow, **fields.model_dump()))


def delete(tx: Transaction, pk: str) -> None:
    """With its bindings; the stages stay. Raises NotFound; Invalid while a provider uses it, or for the last way
    in."""
    flow = tx.get(Flow, pk)
    using = [provider.name for provider in tx.select(Provider) if pk in {getattr(provider, name) for name in USES}]
    if using:
        raise Invalid({NON_FIELD: [f"The provider “{using[0]}” uses this flow. Give it another one first."]})
    alike = Query(equal={"designation": flow.designation})
    if flow.designation in NEEDED and tx.count(Flow, alike) == 1:
        raise Invalid({NON_FIELD: [f"This is the last flow for {flow.designation}: nobody could sign in or out."]})
    tx.delete(flow)


def current(flow: Flow) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(flow, name) for name in FlowFields.model_fields}
