"""Stages: all of them, each kind with its settings, and the prompts that some of them ask for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.records import Prompt, Stage
from control.store.interface import Transaction
from control.verbs import prompts, stages
from control.verbs.stage_kinds import KINDS, Kind
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import stages as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [STAGES, PROMPTS, *(_kind(kind) for kind in KINDS.values())]


STAGES = Resource(
    "stages/all",
    Stage,
    "Stage",
    shapes.stages,
    readers=auditors,
    filters={"name": text("name")},
    delete=stages.delete,
)

PROMPTS = Resource(
    "stages/prompt/prompts",
    Prompt,
    "Prompt",
    shapes.fields,
    fields=prompts.PromptFields,
    readers=auditors,
    filters={
        name: text(name) for name in ("field_key", "name", "label", "type", "placeholder", "initial_value", "sub_text")
    },
    create=prompts.create,
    update=prompts.update,
    delete=prompts.delete,
)


def _kind(kind: Kind) -> Resource[Any]:
    return Resource(
        f"stages/{kind.place}",
        Stage,
        kind.title,
        shapes.whole_stages,
        fields=kind.fields,
        only={"kind": [kind.name]},
        readers=auditors,
        filters={"name": text("name"), "stage_uuid": text("pk")},
        create=partial(_create, kind.name),
        update=stages.update,
        delete=stages.delete,
    )


def _create(kind: str, tx: Transaction, body: Mapping[str, Any]) -> Stage:
    return stages.create(tx, kind, body)
