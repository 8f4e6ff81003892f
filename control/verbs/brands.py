"""Brands: made, changed and deleted. There is always exactly one default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from control.records import Application, Brand, Certificate, Flow
from control.records.brands import FLOWS
from control.store.interface import Query, Transaction
from control.targets import is_local
from control.verbs.fields import NON_FIELD, Attributes, Fields, Invalid, Text, Uuid, existing, overlaid, parse, unique
from protocols.proxy.hosts import normalised, without_port

LONGEST_CSS = 64 * 1024
"""Characters: every page's browser fetches it once."""
LONGEST_PICTURE = 64 * 1024
"""Characters of a `data:` URL, which stands in every page."""
MOST_CLIENT_CERTIFICATES = 20

WITHOUT_EFFECT = frozenset({"flow_device_code", "web_certificate", "client_certificates", "attributes"})
"""Fields that are kept for programs that know authentik's API, and change nothing here."""


def _domain(text: str) -> str:
    try:
        domain = without_port(normalised(text.removeprefix("."), "https"))
    except ValueError:
        raise ValueError(f"“{text}” is no domain: write it as in example.com.") from None
    return domain


def _picture(url: str) -> str:
    if url and not is_local(url) and not url.startswith("data:image/"):
        raise ValueError(
            "Name a path here, such as /media/public/logo.png (the operator's folder of pictures), or a data:image/ "
            "URL: pages show no picture from elsewhere."
        )
    return url


Picture = Annotated[str, Field(max_length=LONGEST_PICTURE), AfterValidator(_picture)]


class BrandFields(Fields):
    """authentik's names."""

    domain: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_domain)]
    default: bool = False
    branding_title: Text = "authentik"
    branding_logo: Picture = ""
    branding_favicon: Picture = ""
    branding_custom_css: Annotated[str, Field(max_length=LONGEST_CSS)] = ""
    flow_authentication: Uuid | None = None
    flow_invalidation: Uuid | None = None
    flow_recovery: Uuid | None = None
    flow_unenrollment: Uuid | None = None
    flow_user_settings: Uuid | None = None
    flow_device_code: Uuid | None = None
    default_application: Uuid | None = None
    web_certificate: Uuid | None = None
    client_certificates: Annotated[list[Uuid], Field(max_length=MOST_CLIENT_CERTIFICATES)] = Field(default_factory=list)
    attributes: Attributes = Field(default_factory=dict)


def create(tx: Transaction, given: Mapping[str, Any]) -> Brand:
    """A default one takes the place of the one before. Raises Invalid."""
    fields = _checked(tx, parse(BrandFields, given))
    with unique():
        brand = tx.insert(Brand(**fields))
    _only_default(tx, brand)
    return brand


def update(tx: Transaction, pk: str, given: Mapping[str, Any], partial: bool = True) -> Brand:
    """Raises Invalid, NotFound."""
    brand = tx.get(Brand, pk)
    fields = _checked(tx, overlaid(BrandFields, current(brand), given, partial))
    if brand.default and not fields["default"]:
        raise Invalid({"default": ["Make another brand the default one instead."]})
    with unique():
        brand = tx.update(replace(brand, **fields))
    _only_default(tx, brand)
    return brand


def delete(tx: Transaction, pk: str) -> None:
    """Raises NotFound; Invalid for the default one."""
    brand = tx.get(Brand, pk)
    if brand.default:
        raise Invalid({NON_FIELD: ["This is the default brand. Make another one the default first."]})
    tx.delete(brand)


def current(brand: Brand) -> dict[str, Any]:
    """The fields that a change is laid over."""
    return {name: getattr(brand, name) for name in BrandFields.model_fields} | {
        "client_certificates": list(brand.client_certificates)
    }


def _checked(tx: Transaction, fields: BrandFields) -> dict[str, Any]:
    for name, designation in FLOWS.items():
        flow = getattr(fields, name)
        if flow is not None and existing(tx, Flow, name, [flow])[0].designation != designation:
            raise Invalid({name: [f"Name a flow for {designation}."]})
    if fields.default_application is not None:
        existing(tx, Application, "default_application", [fields.default_application])
    if fields.web_certificate is not None:
        existing(tx, Certificate, "web_certificate", [fields.web_certificate])
    clients = existing(tx, Certificate, "client_certificates", fields.client_certificates)
    return {**fields.model_dump(), "client_certificates": tuple(one.pk for one in clients)}


def _only_default(tx: Transaction, brand: Brand) -> None:
    if brand.default:
        for other in tx.select(Brand, Query(equal={"default": True})):
            if other.pk != brand.pk:
                tx.update(replace(other, default=False))
