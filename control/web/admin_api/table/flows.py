"""Flows, and which stages they have."""

from __future__ import annotations

from typing import Any

from control.records import Flow, StageBinding
from control.verbs import flows as verbs
from control.verbs import stage_bindings
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import flag, number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import flows


def resources(random: Random) -> list[Resource[Any]]:
    return [FLOWS, BINDINGS]


FLOWS = Resource(
    "flows/instances",
    Flow,
    "Flow",
    flows.flows,
    fields=verbs.FlowFields,
    ordering=("slug",),
    readers=auditors,
    lookup="slug",
    filters={
        "flow_uuid": text("pk"),
        "name": text("name"),
        "slug": text("slug"),
        "designation": text("designation"),
        "denied_action": text("denied_action"),
    },
    create=verbs.create,
    update=verbs.update,
    delete=verbs.delete,
)

BINDINGS = Resource(
    "flows/bindings",
    StageBinding,
    "FlowStageBinding",
    flows.bindings,
    fields=stage_bindings.StageBindingFields,
    ordering=("flow", "order"),
    readers=auditors,
    filters={
        "fsb_uuid": text("pk"),
        "target": text("flow"),
        "stage": text("stage"),
        "order": number("order"),
        "evaluate_on_plan": flag("evaluate_on_plan"),
        "re_evaluate_policies": flag("re_evaluate_policies"),
        "policy_engine_mode": text("policy_engine_mode"),
        "invalid_response_action": text("invalid_response_action"),
    },
    create=stage_bindings.create,
    update=stage_bindings.update,
    delete=stage_bindings.delete,
)
