"""How hosts look."""

from __future__ import annotations

from typing import Any

from control.apply.sections import Given, Section
from control.records import Brand
from control.records.brands import FLOWS
from control.store.interface import Transaction
from control.verbs import brands


def _update(tx: Transaction, pk: Any, given: Given) -> Brand:
    """A brand stops being the default one when another becomes it, which may stand further down."""
    waits = given.get("default") is False
    return brands.update(tx, pk, {name: value for name, value in given.items() if name != "default" or not waits})


BRANDS = Section(
    "brands",
    "brand",
    Brand,
    lambda tx, kind, given, random: brands.create(tx, given),
    _update,
    brands.delete,
    lambda tx, brand: brands.current(brand),
    key="domain",
    fields=brands.BrandFields,
    references={
        **dict.fromkeys(FLOWS, "flows"),
        "default_application": "applications",
        "web_certificate": "certificates",
        "client_certificates": "certificates",
    },
    normal=lambda domain: domain.lower().removeprefix("."),
)
