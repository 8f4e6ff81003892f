"""Events."""

from __future__ import annotations

from typing import Any

from control.records import Event
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import any_of, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import activity


def resources(random: Random) -> list[Resource[Any]]:
    return [EVENTS]


EVENTS = Resource(
    "events/events",
    Event,
    "Event",
    activity.events,
    ordering=("-created",),
    readers=auditors,
    filters={
        "action": text("action"),
        "actions": any_of("action"),
        "app": text("app"),
        "client_ip": text("client_ip"),
    },
)
