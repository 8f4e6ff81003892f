"""Policies and their bindings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.policies.kinds import KINDS
from control.records import Binding, Policy
from control.store.interface import Transaction
from control.verbs import bindings
from control.verbs import policies as verbs
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import any_of, flag, number, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import policies


def resources(random: Random) -> list[Resource[Any]]:
    return [BINDINGS, POLICIES, *KINDS_OF_POLICY]


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

POLICIES = Resource(
    "policies/all",
    Policy,
    "Policy",
    policies.policies,
    readers=auditors,
    delete=verbs.delete,
)


def _create(kind: str, tx: Transaction, body: Mapping[str, Any]) -> Policy:
    return verbs.create(tx, kind, body)


KINDS_OF_POLICY: list[Resource[Any]] = [
    Resource(
        f"policies/{name}",
        Policy,
        kind.title,
        policies.whole_policies,
        fields=kind.fields,
        only={"kind": [name]},
        readers=auditors,
        filters={"name": text("name"), "execution_logging": flag("execution_logging")},
        create=partial(_create, name),
        update=verbs.update,
        delete=verbs.delete,
    )
    for name, kind in KINDS.items()
]
