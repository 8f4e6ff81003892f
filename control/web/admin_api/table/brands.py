"""Brands."""

from __future__ import annotations

from typing import Any

from control.records import Brand
from control.records.brands import FLOWS
from control.verbs import brands
from control.verbs.tokens import Random
from control.web.admin_api.callers import auditors
from control.web.admin_api.lists import flag, text
from control.web.admin_api.resource import Resource
from control.web.admin_api.shapes import brands as shapes


def resources(random: Random) -> list[Resource[Any]]:
    return [BRANDS]


BRANDS = Resource(
    "core/brands",
    Brand,
    "Brand",
    shapes.brands,
    fields=brands.BrandFields,
    ordering=("domain",),
    readers=auditors,
    filters={
        "brand_uuid": text("pk"),
        "domain": text("domain"),
        "default": flag("default"),
        "branding_title": text("branding_title"),
        "web_certificate": text("web_certificate"),
        **{name: text(name) for name in FLOWS},
    },
    create=brands.create,
    update=brands.update,
    delete=brands.delete,
)
