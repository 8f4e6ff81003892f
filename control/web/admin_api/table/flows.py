"""Flows."""

from __future__ import annotations

from typing import Any

from control.records import Flow
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import flows


def resources(random: Random) -> list[Resource[Any]]:
    return [FLOWS]


FLOWS = Resource(
    "flows/instances",
    Flow,
    "Flow",
    flows.flows,
    ordering=("slug",),
    readers=auditors,
    lookup="slug",
    filters={
        "flow_uuid": text("pk"),
        "name": text("name"),
        "slug": text("slug"),
        "designation": text("designation"),
        "denied_action": text("denied_action"),
    },
)
