"""Which stages a flow has, in which order, and what a wrong answer to one means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from control.records import Flow, Stage, StageBinding
from control.store.interface import Transaction
from control.verbs import composing
from control.verbs.fields import Fields, Integer, Uuid, existing, overlaid, parse, unique


class StageBindingFields(Fields):
    target: Uuid
    """The flow."""
    stage: Uuid
    order: Integer
    evaluate_on_plan: bool = False
    re_evaluate_policies: bool = True
    policy_engine_mode: Literal["all", "any"] = "any"
    invalid_response_action: Literal["retry", "restart", "restart_with_context"] = "retry"


def create(tx: Transaction, given: Mapping[str, Any]) -> StageBinding:
    """Raises Invalid."""
    fields = parse(StageBindingFields, given)
    with unique():
        return _sound(tx, tx.insert(StageBinding(**_parts(tx, fields))))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> StageBinding:
    """Raises Invalid, NotFound."""
    line = tx.get(StageBinding, pk)
    fields = overlaid(StageBindingFields, current(line), given, partial)
    with unique():
        return _sound(tx, tx.update(replace(line, **_parts(tx, fields))))


def delete(tx: Transaction, pk: str) -> None:
    """The stage stays. Raises NotFound."""
    tx.delete(tx.get(StageBinding, pk))


def current(line: StageBinding) -> dict[str, Any]:
    """The fields that a change is laid over."""
    named = {"target": "flow"}
    return {name: getattr(line, named.get(name, name)) for name in StageBindingFields.model_fields}


def _parts(tx: Transaction, fields: StageBindingFields) -> dict[str, Any]:
    existing(tx, Flow, "target", [fields.target])
    existing(tx, Stage, "stage", [fields.stage])
    every = fields.model_dump()
    return {"flow": every.pop("target"), **every}


def _sound(tx: Transaction, line: StageBinding) -> StageBinding:
    """Raises Invalid."""
    composing.refuse_crowd(tx, line.flow)
    composing.refuse_circle(tx, line.flow, "stage")
    composing.refuse_pages_for_doors(tx, line.flow)
    return line
