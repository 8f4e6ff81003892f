"""The pages for people: flows, the launcher, and what stands around them. All of them work without JavaScript."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from control.recovery import USE_TOKEN
from control.web import console
from control.web.pages import branding, flow, home, own
from control.web.pages.answers import Endpoint, guarded
from control.web.pages.assets import serve
from control.web.pages.media import serve as serve_media
from control.web.services import Services

ENDPOINTS: tuple[tuple[str, Endpoint, tuple[str, ...]], ...] = (
    ("/", home.start, ("GET",)),
    ("/if/flow/{slug}/", flow.page, ("GET", "POST")),
    ("/flows/-/default/{purpose}/", flow.default, ("GET", "POST")),
    (USE_TOKEN, flow.use_token, ("GET",)),
    ("/flows/-/cancel/", flow.cancel, ("GET",)),
    (branding.STYLES, branding.styles, ("GET",)),
    ("/if/user/", home.user, ("GET",)),
    (own.CONFIRMED, own.confirmed, ("GET",)),
    ("/if/user/settings/", own.overview, ("GET",)),
    ("/if/user/settings/{section}/", own.section, ("GET", "POST")),
)


def routes(services: Services) -> list[BaseRoute]:
    """Each path with and without its trailing slash, and `/static/*` and `/media/*`."""
    found: list[BaseRoute] = []
    for path, endpoint, methods in ENDPOINTS:
        served = guarded(endpoint, services)
        for spelling in {path, path.rstrip("/") or "/"}:
            found.append(Route(spelling, served, methods=list(methods)))
    found += console.routes(services)
    found.append(Route("/static/{name:path}", serve, methods=["GET"]))
    found.append(Route("/media/{name:path}", serve_media(services.media), methods=["GET"]))
    return found
