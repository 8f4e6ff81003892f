"""Property mappings, a form for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from control.records import PropertyMapping, Provider
from control.store.interface import Transaction
from control.verbs import property_mappings
from control.verbs.property_mappings import KINDS
from control.web.admin_api.callers import Caller
from control.web.admin_api.shapes.property_mappings import whole_mappings
from control.web.admin_api.table.property_mappings import ALL
from control.web.console.cells import Cell, Column
from control.web.console.sections import Form, Section
from control.web.services import Services


async def _make(kind: str, services: Services, caller: Caller, given: Mapping[str, Any]) -> PropertyMapping:
    return await services.store.write(lambda tx: property_mappings.create(tx, kind, given), caller.actor)


def _form(kind: str) -> Form:
    described = KINDS[kind]
    every = described.fields.model_fields
    return Form(
        described.fields,
        first=tuple(name for name in ("name", "scope_name", "expression") if name in every),
        left_out=frozenset({"managed"}),
        create=partial(_make, kind),
        label=described.label,
        about=described.purpose,
    )


def _affects(tx: Transaction, mapping: PropertyMapping) -> list[str]:
    using = [provider.name for provider in tx.select(Provider) if mapping.pk in provider.property_mappings]
    return [f"These providers go on without it: {', '.join(sorted(using)[:10])}."] if using else []


SAYINGS = Section(
    path="core/property-mappings",
    title="Property mappings",
    one="property mapping",
    about="Expressions that say what applications, directories and network devices are told of a person.",
    resource=lambda random: replace(ALL, update=property_mappings.update),
    columns=(
        Column("Name", lambda body: Cell(body["name"], to="."), "name"),
        Column("Type", lambda body: Cell(body["verbose_name"]), "kind"),
        Column("Scope", lambda body: Cell(body.get("scope_name", ""))),
        Column("", lambda body: Cell("there from the start" if body["managed"] else "")),
    ),
    name=lambda body: body["name"],
    forms={kind: _form(kind) for kind in KINDS},
    form_of=lambda mapping: mapping.kind,
    current=lambda tx, mapping: property_mappings.current(mapping),
    affects=_affects,
    shape=whole_mappings,
    empty="The usual ones are made again when the server starts.",
)
