"""Flows."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Binding, Flow, StageBinding
from control.store.interface import Query, Transaction
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body


def flows(tx: Transaction, records: Sequence[Flow], view: View) -> list[Body]:
    pks = [flow.pk for flow in records]
    stages: dict[str, list[str]] = {}
    for bound in tx.select(StageBinding, Query(within={"flow": pks}, ordering=("order",))):
        stages.setdefault(bound.flow, []).append(bound.stage)
    policies: dict[str, list[str]] = {}
    for line in tx.select(Binding, Query(within={"target": pks}, ordering=("order",))):
        policies.setdefault(line.target, []).append(line.pk)
    return [
        {
            "pk": flow.pk,
            "policybindingmodel_ptr_id": flow.pk,
            "name": flow.name,
            "slug": flow.slug,
            "title": flow.title,
            "designation": flow.designation,
            "background": flow.background,
            "background_url": flow.background,
            "background_themed_urls": None,
            "stages": stages.get(flow.pk, []),
            "policies": policies.get(flow.pk, []),
            "cache_count": 0,
            "policy_engine_mode": flow.policy_engine_mode,
            "compatibility_mode": flow.compatibility_mode,
            "export_url": "",
            "layout": flow.layout,
            "denied_action": flow.denied_action,
            "authentication": flow.authentication,
        }
        for flow in records
    ]
