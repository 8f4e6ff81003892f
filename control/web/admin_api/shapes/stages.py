"""Stages of every kind, and the prompts that some of them ask for."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Flow, Prompt, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import prompts
from control.verbs import stages as verbs
from control.verbs.stage_kinds import KINDS
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body, by_pk


def stages(tx: Transaction, records: Sequence[Stage], view: View) -> list[Body]:
    """What every kind has."""
    lines = tx.select(StageBinding, Query(within={"stage": [stage.pk for stage in records]}))
    led = by_pk(tx, Flow, {line.flow for line in lines})
    return [
        {
            "pk": stage.pk,
            "name": stage.name,
            "component": KINDS[stage.kind].component,
            "verbose_name": KINDS[stage.kind].label,
            "verbose_name_plural": f"{KINDS[stage.kind].label}s",
            "meta_model_name": f"{KINDS[stage.kind].app}.{KINDS[stage.kind].model}",
            "flow_set": [
                short_flow(led[pk]) for pk in dict.fromkeys(line.flow for line in lines if line.stage == stage.pk)
            ],
        }
        for stage in records
    ]


def whole_stages(tx: Transaction, records: Sequence[Stage], view: View) -> list[Body]:
    """With the settings of their kind."""
    told = stages(tx, records, view)
    return [{**body, **verbs.current(stage)} for stage, body in zip(records, told, strict=True)]


def short_flow(flow: Flow) -> Body:
    """As it stands in other records' bodies."""
    return {
        "pk": flow.pk,
        "policybindingmodel_ptr_id": flow.pk,
        "name": flow.name,
        "slug": flow.slug,
        "title": flow.title,
        "designation": flow.designation,
        "background_url": flow.background,
        "policy_engine_mode": flow.policy_engine_mode,
        "compatibility_mode": flow.compatibility_mode,
        "export_url": "",
        "layout": flow.layout,
        "denied_action": flow.denied_action,
    }


def fields(tx: Transaction, records: Sequence[Prompt], view: View) -> list[Body]:
    return [
        {
            "pk": prompt.pk,
            **prompts.current(prompt),
            "promptstage_set": stages(tx, prompts.stages_of(tx, prompt), view),
        }
        for prompt in records
    ]
