"""Brands, in authentik's shape."""

from __future__ import annotations

from collections.abc import Sequence

from control.records import Brand
from control.store.interface import Transaction
from control.verbs.brands import current
from control.web.admin_api.resource import View
from control.web.admin_api.shapes.parts import Body


def brands(tx: Transaction, records: Sequence[Brand], view: View) -> list[Body]:
    return [{"pk": brand.pk, "brand_uuid": brand.pk, **current(brand)} for brand in records]
