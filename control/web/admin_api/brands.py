"""`/core/brands/current/`: how the host that was asked for looks, for everybody."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from control.brands import serving
from control.purposes import flow_of
from control.records import Brand
from control.records.brands import FLOWS
from control.store.interface import NotFound, Transaction
from control.web.admin_api.endpoint import Open
from control.web.admin_api.refusals import answer
from control.web.browser import address
from control.web.pages.branding import Look
from control.web.services import Services


def routes(services: Services) -> list[BaseRoute]:
    """Before the records': ``current`` would be a brand's key."""

    async def do(request: Request) -> Response:
        host = address(request, services).host
        return answer(await services.store.read(lambda tx: current(tx, host)))

    return [Route("/core/brands/current/", Open(do))]


def current(tx: Transaction, host: str) -> dict[str, Any]:
    """authentik's `CurrentBrand`: flows by their slugs, pictures as pages show them."""
    brand = serving(tx, host)
    look = Look.of(brand)
    return {
        "matched_domain": brand.domain,
        "branding_title": look.title,
        "branding_logo": look.logo,
        "branding_favicon": look.favicon,
        "branding_custom_css": brand.branding_custom_css,
        "ui_footer_links": [],
        "ui_theme": "automatic",
        **{name: _slug(tx, brand, name.removeprefix("flow_")) for name in FLOWS},
        "default_locale": "",
        "flags": {},
    }


def _slug(tx: Transaction, brand: Brand, purpose: str) -> str | None:
    try:
        return flow_of(tx, brand, purpose).slug
    except NotFound:
        return None
