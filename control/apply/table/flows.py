"""Flows."""

from __future__ import annotations

from control.apply.sections import Section
from control.apply.table.deciding import BINDINGS
from control.records import Flow
from control.verbs import flows

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
    parts=(BINDINGS,),
    at_first=lambda slug: {"name": slug, "title": slug},
    stated=frozenset({"name", "title"}),
    last=True,
)
