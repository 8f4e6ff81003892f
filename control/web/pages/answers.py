"""How every page answers: rendered by Jinja2, with strict headers, and with a sentence when it goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from control.flows.avatar import avatar
from control.passwords.hashing import Busy
from control.store.interface import Overloaded, Unavailable
from control.web.browser import CrossSite
from control.web.pages.assets import versioned
from control.web.pages.branding import look, wear
from control.web.services import Services
from protocols.proxy.trust import ForwardingError

log = logging.getLogger(__name__)

Endpoint = Callable[[Request, Services], Awaitable[Response]]

STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
PRIVATE = "no-store"


def qr_code(text: str) -> str:
    """A data URL with an SVG image: dark on light, whatever the page's colours."""
    return str(segno.make(text, micro=False).svg_data_uri(scale=4, light="#fff", border=4))


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(static=versioned, avatar=avatar, qr_code=qr_code)


class Stop(Exception):
    """Ends the request with a page that says why. ``text`` is a sentence for the person."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


class GoTo(Exception):
    """Ends the request by sending the browser elsewhere, to a path of ours."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


def rendered(
    template: str, status: int = 200, form_action: Iterable[str] = (), scripts: bool = False, **values: Any
) -> Response:
    """A page. ``form_action`` names the origins beside ours that a form may lead to (browsers check redirects too);
    ``scripts`` are those of our own files."""
    response = HTMLResponse(_templates.get_template(template).render(values, look=look.get()), status)
    response.headers["Content-Security-Policy"] = content_security_policy(form_action, scripts)
    return response


def message(status: int, title: str, text: str) -> Response:
    return rendered("message.html", status, title=title, text=text)


def _later(text: str) -> Response:
    busy = message(503, "Please try again", text)
    busy.headers["Retry-After"] = "2"
    return busy


def redirect(to: str) -> Response:
    """303: whatever the method was, the next request is a GET."""
    return RedirectResponse(to, 303)


def onward(to: str) -> Response:
    """A page that leads to a path of ours by itself. The browser has perhaps come by somebody else's form, whose page
    named us as the last place that it may lead to: no redirect would get beyond us."""
    response = rendered("onward.html", to=to)
    response.headers["Refresh"] = f"0; url={redirect(to).headers['location']}"
    return response


def content_security_policy(form_action: Iterable[str] = (), scripts: bool = False) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            *(("script-src 'self'",) if scripts else ()),
            "style-src 'self'",
            "img-src 'self' data:",
            " ".join(("form-action 'self'", *form_action)),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def guarded(endpoint: Endpoint, services: Services) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint with strict headers on whatever it answers; any exception denies, with a page."""

    async def served(request: Request) -> Response:
        response = await _answered(endpoint, request, services)
        for name, value in STRICT.items():
            response.headers[name] = value
        response.headers.setdefault("Content-Security-Policy", content_security_policy())
        response.headers.setdefault("Cache-Control", PRIVATE)
        return response

    return served


async def _answered(endpoint: Endpoint, request: Request, services: Services) -> Response:
    try:
        await wear(request, services)
        return await endpoint(request, services)
    except GoTo as elsewhere:
        return redirect(elsewhere.to)
    except Stop as stop:
        return message(stop.status, stop.title, stop.text)
    except CrossSite as refusal:
        return message(403, "That did not work", str(refusal))
    except ForwardingError as error:
        return message(400, "The proxy in front has to be set up", str(error))
    except Busy:
        return _later("Too many people are signing in at this moment. Try again shortly.")
    except (Unavailable, Overloaded):
        return _later("The database does not answer at this moment. Try again shortly.")
    except Exception:
        fault = services.random(8).hex()
        log.exception("page %s failed, fault %s", request.url.path, fault)
        return message(500, "Something went wrong", f"This is our fault. The log tells more under {fault}.")
