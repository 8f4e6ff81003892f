"""Who may see the pages of the console: administrators, signed in with a browser."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from control.records import Session
from control.verbs.rights import is_superuser
from control.web import browser
from control.web.admin_api.callers import Caller
from control.web.browser import browser_session, check_csrf
from control.web.pages.answers import GoTo, Stop
from control.web.pages.forms import Form, form_of
from control.web.services import Services

SIGN_IN = "/flows/-/default/authentication/"
CSRF_FIELD = "csrf_token"


@dataclass(frozen=True, slots=True)
class Visitor:
    caller: Caller
    session: Session

    @property
    def csrf(self) -> str:
        return self.session.csrf


async def signed_in(request: Request, services: Services) -> Visitor:
    """Raises GoTo for who has to sign in first."""
    found = await browser_session(request, services)
    if found is None:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise GoTo(f"{SIGN_IN}?{urlencode({'next': here})}")
    rules = await services.store.read(lambda tx: is_superuser(tx, found.user.pk))
    caller = Caller(found.user, rules, browser.address(request, services).client)
    return Visitor(caller, found.session)


async def administrator(request: Request, services: Services) -> Visitor:
    """Raises GoTo, Stop."""
    visitor = await signed_in(request, services)
    if not visitor.caller.is_superuser:
        raise Stop(
            403,
            "Not for this account",
            f"You are signed in as {visitor.caller.user.username}. Only members of a superuser group may open these "
            "pages; an administrator can add you to one.",
        )
    return visitor


async def sent(request: Request, visitor: Visitor, most_bytes: int, most_fields: int) -> Form:
    """The form that was sent, if a page of ours made it. Raises Stop, CrossSite."""
    form = await form_of(request, most_bytes, most_fields)
    check_csrf(request, visitor.session, form.one(CSRF_FIELD))
    return form
