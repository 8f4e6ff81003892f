"""Flows, and which stages they have."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Binding, Flow, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import composing
from control.web.admin_api.resource import View
from control.web.admin_api.shapes import stages
from control.web.admin_api.shapes.parts import Body, by_pk


def flows(tx: Transaction, records: Sequence[Flow], view: View) -> list[Body]:
    pks = [flow.pk for flow in records]
    held: dict[str, list[str]] = {}
    for bound in tx.select(StageBinding, Query(within={"flow": pks}, ordering=("order",))):
        held.setdefault(bound.flow, []).append(bound.stage)
    policies: dict[str, list[str]] = {}
    for line in tx.select(Binding, Query(within={"target": pks}, ordering=("order",))):
        policies.setdefault(line.target, []).append(line.pk)
    return [
        {
            **stages.short_flow(flow),
            "background": flow.background,
            "background_themed_urls": None,
            "stages": held.get(flow.pk, []),
            "policies": policies.get(flow.pk, []),
            "cache_count": 0,
            "authentication": flow.authentication,
            "warnings": composing.warnings(tx, flow),
        }
        for flow in records
    ]


def bindings(tx: Transaction, records: Sequence[StageBinding], view: View) -> list[Body]:
    found = list(by_pk(tx, Stage, {line.stage for line in records}).values())
    shown = {body["pk"]: body for body in stages.stages(tx, found, view)}
    led = by_pk(tx, Flow, {line.flow for line in records})
    return [
        {
            "pk": line.pk,
            "policybindingmodel_ptr_id": line.pk,
            "target": line.flow,
            "stage": line.stage,
            "stage_obj": shown.get(line.stage),
            "evaluate_on_plan": line.evaluate_on_plan,
            "re_evaluate_policies": line.re_evaluate_policies,
            "order": line.order,
            "policy_engine_mode": line.policy_engine_mode,
            "invalid_response_action": line.invalid_response_action,
            "warnings": composing.warnings(tx, led[line.flow]),
        }
        for line in records
    ]
