"""Policies and their bindings."""

from __future__ import annotations

from typing import Any

from control.records import Binding
from control.verbs import bindings
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import any_of, flag, number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import policies


def resources(random: Random) -> list[Resource[Any]]:
    return [BINDINGS]


BINDINGS = Resource(
    "policies/bindings",
    Binding,
    "PolicyBinding",
    policies.bindings,
    fields=bindings.BindingFields,
    readers=auditors,
    ordering=("target", "order"),
    filters={
        "target": text("target"),
        "target_in": any_of("target"),
        "policy": text("policy"),
        "enabled": flag("enabled"),
        "order": number("order"),
        "timeout": number("timeout"),
    },
    create=bindings.create,
    update=bindings.update,
    delete=bindings.delete,
)
