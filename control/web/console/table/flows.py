"""Flows, which stages they have, the stages, and the prompts of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from control.records import Flow, Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import composing, prompts, stage_bindings, stages
from control.verbs.flows import FlowFields
from control.verbs.stage_kinds import KINDS, Kind
from control.web.admin_api.callers import Caller
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import by_pk
from control.web.admin_api.shapes.stages import whole_stages
from control.web.admin_api.table.flows import BINDINGS, FLOWS
from control.web.admin_api.table.stages import PROMPTS, STAGES
from control.web.console import pickable
from control.web.console.cells import Body, Cell, Column, text
from control.web.console.sections import ROOT, Around, Form, Section, made_by
from control.web.console.table.applications import bound, with_subjects
from control.web.services import Services


def _beside_flow(tx: Transaction, flow: Flow, around: Around) -> Mapping[str, Any]:
    return {
        "lines": composing.stages_of(tx, flow.pk),
        "warnings": composing.warnings(tx, flow),
        "bindings": with_subjects(tx, bound(tx, flow.pk), around.view),
    }


WALKS = Section(
    path="flow/flows",
    title="Flows",
    one="flow",
    about="What somebody goes through to sign in, to get a new password, to make an account: stages, in their order.",
    resource=lambda random: FLOWS,
    columns=(
        Column("Slug", lambda body: Cell(body["slug"], to="."), "slug"),
        Column("Name", text("name"), "name"),
        Column("Purpose", text("designation"), "designation"),
        Column("Stages", lambda body: Cell(str(len(body["stages"])))),
        Column("", lambda body: Cell("look at this", tone="warn") if body["warnings"] else Cell("")),
    ),
    name=lambda body: body["slug"],
    forms={
        "": Form(
            FlowFields,
            first=("name", "slug", "title", "designation", "authentication"),
            create=made_by(lambda random: FLOWS),
        )
    },
    affects=lambda tx, flow: ["Its stages stay, and can be bound to other flows."],
    beside=_beside_flow,
    template="console/flow.html",
    empty="The usual ones are made again when the server starts.",
)


# --- which stages a flow has ---------------------------------------------------------------------------------------


def _lines(tx: Transaction, records: Sequence[StageBinding], view: View) -> list[Body]:
    led = by_pk(tx, Flow, {line.flow for line in records})
    bodies = BINDINGS.shape(tx, records, view)
    return [{**body, "flow": led[line.flow]} for line, body in zip(records, bodies, strict=True)]


STEPS = Section(
    path="flow/bindings",
    title="Stages of flows",
    one="stage of a flow",
    about="Which flow has which stage, where, and what a wrong answer means. Bindings say who goes through it.",
    resource=lambda random: BINDINGS,
    columns=(
        Column("Stage", lambda body: Cell(body["stage_obj"]["name"], to=".")),
        Column("Flow", lambda body: Cell(body["flow"].slug, to=f"{ROOT}/flow/flows/{body['flow'].slug}/"), "flow"),
        Column("Order", text("order"), "order"),
    ),
    name=lambda body: f"{body['stage_obj']['name']} in {body['flow'].slug}",
    forms={
        "": Form(
            stage_bindings.StageBindingFields,
            first=("target", "stage", "order", "invalid_response_action"),
            pickers={"target": pickable.FLOWS, "stage": pickable.STAGES},
            create=made_by(lambda random: BINDINGS),
        )
    },
    current=lambda tx, line: stage_bindings.current(line),
    beside=lambda tx, line, around: {
        "bindings": with_subjects(tx, bound(tx, line.pk), around.view),
        "unbound": "Everybody goes through it.",
    },
    back=lambda tx, line: f"{ROOT}/flow/flows/{tx.get(Flow, line.flow).slug}/",
    template="console/bound.html",
    shape=_lines,
)


# --- stages --------------------------------------------------------------------------------------------------------


async def _make(kind: str, services: Services, caller: Caller, given: Mapping[str, Any]) -> Stage:
    return await services.store.write(lambda tx: stages.create(tx, kind, given), caller.actor)


PICKERS = {
    "fields": pickable.PROMPTS,
    "sources": pickable.ISSUERS,
    "validation_policies": pickable.POLICIES,
    "create_users_group": pickable.GROUPS,
    **dict.fromkeys(("password_stage", "captcha_stage", "webauthn_stage", "configuration_stages"), pickable.STAGES),
    **dict.fromkeys(
        ("target_flow", "configure_flow", "enrollment_flow", "recovery_flow", "passwordless_flow"), pickable.FLOWS
    ),
}


def _form(kind: Kind) -> Form:
    every = tuple(kind.fields.model_fields)
    return Form(
        kind.fields,
        first=every[:6],
        pickers={name: PICKERS[name] for name in every if name in PICKERS},
        create=partial(_make, kind.name),
        label=kind.label,
        about=kind.about,
    )


def _held(tx: Transaction, stage: Stage) -> list[str]:
    lines = tx.select(StageBinding, Query(equal={"stage": stage.pk}))
    slugs = sorted(flow.slug for flow in by_pk(tx, Flow, {line.flow for line in lines}).values())
    return [f"These flows go on without it: {', '.join(slugs)}."] if slugs else []


PLACES = Section(
    path="flow/stages",
    title="Stages",
    one="stage",
    about="Single steps, which any number of flows may have: each asks for something, or does something.",
    resource=lambda random: replace(STAGES, update=stages.update),
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Type", lambda body: Cell(body["verbose_name"]), "kind"),
        Column("Flows", lambda body: Cell(", ".join(one["slug"] for one in body["flow_set"]) or "none")),
    ),
    name=lambda body: body["name"],
    forms={name: _form(kind) for name, kind in KINDS.items()},
    form_of=lambda stage: stage.kind,
    current=lambda tx, stage: stages.current(stage),
    affects=_held,
    shape=whole_stages,
)

QUESTIONS = Section(
    path="flow/prompts",
    title="Prompts",
    one="prompt",
    about="The fields that prompt stages ask for.",
    resource=lambda random: PROMPTS,
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Field", text("field_key"), "field_key"),
        Column("Type", text("type"), "type"),
        Column("Stages", lambda body: Cell(", ".join(one["name"] for one in body["promptstage_set"]) or "none")),
    ),
    name=lambda body: body["name"],
    forms={
        "": Form(
            prompts.PromptFields,
            first=("name", "field_key", "label", "type", "required", "order"),
            create=made_by(lambda random: PROMPTS),
        )
    },
)
