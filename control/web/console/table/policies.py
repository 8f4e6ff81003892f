"""Policies, a form for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from control.policies.kinds import KINDS
from control.policies.kinds.kind import Kind
from control.records import Binding, Policy
from control.store.interface import Query, Transaction
from control.verbs import policies
from control.web.admin_api.callers import Caller
from control.web.admin_api.shapes.policies import whole_policies
from control.web.admin_api.table.policies import POLICIES
from control.web.console.cells import Cell, Column
from control.web.console.sections import Around, Form, Section
from control.web.console.table.applications import with_targets
from control.web.services import Services


async def _make(kind: str, services: Services, caller: Caller, given: Mapping[str, Any]) -> Policy:
    return await services.store.write(lambda tx: policies.create(tx, kind, given), caller.actor)


def _form(kind: Kind) -> Form:
    every = [name for name in kind.fields.model_fields if name != "execution_logging"]
    return Form(
        kind.fields,
        first=tuple(every),
        create=partial(_make, kind.name),
        label=kind.label,
        about=kind.about,
    )


def _bound(tx: Transaction, policy: Policy) -> list[Binding]:
    return tx.select(Binding, Query(equal={"policy": policy.pk}))


def _beside(tx: Transaction, policy: Policy, around: Around) -> Mapping[str, Any]:
    return {"bindings": with_targets(tx, _bound(tx, policy), around.view)}


def _affects(tx: Transaction, policy: Policy) -> list[str]:
    count = len(_bound(tx, policy))
    return [f"Its {count} bindings are deleted." if count > 1 else "Its binding is deleted."] if count else []


ASKED = Section(
    path="policy/policies",
    title="Policies",
    one="policy",
    about="Rules that say yes or no when they are asked. A binding says where: at an application, a flow or a stage.",
    resource=lambda random: replace(POLICIES, update=policies.update),
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Type", lambda body: Cell(body["verbose_name"]), "kind"),
        Column("Bindings", lambda body: Cell(str(body["bound_to"]), tone="" if body["bound_to"] else "quiet")),
    ),
    name=lambda body: body["name"],
    forms={name: _form(kind) for name, kind in KINDS.items()},
    form_of=lambda policy: policy.kind,
    current=lambda tx, policy: policies.current(policy),
    affects=_affects,
    beside=_beside,
    template="console/policy.html",
    shape=whole_policies,
    empty="Users and groups need none: bind them. A policy is for hours, networks, countries, or what Python can say.",
)
