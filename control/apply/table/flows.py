"""Flows, their stages, and the prompts of these."""

from __future__ import annotations

from control.apply.sections import Part, Section
from control.apply.table.deciding import BINDINGS
from control.records import Flow, Prompt, Stage, StageBinding
from control.verbs import flows, prompts, stage_bindings, stages
from control.verbs.stage_kinds import KINDS

PROMPTS = Section(
    "prompts",
    "prompt",
    Prompt,
    lambda tx, kind, given, random: prompts.create(tx, given),
    prompts.update,
    prompts.delete,
    lambda tx, prompt: prompts.current(prompt),
    fields=prompts.PromptFields,
    last=True,
)

STAGES = Section(
    "stages",
    "stage",
    Stage,
    lambda tx, kind, given, random: stages.create(tx, kind, given),
    stages.update,
    stages.delete,
    lambda tx, stage: stages.current(stage),
    kinds={name: kind.fields for name, kind in KINDS.items()},
    references={
        "fields": "prompts",
        "sources": "sources",
        "validation_policies": "policies",
        "create_users_group": "groups",
        **dict.fromkeys(("password_stage", "captcha_stage", "webauthn_stage", "configuration_stages"), "stages"),
        **dict.fromkeys(
            ("target_flow", "configure_flow", "enrollment_flow", "recovery_flow", "passwordless_flow"), "flows"
        ),
    },
    last=True,
)

LINES = Part(
    "stages",
    StageBinding,
    "target",
    stage_bindings.StageBindingFields,
    stage_bindings.create,
    stage_bindings.update,
    stage_bindings.delete,
    same=("stage",),
    example="[{stage: default-authentication-identification}, {stage: my-password}]",
    references={"stage": "stages"},
    held="flow",
    parts=(BINDINGS,),
)

FLOWS = Section(
    "flows",
    "flow",
    Flow,
    lambda tx, kind, given, random: flows.create(tx, given),
    flows.update,
    flows.delete,
    lambda tx, flow: flows.current(flow),
    key="slug",
    fields=flows.FlowFields,
    parts=(BINDINGS, LINES),
    at_first=lambda slug: {"name": slug, "title": slug},
    stated=frozenset({"name", "title"}),
    last=True,
)
