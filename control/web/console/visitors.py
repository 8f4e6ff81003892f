"""Who may see the pages of the console: administrators, signed in with a browser."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from control import sessions
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


class Stale(Exception):
    """What was sent would be done, had its sender shown lately who they are."""

    def __init__(self, form: Form) -> None:
        super().__init__("not recent")
        self.form = form


async def signed_in(request: Request, services: Services) -> Visitor:
    """Raises GoTo for who has to sign in first."""
    found = await browser_session(request, services)
    if found is None:
        raise GoTo(sign_in(request))
    rules = await services.store.read(lambda tx: is_superuser(tx, found.user.pk))
    recent = sessions.is_recent(found.session, services.now())
    caller = Caller(found.user, rules, browser.address(request, services).client, is_recent=recent)
    return Visitor(caller, found.session)


def sign_in(request: Request) -> str:
    """The address at which somebody shows who they are, and comes back."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{SIGN_IN}?{urlencode({'next': here})}"


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


async def sent(request: Request, services: Services, visitor: Visitor, most_bytes: int, most_fields: int) -> Form:
    """The form that was sent, if a page of ours made it. Every change comes by here.

    Raises Stop, CrossSite, and Stale where a browser was left open.
    """
    form = await form_of(request, most_bytes, most_fields)
    check_csrf(request, visitor.session, form.one(CSRF_FIELD))
    if not visitor.caller.is_recent:
        raise Stale(form)
    await services.store.write(lambda tx: sessions.at_work(tx, visitor.session))
    return form
