"""`/if/user/settings/`: where people look after what is theirs, without JavaScript and without an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from control import sessions
from control.default_flows import CONFIRMATION
from control.store.interface import Actor, NotFound, Transaction
from control.verbs.fields import Invalid
from control.verbs.rights import is_superuser
from control.web.browser import BrowserSession, browser_session, caller, check_csrf
from control.web.pages.answers import GoTo, Stop, message, redirect, rendered
from control.web.pages.forms import form
from control.web.pages.own.section import ROOT, Me, Section
from control.web.pages.own.table import SECTIONS
from control.web.services import Services

SIGN_IN = "/flows/-/default/authentication/"
CONFIRMED = "/if/user/confirmed/"
CONFIRM = f"/if/flow/{CONFIRMATION}/?{urlencode({'next': CONFIRMED})}"
CSRF_FIELD = "csrf_token"
BY_PATH = {section.path: section for section in SECTIONS}
DONE = {
    "rename": "It has its new name.",
    "remove": "It is gone.",
    "end": "The session is over.",
    "end-others": "All other sessions are over.",
    "revoke": "The application asks again next time.",
}


async def overview(request: Request, services: Services) -> Response:
    here = await _signed_in(request, services, ROOT)
    mail = await services.store.read(lambda tx: services.post.server(tx) is not None)
    values = {"title": "Your account", "at": "", "mail": mail, "confirm": CONFIRM}
    return await _page("own/overview.html", services, here, values)


async def confirmed(request: Request, services: Services) -> Response:
    """Where the link ends that confirms an address, on whatever device: whoever reads it need not be signed in."""
    return message(200, "Your address is confirmed", "You can close this page.")


async def section(request: Request, services: Services) -> Response:
    found = BY_PATH.get(request.path_params["section"])
    if found is None:
        raise Stop(404, "Not found", "There is no such page.")
    here = await _signed_in(request, services, found.url)
    if found.recent and not sessions.is_recent(here.session, services.now()):
        return _sign_in(found.url)
    if request.method == "POST":
        return await _act(request, services, found, here)
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _show(services, found, here, {"done": done})


async def _act(request: Request, services: Services, found: Section, here: BrowserSession) -> Response:
    sent = await form(request)
    check_csrf(request, here.session, sent.pop(CSRF_FIELD, ""))
    act = found.acts.get(sent.get("do", ""))
    if act is None:
        raise Stop(400, "That did not work", "What was sent is not a form of this page.")
    me = Me(here.user, here.session, services.random)
    person = {"pk": here.user.pk, "username": here.user.username, "email": here.user.email}
    actor = Actor(person, caller(request, services).client_ip)
    try:
        shown = await services.store.write(lambda tx: act(tx, me, sent), actor)
    except NotFound:
        raise Stop(404, "Not found", "This is not there any more.") from None
    except Invalid as error:
        wrong = [sentence for sentences in error.fields.values() for sentence in sentences]
        return await _show(services, found, here, {"wrong": wrong})
    if shown is None:
        return redirect(f"{found.url}?{urlencode({'done': sent['do']})}")
    return await _show(services, found, here, shown)


async def _show(services: Services, found: Section, here: BrowserSession, more: Mapping[str, Any]) -> Response:
    me = Me(here.user, here.session, services.random)
    looked = await services.store.read(lambda tx: found.look(tx, me))
    return await _page(found.template, services, here, {"title": found.title, "at": found.path, **looked, **more})


async def _page(template: str, services: Services, here: BrowserSession, more: Mapping[str, Any]) -> Response:
    def rules(tx: Transaction) -> bool:
        return is_superuser(tx, here.user.pk)

    values = {"done": "", "wrong": [], "made": None, **more}
    return rendered(
        template,
        person=here.user,
        csrf=here.session.csrf,
        csrf_field=CSRF_FIELD,
        is_administrator=await services.store.read(rules),
        sections=SECTIONS,
        **values,
    )


async def _signed_in(request: Request, services: Services, url: str) -> BrowserSession:
    found = await browser_session(request, services)
    if found is None:
        raise GoTo(_address(url))
    return found


def _address(url: str) -> str:
    return f"{SIGN_IN}?{urlencode({'next': url})}"


def _sign_in(url: str) -> Response:
    return redirect(_address(url))
