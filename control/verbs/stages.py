"""Stages: one record, its settings typed by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.records import Stage, StageBinding
from control.store.interface import Query, Transaction
from control.verbs import composing
from control.verbs.fields import Invalid, existing, parse, unique
from control.verbs.stage_kinds import KINDS, StageFields
from control.verbs.stage_kinds.ending import RedirectFields
from control.verbs.stage_kinds.proving import IdentificationFields


def create(tx: Transaction, kind: str, given: Mapping[str, Any]) -> Stage:
    """``kind`` is a key of `KINDS`. Raises Invalid."""
    fields = parse(KINDS[kind].fields, given)
    _check(tx, kind, fields)
    with unique():
        return tx.insert(Stage(fields.name, kind, settings=_settings(fields)))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Stage:
    """Raises Invalid, NotFound."""
    stage = tx.get(Stage, pk)
    if not partial:
        parse(KINDS[stage.kind].fields, given)
    fields = parse(KINDS[stage.kind].fields, {**current(stage), **given})
    _check(tx, stage.kind, fields)
    with unique():
        changed = tx.update(replace(stage, name=fields.name, settings=_settings(fields)))
    for line in tx.select(StageBinding, Query(equal={"stage": pk})):
        composing.refuse_circle(tx, line.flow, "target_flow")
    return changed


def delete(tx: Transaction, pk: str) -> None:
    """With its bindings. Raises NotFound."""
    tx.delete(tx.get(Stage, pk))


def current(stage: Stage) -> dict[str, Any]:
    """The fields that a change is laid over: with what the kind fills in for a setting that is not stored."""
    kind = KINDS[stage.kind]
    usual = {
        name: one.get_default(call_default_factory=True)
        for name, one in kind.fields.model_fields.items()
        if not one.is_required()
    }
    return {**usual, **{name: value for name, value in stage.settings.items() if name in usual}, "name": stage.name}


def _settings(fields: StageFields) -> dict[str, Any]:
    return fields.model_dump(exclude={"name"})


def _check(tx: Transaction, kind: str, fields: StageFields) -> None:
    """Raises Invalid."""
    for name, record in KINDS[kind].references.items():
        value = getattr(fields, name)
        named = value if isinstance(value, list) else [value] if value is not None else []
        existing(tx, record, name, named)
    password_stage = fields.password_stage if isinstance(fields, IdentificationFields) else None
    if password_stage is not None and tx.get(Stage, password_stage).kind != "password":
        raise Invalid({"password_stage": ["This is no password stage."]})
    if isinstance(fields, RedirectFields):
        wanted = "target_flow" if fields.mode == "flow" else "target_static"
        if not getattr(fields, wanted):
            raise Invalid({wanted: ["Say where it leads."]})
