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


@dataclass(frozen=True, slots=True)
class Prompt(Record):
    """One field of a prompt stage, which any number of stages may ask for."""

    TABLE = "prompt"
    DIRECTORY = True
    SEARCHED = ("name", "field_key", "label")
    UNIQUE = (("name",),)

    name: str
    field_key: str
    label: str
    type: str
    """A key of `control.flows.prompts.TYPES`."""
    pk: str = ""
    required: bool = True
    placeholder: str = ""
    initial_value: str = ""
    order: int = 0
    sub_text: str = ""
    placeholder_expression: bool = False
    initial_value_expression: bool = False
    """The value is an expression that gives it."""
    managed: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation(Record):
    """Lets somebody enrol; ``pk`` is what its link holds."""

    TABLE = "invitation"
    DIRECTORY = True
    HIDDEN = frozenset({"pk"})
    SEARCHED = ("name",)
    INDEXED = ("created_by",)

    name: str
    pk: str = ""
    expires: float | None = None
    fixed_data: dict[str, Any] = field(default_factory=dict)
    """Answers that the person does not give themselves."""
    single_use: bool = True
    flow: str | None = None
    """The only flow that it is good for; None: any that asks for one."""
    created_by: int | None = None


@dataclass(frozen=True, slots=True)
class FlowToken(Record):
    """A link in a letter: where a flow goes on, once, in whatever browser it is opened. ``pk`` is the SHA-256 hex of
    what the link holds."""

    TABLE = "flow_token"
    HIDDEN = frozenset({"pk"})
    INDEXED = ("user", "expires")

    pk: str
    user: int | None = None
    """Whom it was sent to; None: it was not, there is nobody of that name."""
    flow: dict[str, Any] = field(default_factory=dict)
    """`control.flows.state.State`, JSON."""
    created: float = 0.0
    expires: float | None = None
