"""Whose name is it? The same user whom the provider's flow would find, whatever the kind of proof."""

from __future__ import annotations

from typing import Any

from control.flows.stages import identification
from control.purposes import headless_flow
from control.records import Provider, Stage, StageBinding, User
from control.store.interface import NotFound, Query, Transaction


def named(tx: Transaction, provider: Provider, name: str, only_confirmed: bool = False) -> User | None:
    """By the first identification stage of the provider's flow; by the defaults if it has none."""
    return identification.named(tx, _identification(tx, provider), name.strip(), only_confirmed)


def _identification(tx: Transaction, provider: Provider) -> dict[str, Any]:
    try:
        flow = headless_flow(tx, provider)
    except NotFound:
        return {}
    lines = tx.select(StageBinding, Query(equal={"flow": flow.pk}, ordering=("order",)))
    stages = tx.select(Stage, Query(equal={"kind": "identification"}, within={"pk": [line.stage for line in lines]}))
    by_pk = {stage.pk: stage for stage in stages}
    return next((by_pk[line.stage].settings for line in lines if line.stage in by_pk), {})
