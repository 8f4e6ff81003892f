"""How hosts look, and which flows they have."""

from __future__ import annotations

from control.records.brands import FLOWS
from control.verbs.brands import WITHOUT_EFFECT, BrandFields
from control.web.admin_api.table.brands import BRANDS
from control.web.console import pickable
from control.web.console.cells import Cell, Column, text
from control.web.console.sections import Form, Section, made_by

LOOKS = Section(
    path="core/brands",
    title="Brands",
    one="brand",
    about="What we are called, how pages look and which flows they lead to, by the host that browsers ask for. "
    "The longest domain that fits serves a host, the default brand every other.",
    resource=lambda random: BRANDS,
    columns=(
        Column("Domain", lambda body: Cell(body["domain"], to="."), "domain"),
        Column("Title", text("branding_title"), "branding_title"),
        Column("", lambda body: Cell("default", tone="quiet") if body["default"] else Cell("")),
    ),
    name=lambda body: body["domain"],
    forms={
        "": Form(
            BrandFields,
            first=("domain", "default", "branding_title", "branding_logo", "branding_favicon", "branding_custom_css"),
            left_out=WITHOUT_EFFECT,
            pickers={
                **{name: pickable.flows(designation) for name, designation in FLOWS.items()},
                "default_application": pickable.APPLICATIONS,
            },
            create=made_by(lambda random: BRANDS),
        )
    },
    affects=lambda tx, brand: ["Its hosts look as the next longer domain says, or as the default brand does."],
)
