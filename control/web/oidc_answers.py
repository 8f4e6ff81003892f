"""How the endpoints of OpenID Connect answer: JSON that no cache keeps, errors as the RFCs name them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from control.oidc import keys
from control.store.interface import Overloaded, Unavailable
from control.web.pages.answers import Endpoint, Stop
from control.web.pages.forms import FORM, form, media_type
from control.web.services import Services
from protocols.proxy.trust import ForwardingError

log = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
CROSS_ORIGIN = {"Access-Control-Allow-Origin": "*"}
"""Applications in browsers may ask: nothing here is answered because of a cookie."""
PREFLIGHT = {
    **CROSS_ORIGIN,
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Those that are answered, if only by 405."""


class OAuthError(Exception):
    """RFC 6749, 5.2, and RFC 6750, 3.1."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.headers = headers or {}


def both(path: str, served: Callable[[Request], Awaitable[Response]], methods: tuple[str, ...]) -> list[BaseRoute]:
    """With and without the trailing slash."""
    return [Route(f"{path}{end}", served, methods=list(methods)) for end in ("/", "")]


def answered(
    endpoint: Endpoint, services: Services, methods: tuple[str, ...]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint's JSON, or an error's; any exception denies."""

    async def served(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=PREFLIGHT)
        try:
            _allowed(request, methods)
            response = await endpoint(request, services)
        except OAuthError as error:
            body = {"error": error.error, "error_description": str(error)} if error.error else None
            response = to_json(body, error.status, error.headers)
        except Stop as stop:
            response = to_json({"error": "invalid_request", "error_description": stop.text}, stop.status)
        except ForwardingError as error:
            response = to_json({"error": "invalid_request", "error_description": str(error)}, 400)
        except (Unavailable, Overloaded):
            told = {"error": "temporarily_unavailable", "error_description": "The database does not answer."}
            response = to_json(told, 503, {"Retry-After": "2"})
        except keys.NoKey as error:
            log.error("%s", error)
            response = to_json({"error": "server_error", "error_description": str(error)}, 500)
        except Exception:
            log.exception("%s failed", request.url.path)
            response = to_json({"error": "server_error", "error_description": "This is our fault."}, 500)
        response.headers.update({**CROSS_ORIGIN, "X-Content-Type-Options": "nosniff"})
        return response

    return served


def to_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    said = {**NO_STORE, **(headers or {})}
    return Response(status_code=status, headers=said) if body is None else JSONResponse(body, status, said)


def _allowed(request: Request, methods: tuple[str, ...]) -> None:
    if ("GET" if request.method == "HEAD" else request.method) not in methods:
        said = {"Allow": ", ".join((*methods, "OPTIONS"))}
        raise OAuthError(405, "invalid_request", f"This address takes {' and '.join(methods)}.", said)


async def form_fields(request: Request) -> dict[str, str]:
    """RFC 6749, 3.2: parameters come as a form, each once. Raises OAuthError and Stop."""
    if media_type(request) != FORM:
        raise OAuthError(400, "invalid_request", f"Send the parameters as {FORM}.")
    return await form(request)
