"""Property mappings: all of them, and each kind with its fields."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from control.records import PropertyMapping
from control.store.interface import Transaction
from control.verbs import property_mappings
from control.verbs.property_mappings import KINDS, SCOPE
from control.verbs.tokens import Random
from control.web.admin_api.lists import Narrowed, any_of, boolean, text
from control.web.admin_api.narrowing import setting
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import property_mappings as shapes

PATH = "propertymappings"


def resources(random: Random) -> list[Resource[Any]]:
    return [ALL, *(_kind(kind) for kind in KINDS)]


def _without_managed(tx: Transaction, values: list[str]) -> Narrowed:
    said = boolean(values[-1])
    if said is None:
        return {}
    return {"pk": [mapping.pk for mapping in tx.select(PropertyMapping) if (mapping.managed is None) == said]}


FILTERS = {"managed": any_of("managed"), "managed__isnull": _without_managed, "name": text("name")}
ALL = Resource(
    f"{PATH}/all",
    PropertyMapping,
    "PropertyMapping",
    shapes.mappings,
    filters=FILTERS,
    delete=property_mappings.delete,
)


def _kind(kind: str) -> Resource[Any]:
    return Resource(
        f"{PATH}/{KINDS[kind].path}",
        PropertyMapping,
        KINDS[kind].model,
        shapes.whole_mappings,
        fields=KINDS[kind].fields,
        only={"kind": [kind]},
        filters={**FILTERS, **({"scope_name": setting(PropertyMapping, "scope_name")} if kind == SCOPE else {})},
        create=partial(_create, kind),
        update=property_mappings.update,
        delete=property_mappings.delete,
    )


def _create(kind: str, tx: Transaction, body: Mapping[str, Any]) -> PropertyMapping:
    return property_mappings.create(tx, kind, body)
