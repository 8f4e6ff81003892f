"""Flows and their stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from control.records.record import Record


@dataclass(frozen=True, slots=True)
class Flow(Record):
    TABLE = "flow"
    DIRECTORY = True
    SEARCHED = ("name", "slug", "title")
    UNIQUE = (("slug",),)

    slug: str
    name: str
    title: str
    designation: str
    pk: str = ""
    authentication: str = "none"
    """none, require_authenticated, require_unauthenticated, require_superuser."""
    denied_action: str = "message_continue"
    layout: str = "stacked"
    background: str = ""
    compatibility_mode: bool = False
    policy_engine_mode: str = "any"
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Stage(Record):
    TABLE = "stage"
    DIRECTORY = True
    UNIQUE = (("name",),)

    name: str
    kind: str
    """A name of the table in `control.flows.stages`."""
    pk: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class StageBinding(Record):
    TABLE = "stage_binding"
    DIRECTORY = True
    UNIQUE = (("flow", "stage", "order"),)

    flow: str
    stage: str
    order: int
    pk: str = ""
    evaluate_on_plan: bool = False
    re_evaluate_policies: bool = True
    invalid_response_action: str = "retry"
    policy_engine_mode: str = "any"
    managed: str | None = None
