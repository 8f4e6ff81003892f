"""How pages look: by the brand of the host that the browser asks for.

A brand's style sheet is a file of its own. The strict policy of every page is its fence: it can fetch nothing from
elsewhere, so that it can send nothing there either.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from control.brands import DEFAULT, serving
from control.records import Brand
from control.store.interface import Overloaded, Unavailable
from control.web.browser import address
from control.web.pages.assets import HEADERS, versioned
from control.web.services import Services
from protocols.proxy.trust import ForwardingError

STYLES = "/brands/{pk}.css"
AUTHENTIKS = "/static/dist/"
"""authentik's own pictures lie there, which aren't here: ours stand in for them."""
MARK = "mark.svg"


@dataclass(frozen=True, slots=True)
class Look:
    title: str
    logo: str
    favicon: str
    """Addresses."""
    styles: str = ""
    """Address of the style sheet beside ours; empty: there is none."""

    @classmethod
    def of(cls, brand: Brand) -> Look:
        css = brand.branding_custom_css
        styles = f"{STYLES.format(pk=brand.pk)}?v={_digest(css)}" if css else ""
        title = brand.branding_title or DEFAULT.branding_title
        return cls(title, _picture(brand.branding_logo), _picture(brand.branding_favicon), styles)


def _picture(url: str) -> str:
    return url if url and not url.startswith(AUTHENTIKS) else versioned(MARK)


def _digest(css: str) -> str:
    return hashlib.sha256(css.encode()).hexdigest()[:16]


look: ContextVar[Look] = ContextVar("look", default=Look.of(DEFAULT))  # noqa: B039  # frozen
"""Of the page that is being answered: pages are drawn in many places, most of which know nothing of the request."""


async def wear(request: Request, services: Services) -> None:
    """From here on pages look as the host's brand says; while nobody can say, as ours."""
    try:
        host = address(request, services).host
        look.set(Look.of(await services.store.read(lambda tx: serving(tx, host))))
    except (ForwardingError, Unavailable, Overloaded):
        look.set(Look.of(DEFAULT))


async def styles(request: Request, services: Services) -> Response:
    """What answers at `STYLES`."""
    found = await services.store.read(lambda tx: tx.find(Brand, pk=request.path_params["pk"]))
    if found is None or not found.branding_custom_css:
        return PlainTextResponse("Not found\n", 404, headers={**HEADERS, "Cache-Control": "no-store"})
    css = found.branding_custom_css
    fresh = request.query_params.get("v") == _digest(css)
    kept = "public, max-age=31536000, immutable" if fresh else "public, max-age=300"
    return Response(css.encode(), headers={**HEADERS, "Cache-Control": kept}, media_type="text/css; charset=utf-8")
