"""Under which address we are known."""

from __future__ import annotations

from starlette.requests import Request

from control.verbs.system import public_url
from control.web.browser import address
from control.web.services import Services


async def known_as(request: Request, services: Services) -> str:
    """Scheme and host that everybody knows us by: what an administrator has set, else `base_url`."""
    here = base_url(request, services)
    return await services.store.read(public_url) or here


def base_url(request: Request, services: Services) -> str:
    """Scheme and host from the configuration, else from the request (D25). Raises ForwardingError."""
    here = address(request, services)
    return services.public_url.rstrip("/") or f"{here.scheme}://{here.host}"
