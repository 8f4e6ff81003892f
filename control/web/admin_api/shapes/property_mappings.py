"""Property mappings."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import PropertyMapping
from control.store.interface import Transaction
from control.verbs.property_mappings import KINDS, component
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body


def mappings(tx: Transaction, records: Sequence[PropertyMapping], view: View) -> list[Body]:
    """What every kind has."""
    return [
        {
            "pk": mapping.pk,
            "managed": mapping.managed,
            "name": mapping.name,
            "expression": mapping.expression,
            "on_failure": mapping.on_failure,
            "component": component(mapping.kind),
            "verbose_name": KINDS[mapping.kind].label,
            "verbose_name_plural": f"{KINDS[mapping.kind].label}s",
            "meta_model_name": f"{KINDS[mapping.kind].app}.{KINDS[mapping.kind].model.lower()}",
        }
        for mapping in records
    ]


def whole_mappings(tx: Transaction, records: Sequence[PropertyMapping], view: View) -> list[Body]:
    return [{**body, **mapping.settings} for mapping, body in zip(records, mappings(tx, records, view), strict=True)]
