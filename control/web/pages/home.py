"""Where people arrive: the start page sends them on, `/if/user/` shows what they may open."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from control.bootstrap import setup_pending
from control.launcher import arrival, shelves
from control.verbs.rights import is_superuser
from control.web.browser import BrowserSession, address, browser_session, caller
from control.web.pages.answers import redirect, rendered
from control.web.services import Services

SETUP = "/if/flow/initial-setup/"
SIGN_IN = "/flows/-/default/authentication/"


async def start(request: Request, services: Services) -> Response:
    """Who is signed in goes to their applications, also while the administrator is not set up yet; guests to the one
    that the brand names."""
    signed_in = await browser_session(request, services)
    if signed_in is not None:
        person, here, judge = signed_in.user, address(request, services), services.judge
        to = await services.store.read(lambda tx: arrival(tx, person, here.host, judge, here.client))
        return redirect(to or "/if/user/")
    return redirect(SETUP if await services.store.read(setup_pending) else SIGN_IN)


async def user(request: Request, services: Services) -> Response:
    signed_in = await browser_session(request, services)
    if signed_in is None:
        return _sign_in_first(request)
    person = signed_in.user
    judge, peer = services.judge, caller(request, services).client_ip
    found, rules = await services.store.read(lambda tx: (shelves(tx, person, judge, peer), is_superuser(tx, person.pk)))
    return rendered("user.html", shelves=found, **_frame(signed_in, rules))


def _frame(signed_in: BrowserSession, is_administrator: bool) -> dict[str, Any]:
    """What the bar on top of every page for people who have signed in needs."""
    return {
        "person": signed_in.user,
        "csrf": signed_in.session.csrf,
        "is_administrator": is_administrator,
    }


def _sign_in_first(request: Request) -> Response:
    return redirect(f"{SIGN_IN}?{urlencode({'next': request.url.path})}")
