"""Policies: one record, its settings typed by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from control.policies.kinds import KINDS
from control.policies.kinds.kind import PolicyFields
from control.records import Policy, Stage
from control.store.interface import Query, Transaction
from control.verbs import bindings
from control.verbs.fields import NON_FIELD, Invalid, overlaid, parse, unique

COMMON = tuple(PolicyFields.model_fields)


def create(tx: Transaction, kind: str, given: Mapping[str, Any]) -> Policy:
    """``kind`` is a key of `KINDS`. Raises Invalid."""
    fields = parse(KINDS[kind].fields, given)
    with unique():
        return tx.insert(Policy(kind=kind, **_parts(fields)))


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Policy:
    """Raises Invalid, NotFound."""
    policy = tx.get(Policy, pk)
    fields = overlaid(KINDS[policy.kind].fields, current(policy), given, partial)
    with unique():
        return tx.update(replace(policy, **_parts(fields)))


def current(policy: Policy) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {**{name: getattr(policy, name) for name in COMMON}, **policy.settings}


def delete(tx: Transaction, pk: str) -> None:
    """With its bindings. Raises NotFound; Invalid where that would open something to everyone."""
    bindings.refuse_opening(tx, "policy", pk)
    for stage in tx.select(Stage, Query(equal={"kind": "prompt"})):
        if pk in stage.settings.get("validation_policies", ()):
            raise Invalid({NON_FIELD: [f"The stage “{stage.name}” asks this policy. Take it out there first."]})
    tx.delete(tx.get(Policy, pk))


def _parts(fields: PolicyFields) -> dict[str, Any]:
    every = fields.model_dump()
    common = {name: every.pop(name) for name in COMMON}
    return {**common, "settings": every}
